"""A media worker over a real database and storage, with the media work faked."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from db.pool import Database
from db.videos import videos
from db.videos.replacements import NewReplacement
from db.videos.video import MediaFacts, NewVideo, ReceivedFile, Video
from events.media import pipeline, replacements
from events.media.pictures import Pictures, PictureSettings
from events.media.pipeline import Pipeline
from events.upkeep import replaced_files
from storage.paths import StoragePaths, original_name
from tests.films.plain_media import INDEX_FIRST, PlainMedia, sha256

SIZES = [("small", 160), ("large", 640)]
SHEET = f"storyboard-{sha256(b'tiles')[:16]}.jpg"


def cues_until(end: str) -> str:
    return f"""WEBVTT

00:00:00.000 --> 00:00:10.000
{SHEET}#xywh=0,0,160,90

00:00:10.000 --> {end}
{SHEET}#xywh=160,0,160,90
"""


def storyboard_of(cues: str) -> tuple[str, str]:
    return SHEET, f"storyboard-{sha256(cues.encode())[:16]}.vtt"


CUES = cues_until("00:00:30.000")
STORYBOARD = storyboard_of(CUES)
CONVERTED_STORYBOARD = storyboard_of(cues_until("00:00:29.960"))


class Killed(BaseException):
    """Simulates a killed worker: no handler runs, and the next worker finds the leftovers."""


@dataclass
class FakeSandbox(PlainMedia):
    """Raises the error in `failures` for a function, or runs it."""

    failures: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def begin(self, name: str) -> None:
        self.calls.append(name)
        failure = self.failures.get(name)
        if isinstance(failure, BaseException):
            raise failure
        if failure is not None:
            await failure()


@dataclass
class Workshop:
    """A worker's pipeline over a real database and storage."""

    database: Database
    storage: StoragePaths
    sandbox: FakeSandbox
    has_alternate: bool = False

    @property
    def pipeline(self) -> Pipeline:
        sandbox: Any = self.sandbox
        return Pipeline(
            self.database,
            self.storage,
            sandbox,
            PictureSettings(SIZES, 82),
            has_alternate=self.has_alternate,
        )

    @property
    def pictures(self) -> Pictures:
        sandbox: Any = self.sandbox
        return Pictures(self.database, self.storage, sandbox, PictureSettings(SIZES, 82))

    async def enter(self, content: bytes = INDEX_FIRST, **media: Any) -> UUID:
        """Insert a video that was just uploaded."""
        new = new_video(**media)
        directory = self.storage.video_dir("c1", new.id)
        await asyncio.to_thread(directory.mkdir, parents=True)
        original = directory / f"original.{new.file.source_format}"
        await asyncio.to_thread(original.write_bytes, content)
        assert await pipeline.enter(self.database, new, uuid4()) is not None
        return new.id

    async def replace(self, video_id: UUID, content: bytes, **media: Any) -> NewReplacement:
        """Enter another film for the video, that was just uploaded."""
        new = new_replacement(video_id, len(content), **media)
        name = original_name(new.file.source_format, new.id)
        path = self.storage.asset("c1", video_id, name)
        await asyncio.to_thread(path.write_bytes, content)
        assert await replacements.enter(self.database, new, uuid4()) is not None
        return new

    async def sweep(self) -> None:
        """Remove the files of films that were replaced, as a minute later."""
        await replaced_files.sweep(self.database, self.storage, 0.0)

    async def run(self, video_id: UUID, *, is_last_attempt: bool = False) -> None:
        await self.pipeline.run(video_id, is_last_attempt=is_last_attempt)

    async def video(self, video_id: UUID) -> Video:
        video = await videos.get(self.database, video_id)
        assert video is not None
        return video

    async def ratios(self) -> list[float]:
        rows = await self.database.fetch_all(
            "SELECT payload->'processing_ratio' AS ratio FROM event_log"
            " WHERE type = 'video.processing' ORDER BY id"
        )
        return [float(row.ratio) for row in rows]

    async def events(self) -> list[str]:
        rows = await self.database.fetch_all("SELECT type FROM event_log ORDER BY id")
        return [row.type.removeprefix("video.") for row in rows]

    async def hide(self, video_id: UUID) -> None:
        async with self.database.transaction() as transaction:
            await videos.delete(transaction, [video_id])

    async def restore(self, video_id: UUID) -> None:
        async with self.database.transaction() as transaction:
            await videos.restore(transaction, video_id)

    async def leisurely_jobs(self) -> list[UUID]:
        rows = await self.database.fetch_all(
            "SELECT lock FROM procrastinate_jobs WHERE priority < 0 ORDER BY lock"
        )
        return [UUID(row.lock) for row in rows]

    async def forget_jobs(self) -> None:
        async with self.database.transaction() as transaction:
            await transaction.execute("DELETE FROM procrastinate_jobs")

    async def files(self, video_id: UUID) -> list[str]:
        """Names of the video's files; asserts that no temporary file is left."""
        assert await asyncio.to_thread(lambda: list(self.storage.unfinished.iterdir())) == []
        directory = self.storage.video_dir("c1", video_id)
        return await asyncio.to_thread(lambda: sorted(path.name for path in directory.iterdir()))


def new_video(module_id: str = "m-c1", source_format: str | None = None, **media: Any) -> NewVideo:
    facts: dict[str, Any] = {
        "duration_s": 30.0,
        "width": 640,
        "height": 360,
        "frame_rate": 25.0,
        "rotation": 0,
        "container": "mp4",
        "video_codec": "h264",
        "audio_codec": None,
        "mime_type": 'video/mp4; codecs="avc1.64001F"',
        "is_playable": True,
        **media,
    }
    source_format = source_format or facts["container"]
    file = ReceivedFile("lecture.mp4", source_format, MediaFacts(**facts), 1, "tess")
    return NewVideo(uuid4(), "c1", module_id, "Lecture", file)


def new_replacement(video_id: UUID, size_bytes: int, **media: Any) -> NewReplacement:
    film = new_video(**media)
    file = ReceivedFile("better.mp4", film.file.source_format, film.file.media, size_bytes, "tom")
    return NewReplacement(uuid4(), video_id, film.course_id, file)


def names_of(
    served: bytes,
    container: str = "mp4",
    kinds: tuple[str, ...] = ("jpg", "webp", "avif"),
    of: str = "",
    board: tuple[str, str] = STORYBOARD,
) -> list[str]:
    """`of`: content of the pictures, where a user chose it."""
    pictures = [
        f"{name}-{sha256(f'picture {name} {kind}{of}'.encode())[:16]}.{kind}"
        for kind in kinds
        for name, _ in SIZES
    ]
    return sorted([*pictures, *board, f"source-{sha256(served)[:16]}.{container}"])
