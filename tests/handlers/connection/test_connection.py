"""Requests before, during and behind a launched answer."""

import asyncio
import contextlib
import socket

import pytest

from handlers.connection import aiohttp_private, closing
from handlers.connection.connection import Connection
from handlers.connection.input_buffer import BUFFERED_BYTES
from handlers.connection.state import State
from handlers.transfers.transfers import Outcome
from tests.harness.waiting import wait_until

MIB = 2**20
LONGEST_WAIT_S = 8.0


async def connection_of(delivery):
    """The server's side of the one connection there is."""
    await wait_until(lambda: len(delivery.connections) == 1)
    return delivery.connections[0]


async def send(client, text):
    await asyncio.get_running_loop().sock_sendall(client.socket, text)


def request(*, start, stop, more=b""):
    return b"GET / HTTP/1.1\r\nHost: h\r\nRange: bytes=%d-%d\r\n%b\r\n" % (start, stop - 1, more)


async def takes(client, content, start, stop):
    """True if the next answer is this range and nothing else."""
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 206 "), head
    return await client.read_body(stop - start) == content[start:stop]


async def test_the_connection_is_idle_while_the_answer_goes_on(launching, connected, long_video):
    async with launching(long_video) as delivery, connected(delivery) as client:
        await client.ask()
        await client.read_head()
        connection = await connection_of(delivery)
        await wait_until(delivery.handler_task.done)

        assert connection.state is State.SENDING
        assert len(delivery.transfers) == 1


async def test_requests_sent_ahead_are_answered_in_order(serving, connected, video, content):
    spans = [(1000 * n, 1000 * n + 300_000) for n in range(40)]
    async with serving(video) as delivery, connected(delivery) as client:
        await send(client, b"".join(request(start=a, stop=b) for a, b in spans))
        for start, stop in spans:
            assert await takes(client, content, start, stop)


async def test_requests_cut_anywhere_are_answered_in_order(serving, connected, video, content):
    text = b"".join(request(start=a, stop=a + 200_000) for a in range(10))
    async with serving(video) as delivery, connected(delivery) as client:

        async def dribble():
            for place in range(0, len(text), 37):
                await send(client, text[place : place + 37])
                await asyncio.sleep(0)

        dribbling = asyncio.create_task(dribble())
        for start in range(10):
            assert await takes(client, content, start, start + 200_000)
        await dribbling


async def test_what_is_sent_meanwhile_is_held_up_to_a_bound(
    launching, connected, long_video, video, content
):
    async with launching(long_video) as delivery, connected(delivery) as client:
        await client.ask(Range=f"bytes=0-{16 * MIB - 1}")
        await client.read_head()
        connection = await connection_of(delivery)
        padding = b"X-Padding: %b\r\n" % (b"x" * 8000)
        ahead = b"".join(request(start=a, stop=a + 10, more=padding) for a in range(80))
        delivery.serve(video)
        sending = asyncio.create_task(send(client, ahead))
        await wait_until(lambda: not connection.transport.is_reading())

        assert BUFFERED_BYTES <= len(connection._input) < BUFFERED_BYTES + 300_000

        assert len(await client.read_body(16 * MIB)) == 16 * MIB
        for start in range(80):
            assert await takes(client, content, start, start + 10)
        await sending


async def test_a_connection_has_task_and_parser_from_its_first_request_on(
    launching, connected, video
):
    async with launching(video) as delivery, connected(delivery) as client:
        connection = await connection_of(delivery)
        assert connection._task_handler is None
        assert connection._parser is None

        await client.ask()
        await client.read_head()

        assert connection._task_handler is not None
        assert connection._parser is not None


async def test_what_happened_before_a_connection_parses_still_holds(launching, connected, video):
    async with launching(video) as delivery, connected(delivery) as client:
        connection = await connection_of(delivery)
        connection.pause_writing()
        expires_s = connection._next_keepalive_close_time

        await send(client, b"GET / ")
        await wait_until(lambda: connection._parser is not None)

        assert connection.writing_paused
        assert connection._next_keepalive_close_time == expires_s
        assert connection.transport is not None
        connection.resume_writing()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHo"], ids=["nothing", "half a head"])
async def test_a_client_that_asks_nothing_is_let_go(launching, connected, video, sent):
    async with launching(video, keepalive_timeout_s=0.1) as delivery, connected(delivery) as client:
        await send(client, sent)

        assert await client.read() == b""
        await wait_until(lambda: not delivery.connections)


async def test_a_connection_without_a_task_can_be_closed(launching, connected, video):
    async with launching(video) as delivery, connected(delivery) as client:
        connection = await connection_of(delivery)

        connection.close()

        assert await client.read() == b""


async def test_connections_share_the_keepalive_timer(launching, connected, video):
    async with launching(video) as delivery, connected(delivery) as client:
        connection = await connection_of(delivery)
        shared = connection._keepalive_handle
        await client.ask(Range="bytes=0-9")
        await client.read_head()
        await client.read_body(10)
        async with connected(delivery) as other:
            await other.ask()
            await wait_until(lambda: len(delivery.connections) == 2)
            timers = [one._keepalive_handle for one in delivery.connections]

    assert timers == [shared, shared]
    assert not isinstance(shared, asyncio.TimerHandle)


async def test_the_keepalive_timer_spares_a_launched_answer(launching, connected, tmp_path):
    path = tmp_path / "slow.mp4"
    path.write_bytes(bytes(8 * MIB))
    async with (
        launching(path, keepalive_timeout_s=0.1) as delivery,
        connected(delivery) as client,
    ):
        await client.ask()
        await client.read_head()
        for _ in range(5):
            await client.read_body(64 * 1024)
            await asyncio.sleep(0.1)  # its pace

        rest_bytes = 8 * MIB - 5 * 64 * 1024
        assert len(await client.read_body(rest_bytes)) == rest_bytes
        assert await client.read_to_end() == 0  # and closes the connection when it is idle


async def test_a_client_that_closed_its_side_gets_its_body(launching, connected, video, content):
    async with launching(video) as delivery, connected(delivery) as client:
        await send(client, request(start=5, stop=3_000_000))
        client.socket.shutdown(socket.SHUT_WR)

        assert await takes(client, content, 5, 3_000_000)
        assert await client.read_to_end() == 0


async def test_a_client_that_closed_its_side_gets_all_it_asked_for(
    launching, connected, video, content
):
    async with launching(video) as delivery, connected(delivery) as client:
        await send(client, request(start=0, stop=1_000_000) + request(start=7, stop=2_000_000))
        await client.read_head()
        await send(client, request(start=9, stop=900_000))
        client.socket.shutdown(socket.SHUT_WR)

        assert await client.read_body(1_000_000) == content[:1_000_000]
        assert await takes(client, content, 7, 2_000_000)
        assert await takes(client, content, 9, 900_000)
        assert await client.read_to_end() == 0


async def test_a_client_that_closed_its_side_idle_is_closed_at_once(launching, connected, video):
    async with launching(video) as delivery, connected(delivery) as client:
        await connection_of(delivery)
        client.socket.shutdown(socket.SHUT_WR)

        assert await client.read_to_end() == 0


async def test_a_client_that_leaves_within_a_body_is_dropped_at_once(launching, connected, video):
    async with launching(video) as delivery, connected(delivery) as client:
        await send(client, b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
        connection = await connection_of(delivery)
        await delivery.ended()
        client.socket.shutdown(socket.SHUT_WR)

        await wait_until(lambda: connection.transport is None)


@pytest.mark.parametrize(
    ("line", "more"),
    [(b"GET / HTTP/1.1", b"Connection: close\r\n"), (b"GET / HTTP/1.0", b"")],
    ids=["close", "1.0"],
)
async def test_the_last_answer_of_a_connection_arrives_whole(
    launching, connected, video, content, line, more
):
    async with launching(video) as delivery, connected(delivery) as client:
        await send(client, b"%b\r\nHost: h\r\n%b\r\n" % (line, more))
        head = await client.read_head()
        # Bytes that nobody reads make a close a reset, which takes what was not yet read along.
        await send(client, b"x" * 100_000)
        body = await client.read_body(len(content))

        assert (b"Connection: close" in head) == (b"1.1" in line)
        assert body == content
        assert await client.read_to_end() == 0
        assert (await delivery.ended()).outcome is Outcome.COMPLETE


async def test_a_last_answer_is_closed_even_if_the_client_stays(
    launching, connected, video, content, monkeypatch
):
    monkeypatch.setattr(closing, "LINGER_S", 0.05)
    async with launching(video) as delivery, connected(delivery) as client:
        await client.ask(Connection="close")
        await client.read_head()
        await client.read_body(len(content))
        await wait_until(lambda: not delivery.connections)


async def test_what_follows_a_last_request_is_not_answered(launching, connected, video, content):
    async with launching(video) as delivery, connected(delivery) as client:
        last = request(start=0, stop=2_000_000, more=b"Connection: close\r\n")
        await send(client, last)
        await client.read_head()
        await send(client, request(start=5, stop=9))

        assert await client.read_body(2_000_000) == content[:2_000_000]
        assert await client.read_to_end() == 0


async def test_a_get_with_a_body_still_to_come_is_not_launched(
    launching, connected, video, content
):
    async with launching(video) as delivery, connected(delivery) as client:
        body = b"Content-Length: 5\r\n"
        await send(client, request(start=0, stop=1_000_000, more=body))

        assert await takes(client, content, 0, 1_000_000)
        transfer = await delivery.ended()
        assert not transfer.is_launched
        await send(client, b"hello" + request(start=3, stop=9))
        assert await takes(client, content, 3, 9)


async def test_a_declined_upgrade_is_answered_in_order(serving, connected, video, content):
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
    first = request(start=0, stop=2_000_000, more=upgrade)
    async with serving(video) as delivery, connected(delivery) as client:
        await send(client, first + request(start=5, stop=500_000))

        assert await takes(client, content, 0, 2_000_000)
        assert await takes(client, content, 5, 500_000)


async def test_a_body_behind_a_declined_upgrade_may_come_in_pieces(
    serving, connected, video, content
):
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
    body = request(start=5, stop=9, more=b"Content-Length: 5\r\n")
    async with serving(video) as delivery, connected(delivery) as client:
        await send(client, request(start=0, stop=9, more=upgrade) + body + b"he")

        assert await takes(client, content, 0, 9)
        assert await takes(client, content, 5, 9)
        await send(client, b"llo" + request(start=7, stop=8))
        assert await takes(client, content, 7, 8)


async def test_a_body_completed_before_the_client_closed_its_side_is_no_leaving(
    launching, connected, long_video, video, content
):
    body = request(start=5, stop=9, more=b"Content-Length: 5\r\n")
    async with launching(long_video) as delivery, connected(delivery) as client:
        await send(client, request(start=0, stop=16 * MIB) + body + b"he")
        await client.read_head()
        connection = await connection_of(delivery)
        await send(client, b"llo")
        await wait_until(lambda: connection._input)
        delivery.serve(video)
        client.socket.shutdown(socket.SHUT_WR)

        assert len(await client.read_body(16 * MIB)) == 16 * MIB
        assert await takes(client, content, 5, 9)
        assert await client.read_to_end() == 0


async def test_part_of_a_request_behind_the_last_answer_keeps_nothing_open(
    launching, connected, long_video
):
    async with launching(long_video) as delivery, connected(delivery) as client:
        await send(client, request(start=0, stop=16 * MIB))
        await client.read_head()
        await send(client, request(start=0, stop=9)[:-1])
        client.socket.shutdown(socket.SHUT_WR)

        assert len(await client.read_body(16 * MIB)) == 16 * MIB
        assert await client.read_to_end() == 0


async def test_a_server_that_closes_sends_the_rest_and_no_other(launching, connected, long_video):
    async with launching(long_video) as delivery, connected(delivery) as client:
        await send(client, request(start=0, stop=16 * MIB))
        await client.read_head()
        (await connection_of(delivery)).close()
        await send(client, request(start=5, stop=9))

        assert len(await client.read_body(16 * MIB)) == 16 * MIB
        assert await client.read_to_end() == 0


async def test_ending_the_server_ends_what_is_being_sent(launching, connected, long_video):
    async with launching(long_video) as delivery, connected(delivery) as client:
        await client.ask()
        await client.read_head()
        connection = await connection_of(delivery)

        connection.force_close()

        assert (await delivery.ended()).outcome is Outcome.ENDED
        assert await client.read_to_end() < 8 * MIB


async def test_each_connection_keeps_one_descriptor_of_its_own(
    launching, connected, video, monkeypatch
):
    made = []
    real_dup = socket.socket.dup

    def counted_dup(own):
        made.append(real_dup(own))
        return made[-1]

    async with launching(video) as delivery:
        monkeypatch.setattr(socket.socket, "dup", counted_dup)
        async with connected(delivery) as client:
            for _ in range(5):
                await client.ask(Range="bytes=0-9")
                await client.read_head()
                await client.read_body(10)
        monkeypatch.undo()
        await wait_until(lambda: not delivery.connections)

    assert len(made) <= 1
    assert all(own.fileno() == -1 for own in made)


async def test_a_transport_that_holds_something_is_left_alone(launching, connected, video):
    async with launching(video) as delivery, connected(delivery) as client:
        connection = await connection_of(delivery)
        await client.ask(Range="bytes=0-9")
        await client.read_head()
        await client.read_body(10)
        connection.transport.write(b"x" * 16 * MIB)

        assert connection.transport.get_write_buffer_size()
        assert not connection.can_launch(delivery.last_request)


async def test_another_aiohttp_is_served_the_long_way(
    launching, connected, video, content, monkeypatch, caplog
):
    monkeypatch.setattr(
        aiohttp_private, "ATTRIBUTES", aiohttp_private.ATTRIBUTES | {"_of_tomorrow"}
    )
    async with launching(video) as delivery:
        for _ in range(2):
            async with connected(delivery) as client:
                await client.ask(Range="bytes=5-1000000")
                await client.read_head()
                assert await client.read_body(999_996) == content[5:1_000_001]
                assert not (await delivery.ended()).is_launched
                assert not any(isinstance(one, Connection) for one in delivery.connections)
    warnings = [record.message for record in caplog.records]
    assert warnings == ["videos are sent more slowly: RequestHandler has no _of_tomorrow"]


async def test_a_head_that_does_not_fit_goes_on_where_it_stopped(
    launching, connected, video, content
):
    async with launching(video) as delivery, connected(delivery) as client:
        connection = await connection_of(delivery)
        full = connection.transport.get_extra_info("socket").dup()
        with contextlib.closing(full):
            full.setblocking(False)
            filled = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    filled += full.send(b"x" * 1000)
            await client.ask(Range="bytes=7-900000")
            await delivery.started.get()

            assert await client.read_body(filled) == b"x" * filled
            assert await takes(client, content, 7, 900_001)
        assert (await delivery.ended()).sent_bytes == 899_994
