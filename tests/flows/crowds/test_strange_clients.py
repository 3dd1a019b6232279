"""Clients that leave, never read, close halfway, hurry ahead or dawdle; nobody else notices.

Everything is seen from outside of the process: the bytes on the wire, and what the kernel tells.
"""

import asyncio
import json
import os
import random
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.films.lectures import (
    SMALL_BUFFER_BYTES,
    Watcher,
    file_of,
    grants_for,
    make_lecture,
    range_header,
    request_lines,
    watching,
)
from tests.films.page_cache import evict
from tests.flows.conftest import IS_FULL, Classroom
from tests.harness.wire import Wire
from tests.service.process_costs import held, private_bytes, until_held

CUTS = 2000 if IS_FULL else 300
CUTS_AT_ONCE = 32
DAWDLERS = 20
DAWDLE_S = 1.0 if IS_FULL else 0.05
RANGE_BYTES = 256 * 1024
COLD_BYTES = 8 * 2**20
# What a server may take before it stops reading: its own bound, a parser's, one piece beyond.
HELD_BYTES = 2**20
REPORT = {"session_id": "s", "sequence": 1, "position": 1, "watched": [], "event": "progress"}
TRICKLED_BYTES = 20
TCPI_BYTES_ACKED = 120  # struct tcp_info of linux/tcp.h
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
SLOWEST_S = 10.0  # for what takes milliseconds, on a machine that is busy


@pytest.fixture(autouse=True)
async def nothing_left(classroom: Classroom) -> AsyncIterator[None]:
    """Descriptors, tasks and transfers are as before each test; and the log is clean after it."""
    before, logged = await held(classroom.serve), len(classroom.serve.log())
    yield
    await until_held(classroom.serve, before)
    assert "Traceback" not in classroom.serve.log()[logged:]


async def test_nobody_gets_the_bytes_of_one_who_was_cut(classroom: Classroom) -> None:
    at_once = asyncio.Semaphore(CUTS_AT_ONCE)

    async def leave_and_return(number: int) -> None:
        rng = random.Random(number)
        async with at_once:
            async with classroom.watching(number, SMALL_BUFFER_BYTES) as leaving:
                start = rng.randrange(leaving.lecture.size // 2)
                await leaving.ask(range_header(start))
                await leaving.head_of(start)
                await leaving.take(start, start + rng.choice([1, 100_000]))
                leaving.reset()
            async with classroom.watching(number + 1) as returning:
                start = rng.randrange(returning.lecture.size - RANGE_BYTES)
                await returning.range(start, start + RANGE_BYTES)

    async with asyncio.TaskGroup() as clients:
        for number in range(CUTS):
            clients.create_task(leave_and_return(number))


async def test_requests_during_a_transfer_wait_and_are_answered_in_order(
    classroom: Classroom,
) -> None:
    async with classroom.watching() as watcher:
        spans = [(start, start + 1000) for start in range(0, 2_000_000, 100_000)]
        await watcher.ask()
        await begun(watcher)
        for start, stop in spans:
            await watcher.ask(range_header(start, stop))
            await watcher.ask("If-None-Match: *")
        await watcher.ask(range_header(5, 6), method="HEAD")

        await watcher.take(1, watcher.lecture.size)
        for start, stop in spans:
            await watcher.head_of(start, stop)
            await watcher.take(start, stop)
            assert (await watcher.wire.answer()).status == 304
        assert (await watcher.wire.answer("HEAD")).status == 200


async def begun(watcher: Watcher) -> None:
    """The first byte of a whole lecture has come."""
    assert (await watcher.wire.head()).status == 200
    await watcher.take(0, 1, chunk_bytes=1)


async def test_what_comes_during_a_transfer_is_held_up_to_a_bound(classroom: Classroom) -> None:
    async with classroom.watching(receive_buffer_bytes=SMALL_BUFFER_BYTES) as watcher:
        await watcher.ask()
        await begun(watcher)
        before_bytes = private_bytes(classroom.serve.process.pid)
        spans = [(start, start + 100) for start in range(0, 90_000, 1000)]
        asking = asyncio.create_task(ask_all(watcher, spans))

        await until_still(watcher.wire)

        assert taken_bytes(watcher.wire) < HELD_BYTES
        assert private_bytes(classroom.serve.process.pid) - before_bytes < 4 * HELD_BYTES
        await watcher.take(1, watcher.lecture.size)
        for start, stop in spans:
            await watcher.head_of(start, stop)
            await watcher.take(start, stop)
        await asking


async def ask_all(watcher: Watcher, spans: list[tuple[int, int]]) -> None:
    padding = "x" * 8000
    for start, stop in spans:
        await watcher.ask(range_header(start, stop), f"X-One: {padding}", f"X-Two: {padding}")


async def test_a_body_during_a_transfer_is_held_up_to_a_bound(classroom: Classroom) -> None:
    async with classroom.watching(receive_buffer_bytes=SMALL_BUFFER_BYTES) as watcher:
        await watcher.ask()
        await begun(watcher)
        size_bytes = 8 * 2**20
        head = report_lines(watcher.path, size_bytes)
        sending = asyncio.create_task(watcher.wire.send(*head, body=b" " * size_bytes))

        await until_still(watcher.wire)

        assert taken_bytes(watcher.wire) < HELD_BYTES
        await watcher.take(1, watcher.lecture.size)
        assert (await watcher.wire.answer("POST")).status == 413
        sending.cancel()


async def until_still(wire: Wire) -> None:
    """Until the server has taken nothing more for a while."""
    before = -1
    async with asyncio.timeout(10):
        while (now := taken_bytes(wire)) != before:
            before = now
            await asyncio.sleep(0.5)


def taken_bytes(wire: Wire) -> int:
    """Bytes that the server has read: those its kernel acknowledged, less those that wait in it."""
    own: socket.socket = wire.writer.get_extra_info("socket")
    info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
    (acknowledged_bytes,) = struct.unpack_from("Q", info, TCPI_BYTES_ACKED)
    return int(acknowledged_bytes) - unread_bytes(own.getpeername()[1], own.getsockname()[1])


def unread_bytes(server_port: int, client_port: int) -> int:
    """Bytes that wait in the kernel for the server."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if local.endswith(f":{server_port:04X}") and remote.endswith(f":{client_port:04X}"):
            return int(queues.partition(":")[2], 16)
    raise AssertionError("the server has closed the connection")


@pytest.mark.parametrize("stop", [RANGE_BYTES, None], ids=["range", "whole"])
async def test_a_half_closed_client_gets_right_bytes_or_the_end(
    classroom: Classroom, stop: int | None
) -> None:
    """RFC 9112 section 9.6 leaves it open whether who sends no more is still there."""
    async with classroom.watching(receive_buffer_bytes=SMALL_BUFFER_BYTES) as watcher:
        await watcher.ask(range_header(0, stop))
        watcher.wire.writer.write_eof()
        try:
            await watcher.head_of(0, stop)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        await watcher.take_until_cut(0)


async def test_a_client_that_closes_its_half_during_a_transfer_gets_no_wrong_byte(
    classroom: Classroom,
) -> None:
    async with classroom.watching(receive_buffer_bytes=SMALL_BUFFER_BYTES) as watcher:
        await watcher.ask()
        await begun(watcher)
        watcher.wire.writer.write_eof()
        await watcher.take_until_cut(1)


async def test_a_client_that_never_reads_is_ended_and_keeps_nobody(classroom: Classroom) -> None:
    before = await held(classroom.serve)
    async with (
        classroom.watching(receive_buffer_bytes=SMALL_BUFFER_BYTES) as deaf,
        classroom.watching(1) as healthy,
    ):
        await deaf.ask()
        await begun(deaf)
        while (await held(classroom.serve)).transfers > before.transfers:
            async with asyncio.timeout(SLOWEST_S):
                await healthy.range(0, 64 * 1024)
            await asyncio.sleep(0.1)
        assert await deaf.take_until_cut(1) < deaf.lecture.size


async def test_who_sends_a_byte_at_a_time_is_answered_and_keeps_nobody(
    classroom: Classroom,
) -> None:
    async with classroom.watching(1) as healthy, asyncio.TaskGroup() as clients:
        dawdlers = [
            clients.create_task(one(classroom, number))
            for number in range(DAWDLERS)
            for one in (dawdle_over_a_range, dawdle_over_a_report)
        ]
        while not all(dawdler.done() for dawdler in dawdlers):
            async with asyncio.timeout(SLOWEST_S):
                await healthy.range(0, 64 * 1024)
            await asyncio.sleep(0.1)


async def dawdle_over_a_range(classroom: Classroom, number: int) -> None:
    start = 1000 * number
    async with classroom.watching(number) as watcher:
        lines = request_lines(watcher.path, range_header(start, start + 1000), "", "")
        await trickle(watcher.wire, "\r\n".join(lines).encode())
        await watcher.head_of(start, start + 1000)
        await watcher.take(start, start + 1000)


async def dawdle_over_a_report(classroom: Classroom, number: int) -> None:
    async with classroom.watching(number) as watcher:
        body = json.dumps(REPORT).encode()
        await watcher.wire.send(*report_lines(watcher.path, len(body)))
        await trickle(watcher.wire, body)
        assert (await watcher.wire.answer("POST")).status == 200


def report_lines(path: str, body_bytes: int) -> list[str]:
    progress = f"{path.rpartition('/')[0]}/progress"
    return [f"POST {progress} HTTP/1.1", "Host: x", f"Content-Length: {body_bytes}"]


async def trickle(wire: Wire, text: bytes) -> None:
    """All but the last bytes at once, so that a request's time is enough for them."""
    wire.writer.write(text[:-TRICKLED_BYTES])
    for byte in text[-TRICKLED_BYTES:]:
        await asyncio.sleep(DAWDLE_S)  # its pace
        wire.writer.write(bytes([byte]))


async def test_a_file_cut_during_a_transfer_ends_it_where_the_file_ends(
    classroom: Classroom,
) -> None:
    """At a page's end: the kernel empties the rest of a page that is on its way already."""
    lecture = classroom.lectures[0]
    path = file_of(classroom.serve, lecture)
    stop = lecture.size // 2 // PAGE_BYTES * PAGE_BYTES
    async with (
        classroom.watching(0, SMALL_BUFFER_BYTES) as watcher,
        classroom.watching(1) as other,
    ):
        await watcher.ask()
        await begun(watcher)
        try:
            os.truncate(path, stop)
            assert await watcher.take_until_cut(1) == stop
            await other.range(0, other.lecture.size)
        finally:
            path.write_bytes(lecture.content)
    assert "cut short by its file" in classroom.serve.log()


async def test_a_cold_file_arrives_and_keeps_nobody(classroom: Classroom, tmp_path: Path) -> None:
    serve = classroom.serve
    lecture = await make_lecture(serve, tmp_path, 3, COLD_BYTES)
    (path,) = await grants_for(serve, lecture, ["student-0-0"])
    await asyncio.to_thread(evict, file_of(serve, lecture))
    async with watching(serve.url, path, lecture) as cold, classroom.watching(1) as hot:
        fetching = asyncio.create_task(cold.range(0, lecture.size))
        while not fetching.done():
            async with asyncio.timeout(SLOWEST_S):
                await hot.range(0, 64 * 1024)
        await fetching
