"""Presigned URLs: their access, their lifetime, and missing credentials."""

from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest

from storage.s3.errors import S3SourceGone, S3SourceUnavailable
from storage.s3.presigned_urls import LONGEST_LIFE_S, open_client, presign_url, require_object
from tests.harness.running import free_port
from tests.programs.object_store import BUCKET, REGION, ObjectStore, object_store

KEYS = ["a b.mp4", "a+b%20c.mp4", "../up.mp4", "Vorlesung über Größe.mp4", "k" * 1024]


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as made:
        made.reset()
        yield made


def opened(url: str, method: str = "GET", **headers: str) -> bytes:
    with urlopen(Request(url, method=method, headers=headers), timeout=10) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:12])
def test_an_address_opens_the_object_whatever_its_key(store: ObjectStore, key: str) -> None:
    store.put(key, b"content")
    client = open_client(store.endpoint_url, REGION)
    url = presign_url(client, "GET", BUCKET, key, 60, None)
    assert opened(url) == b"content"
    assert opened(url, Range="bytes=2-4") == b"nte"
    assert opened(presign_url(client, "HEAD", BUCKET, key, 60, None), "HEAD") == b""
    require_object(client, BUCKET, key)


@pytest.mark.parametrize(("asked_s", "told_s"), [(60, 60), (-5, 1), (10**9, LONGEST_LIFE_S)])
def test_it_lives_as_long_as_asked_and_allowed(
    store: ObjectStore, asked_s: int, told_s: int
) -> None:
    client = open_client(store.endpoint_url, REGION)
    query = parse_qs(urlsplit(presign_url(client, "GET", BUCKET, "a", asked_s, None)).query)
    assert query["X-Amz-Expires"] == [str(told_s)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


def test_amazons_own_are_addressed_by_the_buckets_host(store: ObjectStore) -> None:
    url = presign_url(open_client(None, "eu-central-1"), "GET", BUCKET, "a", 60, None)
    assert urlsplit(url).netloc == f"{BUCKET}.s3.eu-central-1.amazonaws.com"


def test_what_is_gone_and_what_cannot_be_asked_are_distinguished(store: ObjectStore) -> None:
    client = open_client(store.endpoint_url, REGION)
    for bucket, key in ((BUCKET, "never"), ("never-made", "a")):
        with pytest.raises(S3SourceGone):
            require_object(client, bucket, key)
    with pytest.raises(S3SourceUnavailable):
        require_object(open_client(f"http://127.0.0.1:{free_port()}", REGION), BUCKET, "a")
    with pytest.raises(HTTPError, match="404"):
        opened(presign_url(client, "GET", BUCKET, "never", 60, None))


def test_without_credentials_or_an_endpoint_there_is_no_client(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(S3SourceUnavailable, match="endpoint"):
        open_client("no URL", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(S3SourceUnavailable, match="credentials"):
        open_client(store.endpoint_url, REGION)
