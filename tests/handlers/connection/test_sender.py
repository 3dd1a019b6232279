"""Bytes over real sockets, on both event loops: all of them, and what ends them early."""

import asyncio
import contextlib
import errno
import itertools
import logging
import os
import re
import ssl
import threading
import time
import tracemalloc

import pytest

from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.read_ahead import ReadAhead
from handlers.token_bucket import TokenBucket
from handlers.transfers.transfers import Outcome
from tests.films.page_cache import evict

MIB = 2**20
TURN_S, NOTICED_S = 0.005, 0.02  # a bucket of 50 ms makes good what is shorter
# What a client's kernel may hold for it: the receive buffer, doubled by Linux, with some slack.
CLIENT_BUFFERS_BYTES = 512 * 1024


def open_descriptors():
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # The one that was listing them.
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return found


def without_date(head):
    return re.sub(rb"Date: [^\r]+ GMT\r\n", b"", head, count=1)


@pytest.mark.parametrize("window_bytes", [64 * 1024, MIB, 5 * MIB])
async def test_every_byte_arrives(serving, connected, video, content, window_bytes):
    async with serving(video, window_bytes=window_bytes) as delivery, connected(delivery) as client:
        await client.ask()
        await client.read_head()

        assert await client.read_body(len(content)) == content

        transfer = await delivery.ended()
        assert transfer.outcome is Outcome.COMPLETE
        assert transfer.sent_bytes == len(content)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("0-1", 0, 2),
        ("65535-65536", 65535, 65537),
        ("1048575-1048576", MIB - 1, MIB + 1),
        ("1000000-3000000", 1_000_000, 3_000_001),
        ("-1", 3 * MIB + 23, 3 * MIB + 24),
    ],
)
async def test_a_range_arrives(serving, connected, video, content, asked, start, stop):
    async with serving(video, window_bytes=64 * 1024) as delivery, connected(delivery) as client:
        await client.ask(Range=f"bytes={asked}")
        await client.read_head()

        assert await client.read_body(stop - start) == content[start:stop]


async def test_one_connection_carries_one_answer_after_another(serving, connected, video, content):
    async with serving(video) as delivery, connected(delivery) as client:
        for start in range(0, 3 * MIB, 300_000):
            await client.ask(Range=f"bytes={start}-{start + 99_999}")
            assert (await client.read_head()).startswith(b"HTTP/1.1 206 Partial Content\r\n")
            assert await client.read_body(100_000) == content[start : start + 100_000]


async def test_multipart_arrives_byte_for_byte(serving, connected, video, content):
    expected = b"".join(
        b"%b--B\r\nContent-Type: video/mp4\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%b"
        % (lead, start, stop - 1, len(content), content[start:stop])
        for lead, start, stop in [(b"", 2_000_000, 2_900_000), (b"\r\n", 5, 200_000)]
    )
    expected += b"\r\n--B--\r\n"

    async with serving(video, window_bytes=64 * 1024) as delivery, connected(delivery) as client:
        await client.ask(Range="bytes=2000000-2899999,5-199999")
        head = await client.read_head()

        assert b"\r\nContent-Length: %d\r\n" % len(expected) in head
        assert await client.read_body(len(expected)) == expected
        assert (await delivery.ended()).sent_bytes == len(expected)


async def test_head_of_a_range_golden(serving, connected, video, content):
    async with serving(video) as delivery, connected(delivery) as client:
        await client.ask(Range="bytes=0-1")

        assert without_date(await client.read_head()) == (
            b"HTTP/1.1 206 Partial Content\r\n"
            b"Content-Type: video/mp4\r\n"
            b"Content-Length: 2\r\n"
            b"Content-Range: bytes 0-1/%d\r\n"
            b"Accept-Ranges: bytes\r\n"
            b'Etag: "e"\r\n'
            b"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            b"Cache-Control: private\r\n"
            b"X-Content-Type-Options: nosniff\r\n"
            b"\r\n"
        ) % len(content)


async def test_not_modified_golden(serving, connected, video):
    async with serving(video) as delivery, connected(delivery) as client:
        await client.ask(If_None_Match='"e"', Connection="close")

        assert without_date(await client.read_head()) == (
            b"HTTP/1.1 304 Not Modified\r\n"
            b'Etag: "e"\r\n'
            b"Cache-Control: private\r\n"
            b"X-Content-Type-Options: nosniff\r\n"
            b"Connection: close\r\n"
            b"\r\n"
        )
        assert await client.read_to_end() == 0


async def test_head_answers_the_headers_of_get_and_no_body(serving, connected, video):
    async with serving(video) as delivery, connected(delivery) as client:
        await client.ask("GET", Connection="close")
        expected = without_date(await client.read_head())
        async with connected(delivery) as other:
            await other.ask("HEAD", Connection="close", Range="bytes=0-1")

            assert without_date(await other.read_head()) == expected
            assert await other.read_to_end() == 0


async def test_an_empty_file_arrives(serving, connected, tmp_path):
    (tmp_path / "empty").touch()
    async with serving(tmp_path / "empty") as delivery, connected(delivery) as client:
        await client.ask(Connection="close")

        assert b"\r\nContent-Length: 0\r\n" in await client.read_head()
        assert await client.read_to_end() == 0


async def test_a_stalled_reader_is_ended(serving, connected, long_video):
    async with (
        serving(long_video, stall_timeout_s=0.2) as delivery,
        connected(delivery) as client,
    ):
        await client.ask()

        transfer = await delivery.ended()

        assert transfer.outcome is Outcome.STALLED
        assert transfer.sent_bytes < CLIENT_BUFFERS_BYTES
        assert await client.read_to_end() < CLIENT_BUFFERS_BYTES


async def test_a_slow_reader_is_not_a_stalled_one(serving, connected, tmp_path):
    slow = tmp_path / "slow.mp4"
    slow.write_bytes(bytes(4 * MIB))
    async with serving(slow, stall_timeout_s=0.4) as delivery, connected(delivery) as client:
        await client.ask()
        await client.read_head()
        for _ in range(8):
            await client.read_body(64 * 1024)
            await asyncio.sleep(0.15)  # Its pace, not a wait for anything.

        rest_bytes = 4 * MIB - 8 * 64 * 1024
        assert len(await client.read_body(rest_bytes)) == rest_bytes
        assert (await delivery.ended()).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("leaves", ["reset", "close"])
async def test_a_client_that_leaves_is_no_error(serving, connected, long_video, caplog, leaves):
    caplog.set_level(logging.INFO)
    async with serving(long_video) as delivery:
        before = open_descriptors()
        async with connected(delivery) as client:
            await client.ask()
            await client.read_head()
            read_bytes = len(await client.read_body(MIB))
            getattr(client, leaves)()
            transfer = await delivery.ended()

        assert transfer.outcome is Outcome.CLIENT_GONE
        assert read_bytes - 1024 <= transfer.sent_bytes < read_bytes + CLIENT_BUFFERS_BYTES
        assert caplog.records == []
        assert len(delivery.transfers) == 0
        await asyncio.sleep(0)  # The transport closes its socket in the turn after.
        assert open_descriptors() - before == {str(long_video)}
    assert str(long_video) not in open_descriptors()


async def test_a_withdrawn_reader_is_cut_off(serving, connected, long_video):
    async with serving(long_video) as delivery, connected(delivery) as client:
        await client.ask()
        transfer = await delivery.started.get()
        await client.read_head()

        assert delivery.transfers.end_for("ann", "c1") == 1

        assert (await delivery.ended()) is transfer
        assert transfer.outcome is Outcome.ENDED
        assert transfer.sent_bytes < CLIENT_BUFFERS_BYTES
        assert await client.read_to_end() < CLIENT_BUFFERS_BYTES


async def test_a_transfer_ended_before_it_began_sends_nothing(serving, connected, video):
    async with serving(video) as delivery, connected(delivery) as client:
        real_send = delivery.sender.send

        async def send_after_withdrawal(request, plan, file, transfer):
            transfer.end()
            return await real_send(request, plan, file, transfer)

        delivery.sender.send = send_after_withdrawal
        await client.ask()

        assert (await delivery.ended()).outcome is Outcome.ENDED
        assert await client.read_to_end() == 0


async def test_shutdown_ends_what_does_not_finish(serving, connected, long_video):
    async with serving(long_video) as delivery, connected(delivery) as client:
        await client.ask()
        await delivery.started.get()

        assert await delivery.transfers.drain(timeout_s=0.05) == 1
        assert (await delivery.ended()).outcome is Outcome.ENDED
        assert len(delivery.transfers) == 0


async def test_a_cancelled_handler_counts_and_closes(writing, connected, long_video):
    async with writing(long_video) as delivery, connected(delivery) as client:
        await client.ask()
        await client.read_head()
        await client.read_body(1000)

        delivery.handler_task.cancel()
        transfer = await delivery.ended()

        assert transfer.outcome is None
        assert 1000 <= transfer.sent_bytes < CLIENT_BUFFERS_BYTES
        assert await client.read_to_end() < CLIENT_BUFFERS_BYTES


async def test_a_truncated_file_closes_the_connection(serving, connected, video, content, caplog):
    async with serving(video) as delivery, connected(delivery) as client:
        await client.ask("HEAD")
        await client.read_head()
        await delivery.ended()
        os.truncate(video, 2_000_000)
        await client.ask()
        head = await client.read_head()
        body = await client.read_body(len(content))

        assert b"\r\nContent-Length: %d\r\n" % len(content) in head
        assert body == content[:2_000_000]
        assert (await delivery.ended()).outcome is Outcome.TRUNCATED
        assert [record.exc_info for record in caplog.records] == [None]
        assert "cut short by its file after 2000000 bytes" in caplog.text


async def test_a_failing_disk_is_logged_and_closes_the_connection(
    serving, connected, video, tmp_path, caplog
):
    async with serving(video) as delivery, connected(delivery) as client:
        real_send = delivery.sender.send

        async def send_a_directory(request, plan, file, transfer):
            # Reading it fails with EISDIR, as a bad disk does with EIO.
            broken = OpenFile(os.open(tmp_path, os.O_RDONLY), MIB)
            try:
                return await real_send(request, plan, broken, transfer)
            finally:
                broken.release()

        delivery.sender.send = send_a_directory
        await client.ask()

        assert await client.read_to_end() < 1000  # the head, or nothing
        assert (await delivery.ended()).outcome is Outcome.FAILED
        assert os.strerror(errno.EISDIR) in caplog.text


async def test_a_cold_file_is_read_by_the_pool_and_not_on_the_loop(
    launching, connected, video, content, monkeypatch
):
    was_resident = []
    real_sendfile = os.sendfile

    def watched_sendfile(out, source, start, size_bytes):
        found = os.preadv(source, [bytearray(size_bytes)], start, os.RWF_NOWAIT)
        was_resident.append(found == size_bytes)
        return real_sendfile(out, source, start, size_bytes)

    monkeypatch.setattr(os, "sendfile", watched_sendfile)
    # Where it finds nothing, the kernel may begin to read: no thread would be needed then.
    monkeypatch.setattr(ReadAhead, "_is_read", lambda *_: False)
    evict(video)
    async with launching(video) as delivery, connected(delivery) as client:
        for _ in range(2):
            await client.ask()
            await client.read_head()
            assert await client.read_body(len(content)) == content

        assert len(was_resident) >= 4
        assert all(was_resident)
        # The kernel may have read on from the first block; nothing is read twice.
        assert 1 <= delivery.pool.jobs.count("_read_block") <= 4


async def test_nobody_waits_for_a_cold_file_of_others(serving, connected, video, tmp_path, content):
    cold_video = tmp_path / "cold.mp4"
    cold_video.write_bytes(bytes(MIB))
    async with serving(video) as delivery, connected(delivery) as hot, connected(delivery) as cold:
        await hot.ask()
        await hot.read_head()
        await hot.read_body(len(content))
        await delivery.started.get()
        evict(cold_video)
        delivery.serve(cold_video)
        disk = threading.Event()
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(disk.set)
            await cold.ask()
            await delivery.started.get()
            for _ in range(2):
                delivery.pool.submit(disk.wait)

            delivery.serve(video)
            await hot.ask()
            await hot.read_head()

            assert await hot.read_body(len(content)) == content


async def test_stalled_clients_cost_no_memory(launching, connected, long_video):
    async with launching(long_video) as delivery, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(delivery)) for _ in range(16)]
        await clients[0].ask()
        await clients[0].read_body(4 * MIB)
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        for client in clients[1:]:
            await client.ask()
            await client.read_body(4 * MIB)

        _, peak_bytes = tracemalloc.get_traced_memory()

        # The client's own 4 MiB, twice while it is made bytes, are the test's.
        assert peak_bytes - 9 * MIB < 15 * 64 * 1024


async def test_no_client_gets_what_was_meant_for_one_that_left(serving, connected, video, content):
    async with serving(video, window_bytes=64 * 1024) as delivery:
        starts = itertools.cycle(range(0, 3 * MIB, 262_144))

        async def cut(start):
            async with connected(delivery) as client:
                await client.ask(Range=f"bytes={start}-")
                await client.read_body(20_000)
                client.reset()

        async def take(start):
            async with connected(delivery) as client:
                await client.ask(Range=f"bytes={start}-")
                await client.read_head()
                rest = content[start:]
                assert await client.read_body(len(rest)) == rest

        for _ in range(12):
            turns = [(cut if place % 2 else take)(next(starts)) for place in range(13)]
            await asyncio.gather(*turns)


async def ask_over_tls(delivery, tls):
    reader, writer = await asyncio.open_connection(
        *delivery.address, ssl=tls.client, server_hostname="localhost", limit=2**16
    )
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nRange: bytes=100-\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_every_byte_arrives_over_tls(serving, video, content, tls):
    async with serving(video, tls=tls.server) as delivery:
        reader, writer = await ask_over_tls(delivery, tls)

        assert await reader.readexactly(len(content) - 100) == content[100:]
        assert (await delivery.ended()).sent_bytes == len(content) - 100
        writer.close()
        await writer.wait_closed()


async def test_a_stalled_reader_is_ended_over_tls(serving, long_video, tls):
    async with serving(long_video, tls=tls.server, stall_timeout_s=0.2) as delivery:
        reader, writer = await ask_over_tls(delivery, tls)

        assert (await delivery.ended()).outcome is Outcome.STALLED
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ssl.SSLError)):
            await reader.readexactly(64 * MIB)
        writer.transport.abort()


async def test_a_truncated_file_closes_the_connection_over_tls(serving, video, content, tls):
    async with serving(video, tls=tls.server) as delivery:
        async with delivery.files.open(delivery.representation):
            os.truncate(video, 2_000_000)
        reader, writer = await ask_over_tls(delivery, tls)

        assert (await delivery.ended()).outcome is Outcome.TRUNCATED
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(len(content) - 100)
        writer.transport.abort()


async def test_what_the_transport_still_holds_leaves_first(serving, connected, video, content):
    async with serving(video) as delivery, connected(delivery) as client:
        real_send = delivery.sender.send

        async def send_behind_much_else(request, plan, file, transfer):
            request.transport.write(b"x" * 8 * MIB)
            assert request.transport.get_write_buffer_size() > 0
            return await real_send(request, plan, file, transfer)

        delivery.sender.send = send_behind_much_else
        for _ in range(2):
            await client.ask(Range="bytes=0-999999")

            assert await client.read_body(8 * MIB) == b"x" * 8 * MIB
            assert (await client.read_head()).startswith(b"HTTP/1.1 206")
            assert await client.read_body(1_000_000) == content[:1_000_000]


async def test_a_client_that_does_not_take_the_head_is_stalled(serving, connected, video):
    async with serving(video, stall_timeout_s=0.1) as delivery, connected(delivery) as client:
        real_send = delivery.sender.send

        async def send_behind_much_else(request, plan, file, transfer):
            request.transport.write(b"x" * 16 * MIB)
            return await real_send(request, plan, file, transfer)

        delivery.sender.send = send_behind_much_else
        await client.ask()

        transfer = await delivery.ended()
        assert transfer.outcome is Outcome.STALLED
        assert transfer.sent_bytes == 0


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENOTCONN, errno.ETIMEDOUT])
async def test_a_network_that_is_gone_is_no_error(
    launching, connected, video, caplog, monkeypatch, number
):
    def unreachable_sendfile(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "sendfile", unreachable_sendfile)
    caplog.set_level(logging.WARNING)
    async with launching(video) as delivery, connected(delivery) as client:
        await client.ask()

        assert (await delivery.ended()).outcome in (Outcome.CLIENT_GONE, Outcome.STALLED)
        assert caplog.records == []


async def test_a_connection_that_the_server_closed_gets_no_more(serving, connected, long_video):
    async with serving(long_video) as delivery, connected(delivery) as client:
        real_send = delivery.sender.send

        async def send_and_close(request, plan, file, transfer):
            asyncio.get_running_loop().call_later(0.05, request.transport.close)
            return await real_send(request, plan, file, transfer)

        delivery.sender.send = send_and_close
        await client.ask()
        reading = asyncio.create_task(client.read_to_end())

        assert (await delivery.ended()).outcome is Outcome.CLIENT_GONE
        assert await reading < 64 * MIB


class Standstill:
    """The time for which the loop had no turn: a busy machine's, not the server's."""

    def __init__(self):
        self.total_s, self.longest_s = 0.0, 0.0

    async def watch(self):
        last_s = time.monotonic()
        while True:
            await asyncio.sleep(TURN_S)
            now_s = time.monotonic()
            late_s, last_s = now_s - last_s - TURN_S, now_s
            if late_s > NOTICED_S:
                self.total_s += late_s
                self.longest_s = max(self.longest_s, late_s)


@pytest.mark.parametrize("count", [1, 3], ids=["one transfer", "three at once"])
async def test_bandwidth_holds_smoothly(serving, connected, long_video, count):
    rate, seconds = 2_000_000, 2.0
    standstill = Standstill()
    async with serving(long_video) as delivery, contextlib.AsyncExitStack() as stack:
        delivery.bandwidth = TokenBucket(rate, rate / 20, time.monotonic())
        clients = [await stack.enter_async_context(connected(delivery)) for _ in range(count)]
        for client in clients:
            await client.ask()
        # The bucket and one window of each may leave at once, at the very beginning.
        began_s, taken, longest_gap_s, last_s = time.monotonic() + 0.5, 0, 0.0, time.monotonic()

        async def take(client):
            nonlocal taken, longest_gap_s, last_s
            while (now_s := time.monotonic()) < began_s + seconds:
                longest_gap_s, last_s = max(longest_gap_s, now_s - last_s), now_s
                chunk = await client.read()
                taken += len(chunk) if now_s > began_s else 0

        watching = asyncio.create_task(standstill.watch())
        await asyncio.gather(*map(take, clients))
        watching.cancel()

        assert taken < 1.05 * rate * seconds
        assert taken > 0.95 * rate * (seconds - standstill.total_s)
        assert longest_gap_s - standstill.longest_s < 0.5


async def test_short_answers_do_not_slip_past_the_bandwidth(serving, connected, video):
    async with serving(video) as delivery, connected(delivery) as client:
        delivery.bandwidth = TokenBucket(1_000_000, 50_000, time.monotonic())
        began_s = time.monotonic()
        for _ in range(20):
            await client.ask(Range="bytes=0-49999")
            await client.read_head()
            await client.read_body(50_000)

        assert time.monotonic() - began_s > 0.85
