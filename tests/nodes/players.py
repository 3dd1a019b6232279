"""Viewers of several nodes behind a balancer: what they ask, and the worst that they meet."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.harness.waiting import wait_until

RANGE_BYTES = 2**16
AGAIN_S = 0.05  # before a player asks again
EVENT_AGAIN_S = 0.2  # a browser waits for seconds
PATIENCE_S = 20.0
TEACHER_PATIENCE_S = 5.0  # what hangs may be done later, but once
PLAYERS, LISTENERS = 4, 4
FAILURES = (aiohttp.ClientError, TimeoutError, ConnectionError)


@dataclass
class Audience:
    """Requests of a few seconds, while nodes fail; `file` is what the ranges must be."""

    url: str
    path: str
    file: bytes
    events_path: str
    video_path: str
    headers: dict[str, str]
    ranges: int = 0
    longest_wait_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    ended_for_good: list[str] = field(default_factory=list)
    heard: list[list[tuple[int, str]]] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    async def watch(self, seed: int) -> None:
        """A player that asks for one range after the other, each until it has it."""
        chance = random.Random(seed)
        async with aiohttp.ClientSession(self.url) as session:
            while True:
                start = chance.randrange(len(self.file) - RANGE_BYTES)
                asked_s = time.monotonic()
                while not await self._has_range(session, start):
                    await asyncio.sleep(AGAIN_S)
                self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - asked_s)
                self.ranges += 1
                await asyncio.sleep(AGAIN_S)

    async def _has_range(self, session: aiohttp.ClientSession, start: int) -> bool:
        wanted = {"Range": f"bytes={start}-{start + RANGE_BYTES - 1}"}
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        try:
            async with session.get(self.path, headers=wanted, timeout=timeout) as response:
                body = await response.read()
        except FAILURES:
            return False
        if response.status == 206 and body != self.file[start : start + RANGE_BYTES]:
            self.wrong.append(f"{start}: {len(body)} other bytes")
        return response.status == 206

    async def listen(self, number: int) -> None:
        """An EventSource: after 200 it comes back, after anything else it never does."""
        heard, last_id = self.heard[number], ""
        async with aiohttp.ClientSession(self.url) as session:
            while True:
                with suppress(*FAILURES):
                    async with session.get(
                        self.events_path,
                        headers={"Last-Event-ID": last_id} if last_id else {},
                        timeout=aiohttp.ClientTimeout(total=None, sock_read=PATIENCE_S),
                    ) as response:
                        kind = response.headers.get("Content-Type", "")
                        if response.status != 200 or not kind.startswith("text/event-stream"):
                            self.ended_for_good.append(f"{response.status} {kind}")
                            return
                        async for line in response.content:
                            if line.startswith(b"id:"):
                                last_id = line[3:].strip().decode()
                            elif line.startswith(b"data:"):
                                heard.append((int(last_id), line.decode()))
                await asyncio.sleep(EVENT_AGAIN_S)

    async def rename(self) -> None:
        """A teacher whose every request has a name of its own, and is sent once."""
        term = uuid4()
        async with aiohttp.ClientSession(self.url, headers=self.headers) as session:
            for number in range(1_000_000):
                title = f"renamed {term} {number:06}."
                self.sent.append(title)
                timeout = aiohttp.ClientTimeout(total=TEACHER_PATIENCE_S)
                with suppress(*FAILURES):
                    async with session.patch(
                        self.video_path, json={"title": title}, timeout=timeout
                    ) as response:
                        if response.status == 200:
                            self.acknowledged.append(title)
                await asyncio.sleep(2 * AGAIN_S)

    def times_heard(self, title: str, heard: list[tuple[int, str]]) -> int:
        return sum(title in data for _, data in heard)

    async def until_all_heard(self) -> None:
        """Until each listener has each change that was acknowledged."""
        await wait_until(
            lambda: all(
                self.times_heard(title, heard)
                for heard in self.heard
                for title in self.acknowledged
            ),
            within_s=PATIENCE_S,
        )

    async def until_more(self, ranges: int = 20, names: int = 5) -> None:
        """Until everybody has got on by that much."""
        ranges, names = self.ranges + ranges, len(self.acknowledged) + names
        await wait_until(
            lambda: self.ranges >= ranges and len(self.acknowledged) >= names, within_s=60.0
        )


@asynccontextmanager
async def attended(audience: Audience) -> AsyncIterator[Audience]:
    """At work for the block, and until what happened in it was heard."""
    audience.heard = [[] for _ in range(LISTENERS)]
    listening = [asyncio.create_task(audience.listen(number)) for number in range(LISTENERS)]
    tasks = [asyncio.create_task(audience.watch(seed)) for seed in range(PLAYERS)]
    renaming = asyncio.create_task(audience.rename())
    try:
        await audience.until_more()
        yield audience
        renaming.cancel()
        await asyncio.wait([renaming])
        await audience.until_all_heard()
    finally:
        every = [*tasks, *listening, renaming]
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)
