"""A crowd whose every byte and second is counted where they are made: the figures are the same."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.samples import write_clock_mp4
from tests.harness.serving import Serve, call, ready_video, served_from
from tests.harness.waiting import wait_until

DURATION_S = 8
STEP_S = 0.5  # wider than the gaps that count as seen
VIEWERS, SESSIONS, RANGES, REPORTS = 12, 2, 20, 6
WITHIN_S = 40.0


@pytest.fixture
def served(tmp_path: Path, made_cluster: Path) -> Iterator[Serve]:
    settings = {"WORKERS": "2", "DATABASE_POOL_SIZE": "10"}
    with served_from(tmp_path, made_cluster, **settings) as found:
        found.start()
        yield found


@dataclass
class Viewer:
    """A student who plays in several sessions at random, and remembers what of it."""

    served: Serve
    user_id: str
    video: Any
    chance: random.Random
    received_bytes: int = 0
    steps: set[int] = field(default_factory=set)

    async def play(self) -> None:
        async with self.served.client(self.user_id) as client:
            for _ in range(SESSIONS):
                playback = await call(
                    client, "POST", f"/api/v1/videos/{self.video['id']}/playback", json={}
                )
                await asyncio.gather(self._load(client, playback), self._watch(client, playback))

    async def _load(self, client: aiohttp.ClientSession, playback: Any) -> None:
        for _ in range(RANGES):
            first = self.chance.randrange(self.video["size"])
            last = self.chance.randrange(first, self.video["size"])
            head = {"Range": f"bytes={first}-{last}"}
            async with client.get(playback["stream_url"], headers=head) as answer:
                assert answer.status == 206
                self.received_bytes += len(await answer.read())

    async def _watch(self, client: aiohttp.ClientSession, playback: Any) -> None:
        path = f"/play/{playback['grant']}/{self.video['id']}/progress"
        for sequence in range(1, REPORTS + 1):
            first = self.chance.randrange(int(DURATION_S / STEP_S))
            stop = self.chance.randint(first + 1, int(DURATION_S / STEP_S))
            self.steps |= set(range(first, stop))
            said = {
                "session_id": playback["session_id"],
                "sequence": sequence,
                "position": stop * STEP_S,
                "watched": [[first * STEP_S, stop * STEP_S]],
                "event": "progress",
            }
            await call(client, "POST", path, json=said)


async def test_figures_are_what_the_crowd_counted(served: Serve, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    await asyncio.to_thread(write_clock_mp4, film, DURATION_S)
    video = await ready_video(served, film)
    crowd = [Viewer(served, f"s{n}", video, random.Random(n)) for n in range(VIEWERS)]
    async with served.client("root", "admin") as admin:
        for one in crowd:
            path = f"/api/v1/courses/c1/enrollments/{one.user_id}"
            await call(admin, "PUT", path, json={"role": "student"})
        await asyncio.gather(*(one.play() for one in crowd))

        async def figures() -> Any:
            return await call(admin, "GET", "/api/v1/analytics/courses/c1")

        sent_bytes = sum(one.received_bytes for one in crowd)
        shown = await wait_until(
            figures, lambda seen: _bytes(seen) >= sent_bytes, within_s=WITHIN_S
        )
        students = await call(admin, "GET", "/api/v1/analytics/courses/c1/students")

    assert _bytes(shown) == sent_bytes
    assert shown["watched_seconds"] == STEP_S * sum(len(one.steps) for one in crowd)
    assert (shown["viewers"], shown["sessions"]) == (VIEWERS, VIEWERS * SESSIONS)
    seen = {one["user_id"]: one["watched_seconds"] for one in students["items"]}
    assert {one.user_id: STEP_S * len(one.steps) for one in crowd}.items() <= seen.items()


def _bytes(figures: Any) -> int:
    return sum(day["bytes"] for day in figures["days"])
