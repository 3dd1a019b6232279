"""Bodies that say to be packed are refused before a byte of them is read, and none is unpacked."""

import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp.http_parser import DeflateBuffer

from tests.handlers.conftest import Service
from tests.harness.wire import WireAnswer, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODINGS = ["gzip", "deflate", "br", "zstd", "x-gzip", "identity, gzip", "GZIP", "unknown"]
CALLS = [
    ("GET", "/healthz", None),
    ("GET", "/", None),
    ("GET", "/nowhere", None),
    ("POST", "/healthz", None),
    ("PUT", "/api/v1/courses/c1", "root"),
    ("PUT", "/api/v1/courses/c1", None),
    ("POST", "/api/v1/modules/m1/videos", "tess"),
    ("POST", "/api/v1/uploads", "tess"),
    ("OPTIONS", "/api/v1/uploads", None),
    ("GET", "/play/grant/events", None),
]
# To what has no route aiohttp answers 100 by itself, before the 415.
ROUTED = [call for call in CALLS if call[:2] not in (("GET", "/nowhere"), ("POST", "/healthz"))]
EXPECTING = ("Expect: 100-continue",)
SIZE_BYTES = 2 * 2**20


@pytest.fixture(autouse=True)
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of what aiohttp was given to unpack."""
    sizes: list[int] = []
    monkeypatch.setattr(DeflateBuffer, "feed_data", lambda _, data, size: sizes.append(size))
    return sizes


def authorization(service: Service, who: str | None) -> list[str]:
    return [f"Authorization: {service._speaking(who).headers['Authorization']}"] if who else []


async def refusal(
    service: Service,
    method: str,
    path: str,
    who: str | None,
    coding: str,
    body: bytes = b"",
    fields: Sequence[str] = (),
) -> WireAnswer:
    """The answer, which closes, to a head of such a request, with as much of its body."""
    async with connected(service.url) as wire:
        await wire.send(
            f"{method} {path} HTTP/1.1",
            "Host: x",
            *authorization(service, who),
            *fields,
            f"Content-Encoding: {coding}",
            f"Content-Length: {SIZE_BYTES}",
            body=body,
        )
        return await wire.answer()


@pytest.mark.parametrize(("method", "path", "who"), CALLS, ids=lambda it: str(it))
async def test_packed_body_is_refused_everywhere(
    shared_service: Service, unpacked: list[int], method: str, path: str, who: str | None
) -> None:
    for coding in CODINGS:
        answer = await refusal(shared_service, method, path, who, coding)

        assert answer.status == 415
        assert answer.headers["Accept-Encoding"] == "identity"
        assert answer.headers["Connection"] == "close"
        assert b'"urn:coursestream:unsupported-format"' in answer.body
    assert unpacked == []


@pytest.mark.parametrize(("method", "path", "who"), ROUTED, ids=lambda it: str(it))
async def test_packed_body_is_not_asked_for(
    shared_service: Service, method: str, path: str, who: str | None
) -> None:
    answer = await refusal(shared_service, method, path, who, "gzip", fields=EXPECTING)

    assert answer.status == 415


@pytest.mark.parametrize("expecting", [(), EXPECTING], ids=["sent", "expecting"])
@pytest.mark.parametrize("coding", ["gzip, chunked", "identity, chunked", 'x;a="b,c", chunked'])
@pytest.mark.parametrize(("method", "path", "who"), ROUTED, ids=lambda it: str(it))
async def test_body_of_another_transfer_coding_is_refused(
    shared_service: Service,
    method: str,
    path: str,
    who: str | None,
    coding: str,
    expecting: Sequence[str],
) -> None:
    """RFC 9112 section 6.1: nothing would unpack it."""
    fields = (*authorization(shared_service, who), *expecting, f"Transfer-Encoding: {coding}")
    async with connected(shared_service.url) as wire:
        answer = await wire.ask(f"{method} {path} HTTP/1.1", "Host: x", *fields)

    assert answer.status == 501
    assert answer.headers["Connection"] == "close"
    assert b'"urn:coursestream:unsupported-format"' in answer.body


async def test_body_as_it_is_is_asked_for(shared_service: Service) -> None:
    answer = await refusal(
        shared_service, "PUT", "/api/v1/courses/c1", "root", "identity", fields=EXPECTING
    )

    assert answer.status == 100


async def test_bomb_is_never_unpacked(shared_service: Service, unpacked: list[int]) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(2**26)) + packer.flush()

    answer = await refusal(shared_service, "GET", "/healthz", None, "gzip", bomb)

    assert answer.status == 415
    assert unpacked == []


async def test_what_is_no_packing_writes_no_traceback(
    shared_service: Service, unblamed: pytest.LogCaptureFixture
) -> None:
    for coding in ("gzip", "deflate", "br", "zstd"):
        answer = await refusal(shared_service, "GET", "/healthz", None, coding, b"no packing")
        assert answer.status == 415

    assert [record for record in unblamed.records if record.exc_info] == []


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
async def test_body_as_it_is_may_say_so(shared_service: Service, coding: str) -> None:
    answer = await shared_service.ask(
        "root", "PUT", "courses/c1", {"title": "One"}, headers={"Content-Encoding": coding}
    )

    assert answer.said == "200"


async def test_part_of_a_form_is_taken_as_it_is(shared_service: Service, mp4: Any) -> None:
    head = (
        '--a\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n'
        "Content-Encoding: gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )

    answer = await shared_service.ask(
        "tess",
        "POST",
        "modules/m1/videos",
        data=head.encode() + mp4.read_bytes() + b"\r\n--a--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=a"},
    )

    assert answer.said == "201"
