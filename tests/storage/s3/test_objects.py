"""Conversion of S3's answers to a HEAD."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from storage.s3.errors import S3Error
from storage.s3.locations import Location
from storage.s3.objects import S3Object, look_up, open_client

HERE, THERE = Location("b-1", "a+b.mp4"), Location("b-1", "a b.mp4")
LIMIT = 1000
FACTS = {"ContentLength": 4, "ETag": '"e"'}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        made = open_client("http://127.0.0.1:1", "us-east-1", None, 1)
    yield made
    made.close()


def asked(client: Any, *answers: dict[str, Any] | tuple[str, int]) -> S3Object:
    """The result of `look_up` for these answers of S3, in turn; errors as code and status."""
    with Stubber(client) as stub:
        for answer in answers:
            if isinstance(answer, dict):
                stub.add_response("head_object", answer)
            else:
                stub.add_client_error("head_object", *answer[:1], http_status_code=answer[1])
        found = look_up(client, LIMIT, (HERE, THERE))
        stub.assert_no_pending_responses()
    return found


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([FACTS], S3Object(HERE, "found", 4, "e")),
        ([("404", 404), FACTS], S3Object(THERE, "found", 4, "e")),
        ([FACTS | {"ContentLength": LIMIT}], S3Object(HERE, "found", LIMIT, "e")),
        ([FACTS | {"ContentEncoding": "aws-chunked"}], S3Object(HERE, "found", 4, "e")),
        ([FACTS | {"ContentEncoding": "identity, "}], S3Object(HERE, "found", 4, "e")),
        ([FACTS | {"StorageClass": "GLACIER_IR"}], S3Object(HERE, "found", 4, "e")),
    ],
)
def test_the_first_that_exists_is_it(client: Any, answers: list[Any], expected: S3Object) -> None:
    assert asked(client, *answers) == expected


@pytest.mark.parametrize(
    ("answers", "state", "said"),
    [
        ([("404", 404), ("404", 404)], "missing", "no such object"),
        ([("NoSuchBucket", 404), ("NoSuchBucket", 404)], "missing", "no such object"),
        ([("403", 403)], "denied", "s3:GetObject"),
        ([("404", 404), ("403", 403)], "denied", "s3:ListBucket"),
        ([("SlowDown", 503)], "unreachable", "SlowDown"),
        ([FACTS | {"ContentEncoding": "gzip"}], "encoded", "Content-Encoding gzip"),
        ([FACTS | {"ContentEncoding": "aws-chunked,BR"}], "encoded", "Content-Encoding br:"),
        ([FACTS | {"ContentLength": 0}], "empty", "no bytes"),
        ([FACTS | {"ContentLength": LIMIT + 1}], "too-large", "1000 bytes"),
        ([FACTS | {"StorageClass": "GLACIER"}], "archived", "'Days=7'"),
        ([FACTS | {"StorageClass": "DEEP_ARCHIVE"}], "archived", "--key a+b.mp4"),
        (
            [FACTS | {"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"}],
            "archived",
            "--restore-request '{}'",
        ),
        (
            [FACTS | {"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'}],
            "archived",
            "being restored",
        ),
    ],
)
def test_what_is_in_the_way_is_reported(
    client: Any, answers: list[Any], state: str, said: str
) -> None:
    found = asked(client, *answers)
    assert found.state == state
    assert said in found.detail


def test_an_s3_that_is_away_is_reported_of_the_object(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(client, "head_object", away)
    found = look_up(client, LIMIT, (HERE, THERE))
    assert found.state == "unreachable"
    assert "127.0.0.1:1" in found.detail


@pytest.mark.parametrize("options", [("no url", None, None), (None, None, "nobody")])
def test_what_is_wrong_for_every_object_is_no_object_s_fault(options: Any) -> None:
    with pytest.raises(S3Error):
        open_client(*options, 1)  # type: ignore[call-arg, misc]
