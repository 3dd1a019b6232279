"""A database and a storage in which work is killed right before any of its steps."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from db.pool import Database
from db.videos.video import MediaFacts, NewVideo, ReceivedFile
from events.media import pipeline
from events.upkeep.reconcile import mend, reconcile
from events.upkeep.survey import survey
from storage.paths import StoragePaths
from storage.upkeep.inventory import remove_unfinished

ROOT = Path(__file__).resolve().parents[3]
IS_FULL = bool(os.environ.get("FULL"))
# Until COMMIT nothing that was sent can be seen, and a killed process loses nothing that it wrote:
# killing before each of these finds the same as killing before the next step.
HARMLESS = ("SELECT", "UPDATE", "INSERT", "BEGIN", "WITH", "DELETE", "NOTIFY", "SET", "fsync")
TAKEN_OVER_WITHIN_S = 60.0
A_DAY_S = 24 * 3600.0


@dataclass
class Killer:
    """The program that forks victims; orders it about."""

    process: "subprocess.Popen[str]"

    async def order(self, **order: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self._order, order)

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def killing_program() -> "subprocess.Popen[str]":
    """The program of `dying`, which reads orders."""
    command = [sys.executable, str(Path(__file__).with_name("dying.py"))]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    )


@dataclass
class Place:
    """A database and a storage in which things are killed."""

    dsn: str
    database: Database
    storage: StoragePaths
    killer: Killer

    async def upload(self, content: bytes, *, is_playable: bool = True) -> UUID:
        media = MediaFacts(
            30.0, 640, 360, 25.0, 0, "mp4", "h264", None, "video/mp4", is_playable=is_playable
        )
        file = ReceivedFile("f.mp4", "mp4", media, len(content), "tess")
        new = NewVideo(uuid4(), "c1", "m1", "t", file)
        path = self.storage.asset("c1", new.id, "original.mp4")
        await asyncio.to_thread(path.parent.mkdir, parents=True)
        await asyncio.to_thread(path.write_bytes, content)
        assert await pipeline.enter(self.database, new, uuid4()) is not None
        return new.id

    async def order(self, work: str, **order: Any) -> dict[str, Any]:
        return await self.killer.order(
            work=work, dsn=self.dsn, root=str(self.storage.root), **order
        )

    async def kill_everywhere(
        self,
        work: str,
        prepare: Callable[[], Awaitable[UUID]],
        *,
        is_repetitive: bool = False,
        **settings: Any,
    ) -> AsyncIterator[tuple[UUID, str]]:
        """(video, step) for each step right before which a victim was killed.

        Of work that `is_repetitive` only the first and the last of steps that are alike.
        """
        alive = await self.order(work, video_id=str(await prepare()), **settings)
        assert not alive["was_killed"]
        telling = _telling(alive["steps"]) if is_repetitive else range(len(alive["steps"]))
        for die_at, step in enumerate(alive["steps"]):
            if IS_FULL or (die_at in telling and not step.startswith(HARMLESS)):
                video_id = await prepare()
                answer = await self.order(work, die_at=die_at, video_id=str(video_id), **settings)
                assert answer == {"was_killed": True, "steps": alive["steps"][: die_at + 1]}
                yield video_id, step

    async def killed_jobs(
        self, prepare: Callable[[], Awaitable[UUID]], **settings: Any
    ) -> dict[UUID, str]:
        """The step before which each video's job was killed."""
        return dict([one async for one in self.kill_everywhere("job", prepare, **settings)])

    async def jobs_are_done(self, **settings: Any) -> None:
        """By a worker that lives."""
        await self.order("jobs", timeout_s=TAKEN_OVER_WITHIN_S, **settings)

    async def nothing_is_left_over(self) -> None:
        """An hour later; unfinished files a day later."""
        now_s = time.time()
        # One crash leaves little; so many at once are for a person to confirm.
        findings = (await survey(self.database, self.storage)).findings
        leftovers = [one for one in findings if one.kind in ("stray", "stuck")]
        await mend(self.database, self.storage, leftovers, now_s + A_DAY_S)
        assert await reconcile(self.database, self.storage, now_s + A_DAY_S) == []
        await asyncio.to_thread(remove_unfinished, self.storage, now_s + A_DAY_S)
        assert (await survey(self.database, self.storage, is_deep=True)).findings == ()
        left = await asyncio.to_thread(lambda: list(self.storage.unfinished.iterdir()))
        assert left == []

    async def events_of(self, video_id: UUID) -> list[str]:
        rows = await self.database.fetch_all(
            "SELECT type FROM event_log WHERE video_id = %s AND type <> 'video.processing'"
            " ORDER BY id",
            (str(video_id),),
        )
        return [row.type.removeprefix("video.") for row in rows]

    async def files_of(self, video_id: UUID) -> list[str]:
        directory = self.storage.video_dir("c1", video_id)
        if not await asyncio.to_thread(directory.exists):
            return []
        names = await asyncio.to_thread(os.listdir, directory)
        return sorted(name.partition("-")[0] for name in names)

    async def row_counts(self) -> list[int]:
        tables = ("videos", "representations", "thumbnails", "storyboard_files", "progress")
        rows = [await self.database.fetch_one(f"SELECT count(*) AS n FROM {t}") for t in tables]
        return [row.n for row in rows if row]


def _telling(steps: list[str]) -> set[int]:
    """Places of the first and the last of the same steps after the same steps."""
    pairs = list(pairwise(["", *steps]))
    last = {pair: place for place, pair in enumerate(pairs)}
    first = {pair: place for place, pair in reversed([*enumerate(pairs)])}
    return {*first.values(), *last.values()}
