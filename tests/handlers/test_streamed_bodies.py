"""Bodies sent piece by piece: of any size in little memory, and to nobody who does not read."""

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from handlers import streamed_bodies
from handlers.analytics.tables import answer_csv
from handlers.streamed_bodies import send_pieces
from tests.harness.wire import connected

ROWS, AT_ONCE = 100_000, 500
MIB = 2**20
WITHIN_S = 20.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serving = Callable[[Handler], Awaitable[str]]


class Row(msgspec.Struct):
    user_id: str
    title: str
    watched_seconds: float


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    async with AsyncExitStack() as stack:

        async def serve(handler: Handler) -> str:
            async def answer(request: web.Request) -> web.StreamResponse:
                return await handler(request)

            app = web.Application()
            app.router.add_get("/", answer)
            server = await stack.enter_async_context(TestServer(app))
            return str(server.make_url("/")).rstrip("/")

        yield serve


async def pages() -> AsyncGenerator[list[Row], None]:
    for first in range(0, ROWS, AT_ONCE):
        yield [Row(f"user-{first + n}", "Waves and optics " * 6, 61.5) for n in range(AT_ONCE)]


async def test_a_hundred_thousand_rows_cost_no_memory(serving: Serving) -> None:
    url = await serving(lambda request: answer_csv(request, Row, pages(), "rows"))
    lines = size_bytes = 0
    tracemalloc.start()
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        async for chunk in answer.content.iter_chunked(64 * 1024):
            lines, size_bytes = lines + chunk.count(b"\n"), size_bytes + len(chunk)
        _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert lines == 1 + ROWS
    assert size_bytes > 10 * MIB
    assert peak_bytes < 3 * MIB


async def test_head_gets_the_headers_alone(serving: Serving) -> None:
    url = await serving(lambda request: answer_csv(request, Row, pages(), "rows"))
    head = b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: %b\r\n\r\n"
    async with connected(url) as wire:
        wire.writer.write(head % b"keep-alive" + head % b"close")
        first, second, rest = (await wire.rest()).split(b"\r\n\r\n")

    assert [one.split(b"\r\n")[0] for one in (first, second)] == [b"HTTP/1.1 200 OK"] * 2
    assert b"Content-Type: text/csv" in first
    assert rest == b""


async def test_who_does_not_read_is_given_up_with_what_makes_the_pieces(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streamed_bodies, "WRITE_TIMEOUT_S", 0.2)
    is_closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield bytes(64 * 1024)
        finally:
            is_closed.set()

    url = await serving(lambda request: send_pieces(request, web.StreamResponse(), endless()))
    async with connected(url, receive_buffer_bytes=2**14) as wire:
        await wire.send("GET / HTTP/1.1", "Host: x")
        assert (await wire.reader.readline()).startswith(b"HTTP/1.1 200 ")

        async with asyncio.timeout(WITHIN_S):
            await is_closed.wait()


async def test_a_fault_before_the_first_piece_is_answered(serving: Serving) -> None:
    async def none() -> AsyncGenerator[bytes, None]:
        raise web.HTTPConflict
        yield b""

    url = await serving(lambda request: send_pieces(request, web.StreamResponse(), none()))
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 409


async def test_no_piece_is_an_empty_body(serving: Serving) -> None:
    async def none() -> AsyncGenerator[bytes, None]:
        return
        yield b""

    url = await serving(lambda request: send_pieces(request, web.StreamResponse(), none()))
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
