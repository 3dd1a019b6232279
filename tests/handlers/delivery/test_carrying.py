"""Requests during, at the end of and behind a stream that its connection carries."""

import asyncio
import gc
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
from aiohttp import web

from handlers.connection import closing as closing_module
from handlers.connection.carrying import Launched
from handlers.connection.connection import Connection
from handlers.connection.input_buffer import BUFFERED_BYTES
from handlers.connection.protocols import protocol_factory
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected

STREAM = ("GET /stream HTTP/1.1", "Host: h")
NEXT = ("GET /next HTTP/1.1", "Host: h")
LAST_CHUNK = b"0\r\n\r\n"
LONGEST_WAIT_S = 8.0


class Streams:
    """Answers /stream with a head, and leaves the rest to the test; /next with a word."""

    def __init__(self) -> None:
        self.carried: asyncio.Queue[Connection] = asyncio.Queue()
        self.lost = asyncio.Event()
        self.url = ""

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        connection: Any = request.protocol
        assert connection.can_carry(request)
        connection.carry(self.lost.set, closes=not response.keep_alive)
        self.carried.put_nowait(connection)
        return Launched(connection.until_free, 200)

    async def late(self, request: web.Request) -> web.StreamResponse:
        """A stream whose client leaves before it is carried."""
        connection: Any = request.protocol
        await wait_until(lambda: connection.transport is None)
        connection.carry(self.lost.set, closes=False)
        return Launched(connection.until_free, 200)

    async def never(self, _request: web.Request) -> web.Response:
        return await asyncio.get_running_loop().create_future()

    async def next(self, _request: web.Request) -> web.Response:
        return web.Response(text="next")


@asynccontextmanager
async def serving(tls=None, keepalive_timeout_s=75.0):
    streams, app = Streams(), web.Application()
    app.router.add_get("/stream", streams.stream)
    app.router.add_get("/next", streams.next)
    app.router.add_get("/late", streams.late)
    app.router.add_get("/never", streams.never)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    protocols = protocol_factory(runner.server, keepalive_timeout_s=keepalive_timeout_s)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(protocols, "127.0.0.1", 0, ssl=tls)
    with closing(listener):
        streams.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            yield streams
        finally:
            await runner.cleanup()


async def begun(streams, wire, *fields):
    """A stream whose handler has returned."""
    await wire.send(*STREAM, *fields)
    head = await wire.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    async with asyncio.timeout(LONGEST_WAIT_S):
        return await streams.carried.get()


def end(connection):
    connection.transport.write(LAST_CHUNK)
    connection.have_carried(is_whole=True)


def requests_alive():
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, web.Request)]


async def test_nothing_of_its_request_stays():
    others = requests_alive()  # a test that failed before this one keeps what it saw
    async with serving() as streams, connected(streams.url) as wire:
        await begun(streams, wire)
        await wait_until(lambda: len(asyncio.all_tasks()) == 1)  # the test's own

        assert not [one for one in requests_alive() if not any(one is other for other in others)]


async def test_the_next_requests_have_their_turn_behind_it():
    async with serving() as streams, connected(streams.url) as wire:
        for _ in range(3):
            connection = await begun(streams, wire)
            await wait_until(lambda: len(asyncio.all_tasks()) == 1)
            end(connection)
            await wire.reader.readuntil(LAST_CHUNK)
            assert (await wire.ask(*NEXT)).body == b"next"


async def test_one_that_ends_at_once_is_followed_by_the_next_request():
    async with serving() as streams, connected(streams.url) as wire:
        end(await begun(streams, wire))
        await wire.reader.readuntil(LAST_CHUNK)

        assert (await wire.ask(*NEXT)).body == b"next"


@pytest.mark.parametrize("is_with_it", [True, False], ids=["with it", "meanwhile"])
async def test_what_was_asked_ahead_is_answered_behind_it(is_with_it):
    ahead = "\r\n".join([*NEXT, "", ""]).encode()
    async with serving() as streams, connected(streams.url) as wire:
        await wire.send(*STREAM, body=ahead if is_with_it else b"")
        connection = await streams.carried.get()
        if not is_with_it:
            wire.writer.write(ahead)
            await wait_until(lambda: connection._input)
        connection.transport.write(b"4\r\nlive\r\n")
        stream = await wire.reader.readuntil(b"live\r\n")
        end(connection)
        await wire.reader.readuntil(LAST_CHUNK)

        assert b"next" not in stream
        assert (await wire.answer()).body == b"next"


async def test_what_is_sent_meanwhile_is_held_up_to_a_bound():
    async with serving() as streams, connected(streams.url) as wire:
        connection = await begun(streams, wire)
        wire.writer.write(b"x" * 2**23)
        await wait_until(lambda: not connection.transport.is_reading())

        assert BUFFERED_BYTES <= len(connection._input) < BUFFERED_BYTES + 300_000


async def test_the_last_of_a_connection_is_followed_by_its_end():
    async with serving() as streams, connected(streams.url) as wire:
        end(await begun(streams, wire, "Connection: close"))

        assert await wire.rest() == LAST_CHUNK


async def test_over_tls_too(tls):
    async with serving(tls.server) as streams:
        address = streams.url.removeprefix("http://").split(":")
        opened = await asyncio.open_connection(
            *address, ssl=tls.client, server_hostname="localhost"
        )
        wire = Wire(*opened)
        end(await begun(streams, wire))
        await wire.reader.readuntil(LAST_CHUNK)
        assert (await wire.ask(*NEXT)).body == b"next"
        end(await begun(streams, wire, "Connection: close"))

        assert await wire.rest() == LAST_CHUNK
        wire.writer.close()
        await wire.writer.wait_closed()


async def test_one_that_is_cut_does_not_look_whole():
    async with serving() as streams, connected(streams.url) as wire:
        (await begun(streams, wire)).have_carried(is_whole=False)

        assert await wire.rest() == b""


@pytest.mark.parametrize("way", ["closed", "half closed", "reset"])
async def test_who_leaves_is_reported_at_once(way):
    async with serving() as streams, connected(streams.url) as wire:
        connection = await begun(streams, wire)
        if way == "half closed":
            wire.writer.write_eof()
        elif way == "closed":
            wire.writer.close()
        else:
            wire.writer.transport.abort()
        async with asyncio.timeout(LONGEST_WAIT_S):
            await streams.lost.wait()

        connection.have_carried(is_whole=True)  # too late, and no matter


async def test_the_keepalive_timer_spares_it_and_closes_behind_it():
    async with serving(keepalive_timeout_s=0.1) as streams, connected(streams.url) as wire:
        connection = await begun(streams, wire)
        await asyncio.sleep(0.3)  # three times its patience
        assert not connection.transport.is_closing()
        end(connection)

        assert await wire.rest() == LAST_CHUNK


async def test_one_whose_client_left_before_it_was_carried_is_lost():
    async with serving() as streams, connected(streams.url) as wire:
        await wire.send("GET /late HTTP/1.1", "Host: h")
        wire.writer.transport.abort()

        async with asyncio.timeout(LONGEST_WAIT_S):
            await streams.lost.wait()


async def test_a_request_ahead_of_a_client_that_left_keeps_no_handler():
    ahead = "\r\n".join([*NEXT, "", ""]).encode()
    async with serving() as streams, connected(streams.url) as wire:
        await wire.send(*STREAM, body=ahead)
        await streams.carried.get()
        wire.writer.transport.abort()

        await wait_until(lambda: len(asyncio.all_tasks()) == 1)  # the test's own


async def test_a_client_that_closed_its_side_waits_in_vain_for_a_bounded_time(monkeypatch):
    monkeypatch.setattr(closing_module, "EOF_GRACE_S", 0.05)
    async with serving() as streams, connected(streams.url) as wire:
        await wire.send("GET /never HTTP/1.1", "Host: h")
        wire.writer.write_eof()

        assert await wire.rest() == b""


@pytest.mark.parametrize("count", [1, 3])
async def test_a_client_that_closed_its_side_is_answered_and_closed(count):
    async with serving() as streams, connected(streams.url) as wire:
        wire.writer.write(count * "\r\n".join([*NEXT, "", ""]).encode())
        wire.writer.write_eof()
        for _ in range(count):
            assert (await wire.answer()).body == b"next"

        assert await wire.rest() == b""
