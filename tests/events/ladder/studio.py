"""A ladder's jobs over a real database and storage, with real media in quick pieces."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from msgspec.structs import replace

from db.media import assets
from db.media.assets import RepresentationRow
from db.pool import Database
from db.videos import processing, videos
from db.videos.video import Video
from events.ladder.ladders import Ladders
from events.ladder.options import LadderOptions, LadderSettings
from storage.hashes import sha256_file
from storage.ladder.facts import LadderPlan, Made, SoundRung
from storage.paths import StoragePaths, asset_name
from storage.sandbox.children import Sandbox
from storage.videos import adopt_asset
from tests.events.workshop import new_video

PIECE_S, SEGMENT_S = 4, 2
SMALL = LadderOptions((144,))

NEXT_JOB = """
DELETE FROM procrastinate_jobs WHERE id = (
    SELECT id FROM procrastinate_jobs ORDER BY priority DESC, id LIMIT 1)
RETURNING task_name, args
"""


class QuickSandbox(Sandbox):
    """Plans pieces of seconds; raises or awaits the `failures` of a function before it runs.

    What children make of the same film is kept for the other tests.
    """

    plans: ClassVar[dict[object, LadderPlan]] = {}
    works: ClassVar[dict[object, tuple[list[Made], list[bytes]]]] = {}

    def __init__(self) -> None:
        super().__init__(1)
        self.calls: list[str] = []
        self.failures: dict[str, BaseException | Callable[[], Awaitable[None]]] = {}

    async def begin(self, name: str) -> None:
        self.calls.append(name)
        failure = self.failures.pop(name, None)
        if isinstance(failure, BaseException):
            raise failure
        if failure is not None:
            await failure()

    async def plan_ladder(
        self, path: Path, source: Any, heights: Any, **options: Any
    ) -> LadderPlan:
        await self.begin("plan")
        key = (path.name, heights, options["av1"])
        if key not in self.plans:
            quick = {"segment_s": SEGMENT_S, "piece_s": PIECE_S}
            self.plans[key] = await super().plan_ladder(path, source, heights, **options, **quick)
        return self.plans[key]

    async def encode_piece(
        self,
        path: Path,
        source: Any,
        plan: LadderPlan,
        number: int,
        directory: Path,
        **options: Any,
    ) -> list[Made]:
        names = ",".join(rung.name for rung in plan.coded)
        await self.begin(f"{names} {number}")
        encode = super().encode_piece

        async def work() -> list[Made]:
            return await encode(path, source, plan, number, directory, **options)

        return await self._once((path.name, names, number), directory, work)

    async def copy_rung(self, path: Path, source: Any, plan: LadderPlan, directory: Path) -> Made:
        await self.begin("copy")
        copy = super().copy_rung

        async def work() -> list[Made]:
            return [await copy(path, source, plan, directory)]

        (made,) = await self._once((path.name, "copy"), directory, work)
        return made

    async def encode_sound(
        self, path: Path, source: Any, plan: LadderPlan, sound: SoundRung, directory: Path
    ) -> Made:
        await self.begin("sound")
        encode = super().encode_sound

        async def work() -> list[Made]:
            return [await encode(path, source, plan, sound, directory)]

        (made,) = await self._once((path.name, sound.name), directory, work)
        return made

    async def _once(
        self, key: object, directory: Path, work: Callable[[], Awaitable[list[Made]]]
    ) -> list[Made]:
        """Does the work once in a run of the tests, and copies its files from then on."""
        if key not in self.works:
            made = await work()
            files = await asyncio.to_thread(lambda: [one.file.read_bytes() for one in made])
            self.works[key] = (made, files)
            return made
        made, files = self.works[key]
        copies = [replace(one, file=directory / one.file.name) for one in made]
        for one, content in zip(copies, files, strict=True):
            await asyncio.to_thread(one.file.write_bytes, content)
        return copies


@dataclass
class Studio:
    """A worker's ladders; `film` is what its videos show."""

    database: Database
    storage: StoragePaths
    film: Path
    options: LadderOptions | None = SMALL
    quota_bytes: int | None = None
    sandbox: QuickSandbox = field(default_factory=QuickSandbox)

    @property
    def ladders(self) -> Ladders:
        settings = LadderSettings(self.options, self.quota_bytes)
        return Ladders(self.database, self.storage, self.sandbox, settings)

    async def ready_video(self, film: Path | None = None) -> UUID:
        """A video that can be watched, without a ladder."""
        new = new_video()
        row = await asyncio.to_thread(self._place, new.id, film or self.film)
        async with self.database.transaction() as transaction:
            assert await videos.insert(transaction, new)
            assert await processing.set_served(transaction, new.id, row.sha256)
            await assets.add_representation(transaction, new.id, row)
            assert await processing.set_ready(transaction, new.id, new.file.media)
        return new.id

    def _place(self, video_id: UUID, film: Path) -> RepresentationRow:
        sha256 = sha256_file(film)
        name = asset_name("source", sha256, "mp4")
        temp = shutil.copy(film, self.storage.unfinished / "film")
        path = adopt_asset(self.storage, Path(temp), "c1", video_id, name)
        return RepresentationRow("mp4", name, "video/mp4", path.stat().st_size, sha256, True)

    async def made(self, film: Path | None = None) -> UUID:
        """A video with a finished ladder."""
        video_id = await self.ready_video(film)
        await self.ladders.begin(video_id)
        await self.run_jobs()
        return video_id

    async def run_jobs(self, most: int | None = None) -> list[str]:
        """Runs waiting jobs as one worker would, all or so many; returns what they were."""
        done: list[str] = []
        while (most is None or len(done) < most) and (job := await self._take_job()):
            done.append(job.task_name)
            await self.run_job(job.task_name, job.args)
        return done

    async def run_job(self, name: str, arguments: Any, *, is_last_attempt: bool = False) -> None:
        video_id, work = UUID(arguments["video_id"]), self.ladders
        match name:
            case "plan_ladder":
                await work.plan(video_id, is_last_attempt=is_last_attempt)
            case "make_ladder_piece":
                lane = arguments["lane"]
                await work.make_piece(video_id, lane, is_last_attempt=is_last_attempt)
            case "finish_ladder":
                await work.finish(video_id, is_last_attempt=is_last_attempt)
            case "write_playlists":
                await work.write_playlists(video_id)
            case _:
                raise AssertionError(name)

    async def _take_job(self) -> Any:
        async with self.database.transaction() as transaction:
            return await transaction.fetch_one(NEXT_JOB)

    async def forget_jobs(self) -> None:
        async with self.database.transaction() as transaction:
            await transaction.execute("DELETE FROM procrastinate_jobs")

    async def video(self, video_id: UUID) -> Video:
        video = await videos.get(self.database, video_id)
        assert video is not None
        return video

    async def states(self, video_id: UUID) -> dict[str, str]:
        return {row.name: row.state for row in (await self.video(video_id)).rungs}

    async def files(self, video_id: UUID) -> set[str]:
        """Names of the video's files but the served one."""
        directory = self.storage.video_dir("c1", video_id)
        names = await asyncio.to_thread(lambda: {path.name for path in directory.iterdir()})
        return {name for name in names if not name.startswith("source-")}

    async def unfinished(self) -> list[str]:
        """Names of what is left in the place of unfinished files."""
        return await asyncio.to_thread(
            lambda: [path.name for path in self.storage.unfinished.iterdir()]
        )

    async def text(self, video_id: UUID, name: str) -> str:
        path = self.storage.asset("c1", video_id, name)
        return await asyncio.to_thread(path.read_text)
