"""Byte ranges (RFC 9110 section 14) through the whole stack, byte by byte on a socket.

What a Range means is told case by case by `ranges.py`'s own table; here is what a client gets.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from handlers import keys
from tests.handlers.conftest import Service, StartService, furnish
from tests.harness.wire import Wire, WireAnswer, connected
from tests.service.answers import comparable, is_last
from tests.service.range_rows import IGNORED, ONE_RANGE, SEVERAL_RANGES, UNSATISFIABLE, filled

pytestmark = pytest.mark.asyncio(loop_scope="module")

Span = tuple[int, int]  # half-open


@dataclass(frozen=True)
class Target:
    """A video of the running service, its bytes, and how they are asked for."""

    url: str
    path: str
    authorization: str
    media_type: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def lines(self, *headers: str, method: str = "GET", version: str = "1.1") -> list[str]:
        first = f"{method} {self.path} HTTP/{version}"
        return [first, "Host: x", f"Authorization: {self.authorization}", *headers]

    def filled(self, text: str) -> str:
        """Places in the file that depend on its size: `N` is the size, `L` its last byte."""
        return filled(text, self.size)

    def span(self, start: int, stop: int) -> bytes:
        return self.content[start:stop]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["on", "off"])
async def service(start_shared_service: StartService, request: Any) -> Service:
    """Answers repeated requests from memory, or never does."""
    service: Service = await start_shared_service(
        STREAM_REPLAY=request.param, STREAM_RATE_LIMIT="1000000/second"
    )
    await furnish(service)
    return service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(service: Service, mp4: Path) -> Target:
    video = await service.ready_video(mp4)
    path = f"/api/v1/videos/{video['id']}/stream"
    answer = await service.ask("ada", "GET", path)
    authorization = service.student.headers["Authorization"]
    return Target(service.url, path, authorization, video["mime_type"], answer.body)


class RepeatingWire(Wire):
    """Asks everything three times: the answers are the same, the last ones perhaps remembered."""

    async def ask(self, *lines: str) -> WireAnswer:
        first = answer = await super().ask(*lines)
        for _ in range(2):
            if is_last(first):
                break
            answer = await super().ask(*lines)
            assert comparable(answer) == comparable(first)
        return answer


@pytest_asyncio.fixture(loop_scope="module")
async def wire(target: Target) -> AsyncIterator[Wire]:
    async with connected(target.url) as plain:
        yield RepeatingWire(plain.reader, plain.writer)


def content_range(span: Span, size: int) -> str:
    return f"bytes {span[0]}-{span[1] - 1}/{size}"


@pytest.mark.parametrize(("asked", "start", "stop"), ONE_RANGE)
async def test_one_range_is_answered_206(
    target: Target, wire: Wire, asked: str, start: int, stop: int | None
) -> None:
    first, end, _ = slice(start, stop).indices(target.size)

    answer = await wire.ask(*target.lines(f"Range: {target.filled(asked)}"))

    assert answer.status == 206
    assert answer.body == target.span(first, end)
    assert answer.headers.getall("Content-Range") == [content_range((first, end), target.size)]
    assert answer.headers["Content-Length"] == str(end - first)
    assert answer.headers["Content-Type"] == target.media_type
    await is_as_of_200(wire, target, answer)


async def is_as_of_200(wire: Wire, target: Target, answer: WireAnswer) -> None:
    """RFC 9110 section 15.3.7: a 206 carries what the 200 would; the connection lives on."""
    whole = await wire.ask(*target.lines(method="HEAD"))
    for name in ("ETag", "Last-Modified", "Cache-Control", "Vary", "Accept-Ranges"):
        assert answer.headers.getall(name) == whole.headers.getall(name)
    assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
    assert "Date" in answer.headers


@pytest.mark.parametrize(("asked", "spans"), SEVERAL_RANGES)
async def test_several_ranges_are_answered_in_parts(
    target: Target, wire: Wire, asked: str, spans: list[tuple[int, int | None]]
) -> None:
    ends = [slice(*span).indices(target.size)[:2] for span in spans]

    answer = await wire.ask(*target.lines(f"Range: {target.filled(asked)}"))

    assert answer.status == 206
    assert "Content-Range" not in answer.headers
    kind, boundary = answer.headers["Content-Type"].split("; boundary=")
    assert kind == "multipart/byteranges"
    assert re.fullmatch(r"[0-9A-Za-z'()+_,./:=?-]{1,70}", boundary)
    assert boundary.encode() not in target.content
    assert answer.body == multipart(target, boundary, ends)
    assert answer.headers["Content-Length"] == str(len(answer.body))
    await is_as_of_200(wire, target, answer)


def multipart(target: Target, boundary: str, spans: list[Any]) -> bytes:
    parts = [
        f"\r\n--{boundary}\r\n"
        f"Content-Type: {target.media_type}\r\n"
        f"Content-Range: {content_range(span, target.size)}\r\n\r\n".encode()
        + target.span(*span)
        for span in spans
    ]
    return b"".join(parts).removeprefix(b"\r\n") + f"\r\n--{boundary}--\r\n".encode()


async def test_each_answer_in_parts_has_a_boundary_of_its_own(target: Target, wire: Wire) -> None:
    lines = target.lines("Range: bytes=0-1,5-6")

    types = {(await wire.ask(*lines)).headers["Content-Type"] for _ in range(3)}

    assert len(types) == 3


@pytest.mark.parametrize("headers", IGNORED)
async def test_a_range_to_be_ignored_is_answered_whole(
    target: Target, wire: Wire, headers: list[str]
) -> None:
    answer = await wire.ask(*target.lines(*map(target.filled, headers)))

    assert answer.status == 200
    assert answer.body == target.content
    assert "Content-Range" not in answer.headers
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("asked", UNSATISFIABLE)
async def test_no_satisfiable_range_is_answered_416(target: Target, wire: Wire, asked: str) -> None:
    answer = await wire.ask(*target.lines(f"Range: {target.filled(asked)}"))

    assert answer.status == 416
    assert answer.headers.getall("Content-Range") == [f"bytes */{target.size}"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
    assert msgspec.json.decode(answer.body)["type"] == "urn:coursestream:range-not-satisfiable"
    assert (await wire.ask(*target.lines("Range: bytes=0-1"))).body == target.span(0, 2)


@pytest.mark.parametrize("validator", ["ETag", "Last-Modified"])
async def test_a_range_holds_if_the_file_is_the_same(
    target: Target, wire: Wire, validator: str
) -> None:
    known = (await wire.ask(*target.lines(method="HEAD"))).headers[validator]

    answer = await wire.ask(*target.lines("Range: bytes=5-9", f"If-Range: {known}"))

    assert (answer.status, answer.body) == (206, target.span(5, 10))
    await is_as_of_200(wire, target, answer)


@pytest.mark.parametrize("asked", ["bytes=0-1", "bytes=<N>-", "bytes=0-1,5-6"])
async def test_head_knows_no_range(target: Target, wire: Wire, asked: str) -> None:
    answer = await wire.ask(*target.lines(f"Range: {target.filled(asked)}", method="HEAD"))

    assert answer.status == 200
    assert answer.headers["Content-Length"] == str(target.size)
    assert "Content-Range" not in answer.headers
    assert (await wire.ask(*target.lines("Range: bytes=0-1"))).body == target.span(0, 2)


CONVERSATION = [
    ("GET", ["Range: bytes=0-9"], 206),
    ("GET", ["If-None-Match: *"], 304),
    ("GET", ["Range: bytes=<N>-"], 416),
    ("GET", ['If-Match: "x"'], 412),
    ("HEAD", ["Range: bytes=0-9"], 200),
    ("GET", ["Range: bytes=0-0,9-9"], 206),
    ("HEAD", ['If-Match: "x"'], 412),
    ("POST", ["Content-Length: 0"], 405),
    ("GET", ["Accept: image/png"], 406),
    ("GET", [], 200),
    ("GET", ["Range: bytes=-1"], 206),
]


async def test_a_connection_is_kept_after_every_answer(target: Target, wire: Wire) -> None:
    for method, headers, status in CONVERSATION:
        answer = await wire.ask(*target.lines(*map(target.filled, headers), method=method))

        assert (method, headers, answer.status) == (method, headers, status)
        assert answer.headers.get("Connection") is None
        assert answer.version == "HTTP/1.1"


async def test_pipelined_requests_are_answered_in_order(target: Target, wire: Wire) -> None:
    asked = [(method, list(map(target.filled, headers))) for method, headers, _ in CONVERSATION]
    heads = ["\r\n".join([*target.lines(*headers, method=m), "", ""]) for m, headers in asked]
    wire.writer.write("".join(heads).encode())

    answers = [await wire.answer(method) for method, _ in asked]

    assert [answer.status for answer in answers] == [status for _, _, status in CONVERSATION]
    assert answers[0].body == target.span(0, 10)
    assert answers[-2].body == target.content
    assert answers[-1].body == target.span(target.size - 1, target.size)


async def test_a_request_byte_by_byte_is_answered(target: Target, wire: Wire) -> None:
    for byte in "\r\n".join([*target.lines("Range: bytes=0-9"), "", ""]).encode():
        wire.writer.write(bytes([byte]))
        await asyncio.sleep(0)

    assert (await wire.answer()).body == target.span(0, 10)


async def test_connection_close_is_heeded(target: Target, wire: Wire) -> None:
    answer = await wire.ask(*target.lines("Range: bytes=0-9", "Connection: close"))

    assert answer.body == target.span(0, 10)
    assert answer.headers["Connection"] == "close"
    assert await wire.rest() == b""


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [row for row in CONVERSATION if row[0] != "POST"],
    ids=str,
)
async def test_http_1_0_gets_its_answer_and_the_end(
    target: Target, wire: Wire, method: str, headers: list[str], status: int
) -> None:
    lines = target.lines(*map(target.filled, headers), method=method, version="1.0")

    answer = await wire.ask(*lines)

    assert answer.status == status
    assert answer.headers.get("Connection", "close") == "close"
    assert await wire.rest() == b""


async def test_http_1_0_may_keep_the_connection(target: Target, wire: Wire) -> None:
    for _ in range(2):
        answer = await wire.ask(
            *target.lines("Range: bytes=0-9", "Connection: keep-alive", version="1.0")
        )

        assert (answer.status, answer.body) == (206, target.span(0, 10))
        assert answer.headers["Connection"] == "keep-alive"


async def test_http_1_0_whole_has_its_length(target: Target, wire: Wire) -> None:
    answer = await wire.ask(*target.lines(version="1.0"))

    assert answer.headers["Content-Length"] == str(target.size)
    assert answer.body == target.content


async def test_a_client_that_leaves_in_the_middle_costs_others_nothing(target: Target) -> None:
    for _ in range(20):
        async with connected(target.url) as leaving:
            await leaving.send(*target.lines())
            await leaving.reader.readexactly(1)

    async with connected(target.url) as wire:
        assert (await wire.ask(*target.lines())).body == target.content


async def test_a_body_with_a_get_does_not_shift_the_next_answer(target: Target, wire: Wire) -> None:
    await wire.send(*target.lines("Range: bytes=0-9", "Content-Length: 5"), body=b"hello")
    assert (await wire.answer()).body == target.span(0, 10)

    assert (await wire.ask(*target.lines("Range: bytes=5-9"))).body == target.span(5, 10)


async def test_repeated_requests_are_remembered(service: Service, wire: Wire) -> None:
    """Stands last: what the tests before it asked three times was answered from memory, or not."""
    shortcut = service.app.get(keys.RANGE_SHORTCUT)

    assert (shortcut is None) == (not service.config.stream_replay)
    assert shortcut is None or shortcut.answered.total() > 60
