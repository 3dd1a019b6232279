"""Responses through a transport that encrypts, on both event loops: order, bounds and accounts."""

import asyncio
import os
import ssl
from contextlib import asynccontextmanager

import pytest

from handlers.connection.state import State
from handlers.delivery.output.outlets import CHUNK_BYTES
from handlers.token_bucket import TokenBucket
from handlers.transfers.transfers import Outcome
from tests.harness.waiting import wait_until
from tests.harness.wire import connected

MIB = 2**20
# What is encrypted is little larger; and OpenSSL's own buffer may hold one record more.
ENCRYPTED_BYTES = CHUNK_BYTES + 32 * 1024


@asynccontextmanager
async def wired(delivery, tls):
    host, port = delivery.address
    url = f"https://{host}:{port}"
    async with connected(url, tls.client, receive_buffer_bytes=64 * 1024) as wire:
        yield wire


def request(first, last, *fields):
    lines = ["GET / HTTP/1.1", "Host: h", f"Range: bytes={first}-{last}", *fields, "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3_000_000])
async def test_ranges_around_a_chunk_arrive(launching, video, content, tls, size):
    async with launching(video, tls=tls.server) as delivery, wired(delivery, tls) as wire:
        for first in (0, 7, len(content) - size):
            wire.writer.write(request(first, first + size - 1))

            answer = await wire.answer()

            assert answer.status == 206
            assert answer.body == content[first : first + size]
            assert (await delivery.ended()).sent_bytes == size


async def test_requests_sent_ahead_are_answered_in_order(launching, video, content, tls):
    spans = [(place * 100_000, place * 100_000 + 250_000) for place in range(8)]
    async with launching(video, tls=tls.server) as delivery, wired(delivery, tls) as wire:
        wire.writer.write(b"".join(request(*span) for span in spans))

        for first, last in spans:
            assert (await wire.answer()).body == content[first : last + 1]


async def test_a_client_that_waits_takes_three_chunks(launching, long_video, tls):
    async with launching(long_video, tls=tls.server) as delivery, wired(delivery, tls) as wire:
        wire.writer.write(request(0, 64 * MIB - 1))
        await wire.head()
        (connection,) = delivery.connections
        transfer = await delivery.started.get()

        await wait_until(lambda: connection.transport.get_write_buffer_size() > 0)
        sent_bytes = transfer.sent_bytes

        assert connection.transport.get_write_buffer_size() <= ENCRYPTED_BYTES
        assert connection.state is State.SENDING
        assert len(await wire.reader.readexactly(64 * MIB)) == 64 * MIB
        assert 0 < sent_bytes < transfer.sent_bytes == 64 * MIB
        assert (await delivery.ended()).outcome is Outcome.COMPLETE


async def test_the_bandwidth_is_heeded(launching, video, content, tls):
    async with launching(video, tls=tls.server) as delivery, wired(delivery, tls) as wire:
        loop = asyncio.get_running_loop()
        delivery.bandwidth = TokenBucket(1_000_000, 50_000, loop.time())
        began_s = loop.time()
        wire.writer.write(request(0, 399_999))

        assert (await wire.answer()).body == content[:400_000]
        assert loop.time() - began_s > 0.2


@pytest.mark.parametrize("how", ["aborted", "ended"])
async def test_what_did_not_arrive_is_not_counted(launching, long_video, tls, how):
    async with launching(long_video, tls=tls.server) as delivery, wired(delivery, tls) as wire:
        wire.writer.write(request(0, 64 * MIB - 1))
        await wire.head()
        transfer = await delivery.started.get()
        (connection,) = delivery.connections
        await wait_until(lambda: connection.transport.get_write_buffer_size() > 0)
        sent_bytes = transfer.sent_bytes

        if how == "aborted":
            wire.writer.transport.abort()
        else:
            transfer.end()

        ended = await delivery.ended()
        assert ended.outcome is (Outcome.CLIENT_GONE if how == "aborted" else Outcome.ENDED)
        assert ended.sent_bytes <= sent_bytes
        if how == "ended":
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ssl.SSLError)):
                await wire.reader.readexactly(64 * MIB)
            assert ended.sent_bytes < sent_bytes


async def test_the_last_response_arrives_before_the_close(launching, video, content, tls):
    async with launching(video, tls=tls.server) as delivery, wired(delivery, tls) as wire:
        wire.writer.write(request(0, len(content) - 1, "Connection: close"))

        assert (await wire.answer()).body == content
        assert await wire.rest() == b""


async def test_bytes_before_the_place_where_a_file_was_cut_arrive(launching, video, content, tls):
    async with launching(video, tls=tls.server) as delivery, wired(delivery, tls) as wire:
        async with delivery.files.open(delivery.representation):
            os.truncate(video, 2_000_000)
        wire.writer.write(request(0, len(content) - 1))
        await wire.head()

        assert await wire.rest() == content[:2_000_000]
        ended = await delivery.ended()
        assert (ended.outcome, ended.sent_bytes) == (Outcome.TRUNCATED, 2_000_000)
