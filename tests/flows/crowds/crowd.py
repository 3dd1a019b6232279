"""Five hundred clients of many kinds, each of which checks every byte that it gets.

A kind is what a client does between coming and leaving; it comes again until the time is over.
Nobody hurries so much that a limit a user would stop them.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.films.lectures import (
    SMALL_BUFFER_BYTES,
    Watcher,
    parts_of,
    range_header,
    request_lines,
    watching,
)
from tests.flows.conftest import Classroom

PIECE_BYTES = 16 * 1024
LONGEST_BREAK_S = 2.0


@dataclass(frozen=True)
class Client:
    """One of the crowd; its number says which student it is, and seeds what it does."""

    classroom: Classroom
    number: int
    rng: random.Random

    def span(self, size_bytes: int) -> tuple[int, int]:
        """Somewhere in the lecture; most of them begin where no page does."""
        longest_start = self.classroom.lectures[self.number % 2].size - size_bytes
        start = self.rng.randrange(longest_start)
        return start, start + size_bytes

    def watching(
        self, receive_buffer_bytes: int | None = None
    ) -> AbstractAsyncContextManager[Watcher]:
        return self.classroom.watching(self.number, receive_buffer_bytes)


async def seek(client: Client) -> None:
    """As browsers do: a connection for each jump, left when there is enough or in the middle."""
    for _ in range(3):
        async with client.watching() as watcher:
            start, stop = client.span(client.rng.randrange(1, 400_000))
            await watcher.ask(range_header(start))
            await watcher.head_of(start)
            await watcher.take(start, stop)
            watcher.reset()


async def read_in_ranges(client: Client) -> None:
    """As hls.js does: one range after the other on one connection."""
    async with client.watching() as watcher:
        start, _ = client.span(6 * 100_000)
        for first in range(start, start + 6 * 100_000, 100_000):
            await watcher.range(first, first + 100_000)


async def download(client: Client) -> None:
    """The whole, or what was missing of it, with a token of a service."""
    serve, lecture = client.classroom.serve, client.classroom.lectures[client.number % 2]
    bearer = f"Authorization: Bearer {client.classroom.service_token}"
    async with watching(serve.url, f"/api/v1/videos/{lecture.id}/download", lecture) as watcher:
        start = client.rng.choice([0, client.rng.randrange(lecture.size)])
        await watcher.ask(bearer, range_header(start))
        await watcher.head_of(start)
        await watcher.take(start, lecture.size)


async def leave_early(client: Client) -> None:
    """In any state: before the head, in the middle of it, in the body; by FIN or RST."""
    async with client.watching(SMALL_BUFFER_BYTES) as watcher:
        await watcher.ask()
        await watcher.wire.reader.read(client.rng.choice([0, 1, 100, 100_000]))
        if client.rng.random() < 0.5:
            watcher.reset()


async def dawdle(client: Client) -> None:
    """Reads a little at a time; the rest waits in the kernel."""
    async with client.watching(SMALL_BUFFER_BYTES) as watcher:
        start, stop = client.span(8 * PIECE_BYTES)
        await watcher.ask(range_header(start))
        await watcher.head_of(start)
        for piece in range(start, stop, PIECE_BYTES):
            await watcher.take(piece, piece + PIECE_BYTES)
            await asyncio.sleep(client.rng.random() / 3)


async def send_slowly(client: Client) -> None:
    """The request comes in several pieces."""
    start, stop = client.span(1000)
    async with client.watching() as watcher:
        text = "\r\n".join(request_lines(watcher.path, range_header(start, stop), "", ""))
        for at in range(0, len(text), 100):
            watcher.wire.writer.write(text[at : at + 100].encode())
            await asyncio.sleep(client.rng.random() / 10)
        await watcher.head_of(start, stop)
        await watcher.take(start, stop)


async def pipeline(client: Client) -> None:
    """All requests at once, then all answers."""
    spans = [client.span(client.rng.randrange(1, 200_000)) for _ in range(5)]
    async with client.watching() as watcher:
        for start, stop in spans:
            await watcher.ask(range_header(start, stop))
        for start, stop in spans:
            await watcher.head_of(start, stop)
            await watcher.take(start, stop)


async def ask_conditionally(client: Client) -> None:
    """As caches do, on one connection."""
    start, stop = client.span(50_000)
    asked = range_header(start, stop)
    async with client.watching() as watcher:
        etag = (await watcher.answer(method="HEAD")).headers["ETag"]
        for condition, status in (
            (f"If-None-Match: {etag}", 304),
            (f"If-Range: {etag}", 206),
            (f"If-Match: {etag}", 206),
            ('If-None-Match: "other"', 206),
            ('If-Match: "other"', 412),
        ):
            answer = await watcher.answer(asked, condition)
            assert answer.status == status, (condition, answer.status)
            if status == 206:
                watcher.compare(start, answer.body)


async def ask_for_parts(client: Client) -> None:
    """Several ranges in one request."""
    spans = sorted(client.span(client.rng.randrange(1, 20_000)) for _ in range(3))
    asked = ",".join(f"{start}-{stop - 1}" for start, stop in spans)
    async with client.watching() as watcher:
        answer = await watcher.answer(f"Range: bytes={asked}")
        assert answer.status == 206
        if "Content-Range" in answer.headers:  # they overlapped, and became one
            watcher.compare(spans[0][0], answer.body)
            return
        for start, body in parts_of(answer):
            watcher.compare(start, body)


async def ask_for_heads(client: Client) -> None:
    """HEAD, and what there is nothing to send for."""
    async with client.watching() as watcher:
        size = watcher.lecture.size
        answer = await watcher.answer(range_header(*client.span(1000)), method="HEAD")
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(size))
        assert (await watcher.answer(range_header(size))).status == 416
        await watcher.range(size - 1, size)


async def close_half(client: Client) -> None:
    """Says that no more will come, and takes what it is given."""
    start, stop = client.span(300_000)
    async with client.watching() as watcher:
        await watcher.ask(range_header(start, stop))
        watcher.wire.writer.write_eof()
        try:
            await watcher.head_of(start, stop)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        await watcher.take_until_cut(start)


Kind = Callable[[Client], Awaitable[None]]
# How many of twenty clients are of which kind.
KINDS: list[Kind] = [
    *[seek] * 4,
    *[dawdle] * 4,
    *[leave_early] * 2,
    *[read_in_ranges] * 2,
    *[pipeline] * 2,
    download,
    send_slowly,
    ask_conditionally,
    ask_for_parts,
    ask_for_heads,
    close_half,
]


async def crowd(classroom: Classroom, clients: int, duration_s: float) -> Counter[str]:
    """Lets them come and go; says how often each kind came. The first wrong byte ends it."""
    end_s = time.monotonic() + duration_s
    visits: Counter[str] = Counter()

    async def come_again(number: int) -> None:
        rng = random.Random(number)
        kind = KINDS[number % len(KINDS)]
        while time.monotonic() < end_s:
            await asyncio.sleep(rng.random() * min(LONGEST_BREAK_S, duration_s / 2))
            await kind(Client(classroom, number, rng))
            visits[kind.__name__] += 1

    async with asyncio.TaskGroup() as everyone:
        for number in range(clients):
            everyone.create_task(come_again(number))
    return visits
