"""From an uploaded file to a video that can be watched, with the media work faked."""

import asyncio
import hashlib
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from db import videos
from db.errors import DatabaseUnavailable
from db.pool import Database
from db.videos import MediaFacts, NewVideo, Video
from events import pictures, pipeline, reconcile, renditions, wanted
from events.pictures import Pictures, PictureSettings
from events.pipeline import Pipeline
from storage.errors import (
    MediaCrashed,
    MediaTimedOut,
    NoVideo,
    StorageFull,
    StorageGone,
    StorageReadOnly,
    TooComplex,
    Truncated,
    Undecodable,
    UnsupportedFormat,
)
from storage.media import (
    Limits,
    Picture,
    PictureKind,
    Probe,
    Sheet,
    Storyboard,
    TranscodeTask,
    sheet_file,
)
from storage.paths import StoragePaths
from storage.sandbox import OnProgress
from storage.sniff import Container
from storage.transcode_budget import TranscodeBudget


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


TYPE = box(b"ftyp", b"isom\0\0\2\0isom")
INDEX_FIRST = TYPE + box(b"moov") + box(b"mdat", b"pictures and sound")
INDEX_LAST = TYPE + box(b"mdat", b"pictures and sound") + box(b"moov")
SIZES = [("small", 160), ("large", 640)]
CONVERTED = Probe(
    duration_s=29.96,
    width=360,
    height=640,
    frame_rate=30.0,
    rotation=0,
    video_codec="h264",
    audio_codec="aac",
    mime_type='video/mp4; codecs="avc1.640028, mp4a.40.2"',
    streams=2,
    is_playable_in_browsers=True,
)


A_DAY_FROM_NOW = time.time() + 24 * 3600


SHEET = f"storyboard-{hashlib.sha256(b'tiles').hexdigest()[:16]}.jpg"


def cues_until(end: str) -> str:
    return f"""WEBVTT

00:00:00.000 --> 00:00:10.000
{SHEET}#xywh=0,0,160,90

00:00:10.000 --> {end}
{SHEET}#xywh=160,0,160,90
"""


def storyboard_of(cues: str) -> tuple[str, str]:
    return SHEET, f"storyboard-{hashlib.sha256(cues.encode()).hexdigest()[:16]}.vtt"


CUES = cues_until("00:00:30.000")
STORYBOARD = storyboard_of(CUES)
CONVERTED_STORYBOARD = storyboard_of(cues_until("00:00:29.960"))


class Killed(BaseException):
    """What the worker does not live to see: no handler runs, the next worker finds the rest."""


@dataclass
class FakeSandbox:
    """Writes plain files; raises what stands in `failures` for a function, or runs it."""

    failures: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    made: Container = "mp4"

    async def remux(self, source: Path, target: Path, container: str) -> None:
        await self._called("remux")
        await asyncio.to_thread(target.write_bytes, b"remuxed " + await read(source))

    async def transcode(
        self, task: TranscodeTask, budget: TranscodeBudget, on_progress: OnProgress
    ) -> Container:
        on_progress(0.5)
        await self._called(f"transcode to {'/'.join(task.targets)}")
        content = await read(task.path)
        await asyncio.to_thread(task.target.write_bytes, b"converted " + content)
        return task.targets[-1] if len(task.targets) == 1 else self.made

    async def probe(self, path: Path, container: Container, limits: Limits) -> Probe:
        await self._called("probe")
        return CONVERTED

    async def thumbnails(
        self,
        path: Path,
        container: str,
        sizes: list[tuple[str, int]],
        quality: int,
        out_dir: Path,
        kinds: list[PictureKind],
        at_s: float | None = None,
    ) -> list[Picture]:
        await self._called("thumbnails" if kinds == ["jpg"] else "+".join(kinds))
        return await self._pictures("" if at_s is None else f" at {at_s}", sizes, out_dir, kinds)

    async def own_thumbnails(
        self,
        path: Path,
        max_pixels: int,
        sizes: list[tuple[str, int]],
        quality: int,
        out_dir: Path,
        kinds: list[PictureKind],
    ) -> list[Picture]:
        await self._called("own")
        return await self._pictures(f" of {path.name}", sizes, out_dir, kinds)

    async def _pictures(
        self,
        of: str,
        sizes: list[tuple[str, int]],
        out_dir: Path,
        kinds: list[PictureKind],
    ) -> list[Picture]:
        return [
            await self._picture(name, width_px, kind, out_dir / f"{name}.{kind}", of)
            for kind in kinds
            for name, width_px in sizes
        ]

    async def storyboard(
        self, path: Path, container: str, quality: int, out_dir: Path
    ) -> Storyboard:
        await self._called("storyboard")
        content = b"tiles"
        file = sheet_file(out_dir, 0)
        await asyncio.to_thread(file.write_bytes, content)
        return Storyboard(160, 90, [0.0, 10.0], [Sheet(file, len(content), sha256(content))])

    async def _picture(
        self, name: str, width_px: int, kind: PictureKind, file: Path, of: str
    ) -> Picture:
        content = f"picture {name} {kind}{of}".encode()
        await asyncio.to_thread(file.write_bytes, content)
        return Picture(
            name=name,
            file=file,
            extension=kind,
            width_px=width_px,
            height_px=width_px // 2,
            size_bytes=len(content),
            sha256=sha256(content),
        )

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        failure = self.failures.get(name)
        if isinstance(failure, BaseException):
            raise failure
        if failure is not None:
            await failure()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def read(path: Path) -> bytes:
    return await asyncio.to_thread(path.read_bytes)


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
        """A video that was just uploaded."""
        new = new_video(**media)
        directory = self.storage.video_dir("c1", new.id)
        await asyncio.to_thread(directory.mkdir, parents=True)
        original = directory / f"original.{new.media.container}"
        await asyncio.to_thread(original.write_bytes, content)
        assert await pipeline.enter(self.database, new, uuid4()) is not None
        return new.id

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
        """The names of the video's files; nothing may be left where work is done."""
        assert await asyncio.to_thread(lambda: list(self.storage.unfinished.iterdir())) == []
        directory = self.storage.video_dir("c1", video_id)
        return await asyncio.to_thread(lambda: sorted(path.name for path in directory.iterdir()))


def new_video(module_id: str = "m-c1", **media: Any) -> NewVideo:
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
    }
    return NewVideo(
        id=uuid4(),
        course_id="c1",
        module_id=module_id,
        title="Lecture",
        original_filename="lecture.mp4",
        media=MediaFacts(**{**facts, **media}),
        original_size_bytes=1,
        uploaded_by="tess",
    )


@pytest.fixture
def storage(tmp_path: Path) -> StoragePaths:
    storage = StoragePaths(tmp_path)
    storage.prepare()
    return storage


@pytest.fixture
async def workshop(database: Database, library: Any, storage: StoragePaths) -> Workshop:
    return Workshop(database, storage, FakeSandbox())


def names_of(
    served: bytes,
    container: str = "mp4",
    kinds: tuple[str, ...] = ("jpg", "webp", "avif"),
    of: str = "",
    board: tuple[str, str] = STORYBOARD,
) -> list[str]:
    """`of`: what the pictures show, where somebody chose it."""
    pictures = [
        f"{name}-{sha256(f'picture {name} {kind}{of}'.encode())[:16]}.{kind}"
        for kind in kinds
        for name, _ in SIZES
    ]
    return sorted([*pictures, *board, f"source-{sha256(served)[:16]}.{container}"])


async def test_uploaded_video_has_row_event_and_job(workshop: Workshop) -> None:
    video_id = await workshop.enter()

    jobs = await workshop.database.fetch_all(
        "SELECT task_name, queue_name, lock, args FROM procrastinate_jobs"
    )
    video = await workshop.video(video_id)
    assert jobs == [("process_video", "media", str(video_id), {"video_id": str(video_id)})]
    assert (video.status, video.processing_ratio) == ("processing", 0)
    assert await workshop.events() == ["uploaded"]


async def test_nothing_is_entered_into_a_module_that_is_gone(workshop: Workshop) -> None:
    async with workshop.database.transaction() as transaction:
        await transaction.execute("UPDATE modules SET deleted_at = now()")

    assert await pipeline.enter(workshop.database, new_video(), uuid4()) is None

    assert await workshop.events() == []
    assert await workshop.database.fetch_all("SELECT id FROM procrastinate_jobs") == []


@pytest.mark.parametrize(
    ("container", "original", "served", "calls"),
    [
        pytest.param("mp4", INDEX_FIRST, INDEX_FIRST, [], id="MP4 in order"),
        pytest.param("mp4", INDEX_LAST, b"remuxed " + INDEX_LAST, ["remux"], id="index last"),
        pytest.param("webm", b"webm", b"remuxed webm", ["remux"], id="WebM"),
    ],
)
async def test_video_becomes_ready(
    workshop: Workshop, container: str, original: bytes, served: bytes, calls: list[str]
) -> None:
    video_id = await workshop.enter(original, container=container)

    await workshop.run(video_id)

    video = await workshop.video(video_id)
    assert (video.status, video.processing_ratio) == ("ready", 1)
    assert video.original_sha256 == sha256(original)
    assert video.primary is not None
    assert (video.primary.sha256, video.primary.size_bytes) == (sha256(served), len(served))
    assert (video.primary.format, video.primary.mime_type) == (container, video.media.mime_type)
    assert [(row.size_name, row.width_px, row.mime_type) for row in video.thumbnails] == [
        (*size, f"image/{kind}") for size in SIZES for kind in ("avif", "jpeg", "webp")
    ]
    assert workshop.sandbox.calls == [*calls, "thumbnails", "webp+avif", "storyboard"]
    assert await workshop.files(video_id) == names_of(served, container)
    path = workshop.storage.asset("c1", video_id, video.primary.file_name)
    assert await read(path) == served


async def test_progress_is_told_and_only_rises(workshop: Workshop) -> None:
    await workshop.run(await workshop.enter())

    ratios = await workshop.ratios()
    assert ratios == sorted(ratios)
    assert len(set(ratios)) == len(ratios) > 1
    assert 0 < ratios[-1] < 1
    assert await workshop.events() == [
        "uploaded",
        *["processing"] * len(ratios),
        "ready",
        *["updated"] * 2,
    ]


async def test_second_run_changes_nothing(workshop: Workshop) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    await workshop.run(video_id)
    before = (await workshop.video(video_id), await workshop.events())
    files = await workshop.files(video_id)

    await workshop.run(video_id)
    await workshop.pipeline.give_up(video_id)

    assert (await workshop.video(video_id), await workshop.events()) == before
    assert await workshop.files(video_id) == files


@pytest.mark.parametrize("content", [INDEX_FIRST, INDEX_LAST], ids=["in order", "index last"])
@pytest.mark.parametrize(
    "step",
    ["sha256_file", "link_asset", "adopt_asset", "asset_name", "remove_asset"],
)
@pytest.mark.parametrize("survived", [0, 1, 4])
async def test_worker_killed_between_steps_costs_only_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, content: bytes, step: str, survived: int
) -> None:
    video_id = await workshop.enter(content)
    with monkeypatch.context() as patched:
        dying = killed_after(survived, getattr(renditions, step))
        patched.setattr(renditions, step, dying)
        patched.setattr(pictures, step, dying, raising=False)
        with suppress(Killed):  # a step that is not taken kills nobody
            await workshop.run(video_id)

    await workshop.run(video_id)

    served = content if content is INDEX_FIRST else b"remuxed " + content
    assert (await workshop.video(video_id)).status == "ready"
    assert await workshop.files(video_id) == names_of(served)
    assert (await workshop.events()).count("ready") == 1


@pytest.mark.parametrize("step", ["remux", "thumbnails", "webp+avif", "storyboard"])
async def test_worker_killed_in_media_work_costs_only_time(workshop: Workshop, step: str) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures[step] = Killed()
    with pytest.raises(Killed):
        await workshop.run(video_id)
    workshop.sandbox.failures.clear()

    await workshop.run(video_id)

    assert await workshop.files(video_id) == names_of(b"remuxed " + INDEX_LAST)
    assert (await workshop.events()).count("ready") == 1


def killed_after(survived: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but for the call after `survived` ones: it ends the worker."""
    calls = 0

    def dying(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == survived + 1:
            raise Killed
        return function(*arguments)

    return dying


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Undecodable("/srv/secret"), "undecodable"),
        (Truncated("/srv/secret"), "undecodable"),
        (UnsupportedFormat("/srv/secret"), "unsupported-format"),
        (NoVideo("/srv/secret"), "no-video"),
        (TooComplex("/srv/secret"), "too-complex"),
        (MediaTimedOut("/srv/secret"), "timed-out"),
        (MediaCrashed("/srv/secret"), "internal"),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else it,
)
@pytest.mark.parametrize("step", ["remux", "thumbnails"])
async def test_what_another_attempt_would_find_again_fails_at_once(
    workshop: Workshop, step: str, failure: Exception, code: str
) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures[step] = failure

    await workshop.run(video_id)

    video = await workshop.video(video_id)
    assert (video.status, video.failure_code) == ("failed", code)
    assert video.failure_detail is not None
    assert video.failure_detail.endswith(".")
    assert "secret" not in video.failure_detail
    assert await workshop.files(video_id) == ["original.mp4"]
    assert (await workshop.events())[-1] == "failed"


class TestConversion:
    """Of what browsers do not play."""

    @pytest.mark.parametrize("uploaded", ["mp4", "webm"])
    @pytest.mark.parametrize("made", ["mp4", "webm"])
    async def test_makes_the_video_what_is_served(
        self, workshop: Workshop, uploaded: str, made: Container
    ) -> None:
        workshop.sandbox.made = made
        video_id = await workshop.enter(
            b"hevc", container=uploaded, video_codec="hevc", is_playable=False
        )

        await workshop.run(video_id)

        video, served = await workshop.video(video_id), b"converted hevc"
        assert video.status == "ready"
        assert video.media == MediaFacts(
            29.96, 360, 640, 30.0, 0, made, "h264", "aac", CONVERTED.mime_type, is_playable=False
        )
        assert video.original_sha256 == sha256(b"hevc")
        assert video.primary is not None
        assert (video.primary.format, video.primary.sha256) == (made, sha256(served))
        assert video.primary.mime_type == CONVERTED.mime_type
        assert workshop.sandbox.calls[:2] == ["transcode to mp4/webm", "probe"]
        assert await workshop.files(video_id) == names_of(served, made, board=CONVERTED_STORYBOARD)

    async def test_tells_how_far_it_is_while_it_lasts(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wanted, "LOOK_EVERY_S", 0.01)
        video_id = await workshop.enter(b"hevc", is_playable=False)

        async def until_told() -> None:
            async with asyncio.timeout(10):
                while (await workshop.video(video_id)).processing_ratio == 0:
                    await asyncio.sleep(0.01)

        workshop.sandbox.failures["transcode to mp4/webm"] = until_told

        await workshop.run(video_id)

        ratios = await workshop.ratios()
        assert ratios[0] == pytest.approx(0.5 * 0.9 * 0.9)
        assert ratios == sorted(set(ratios))

    async def test_ends_when_the_video_is_deleted_and_begins_anew_when_restored(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wanted, "LOOK_EVERY_S", 0.01)
        video_id = await workshop.enter(b"hevc", is_playable=False)

        async def deleted_meanwhile() -> None:
            await workshop.hide(video_id)
            await asyncio.Event().wait()

        workshop.sandbox.failures["transcode to mp4/webm"] = deleted_meanwhile
        async with asyncio.timeout(10):
            await workshop.run(video_id)
        assert await workshop.files(video_id) == ["original.mp4"]
        assert workshop.sandbox.calls == ["transcode to mp4/webm"]

        workshop.sandbox.failures.clear()
        await workshop.restore(video_id)
        await workshop.run(video_id)

        assert (await workshop.video(video_id)).status == "ready"
        assert await workshop.files(video_id) == names_of(
            b"converted hevc", board=CONVERTED_STORYBOARD
        )

    async def test_outlives_a_database_that_is_away_for_a_moment(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wanted, "LOOK_EVERY_S", 0.01)
        video_id = await workshop.enter(b"hevc", is_playable=False)
        looked = asyncio.Event()

        async def away(*_: Any) -> None:
            looked.set()
            raise DatabaseUnavailable

        async def work() -> None:
            with monkeypatch.context() as patched:
                patched.setattr(videos, "set_processing_ratio", away)
                await looked.wait()

        workshop.sandbox.failures["transcode to mp4/webm"] = work

        await workshop.run(video_id)

        assert (await workshop.video(video_id)).status == "ready"

    async def test_is_not_done_again_for_a_worker_killed_later(self, workshop: Workshop) -> None:
        video_id = await workshop.enter(b"hevc", container="webm", is_playable=False)
        workshop.sandbox.failures["thumbnails"] = Killed()
        with pytest.raises(Killed):
            await workshop.run(video_id)
        workshop.sandbox.failures.clear()

        await workshop.run(video_id)

        assert workshop.sandbox.calls.count("transcode to mp4/webm") == 1
        assert (await workshop.video(video_id)).media.container == "mp4"
        assert await workshop.files(video_id) == names_of(
            b"converted hevc", board=CONVERTED_STORYBOARD
        )

    @pytest.mark.parametrize("step", ["transcode to mp4/webm", "probe", "thumbnails"])
    async def test_that_fails_leaves_the_original_alone(
        self, workshop: Workshop, step: str
    ) -> None:
        video_id = await workshop.enter(b"hevc", is_playable=False)
        workshop.sandbox.failures[step] = MediaTimedOut("/srv/secret")

        await workshop.run(video_id)

        video = await workshop.video(video_id)
        assert (video.status, video.failure_code) == ("failed", "timed-out")
        assert video.failure_detail == "Examining or converting the video took too long."
        assert video.representations == ()
        assert await workshop.files(video_id) == ["original.mp4"]


class TestOtherFormat:
    """WebM for an MP4, MP4 for a WebM, which nobody has to wait for."""

    @pytest.fixture
    async def ready(self, workshop: Workshop) -> UUID:
        """A video with one format."""
        video_id = await workshop.enter()
        await workshop.run(video_id)
        await workshop.forget_jobs()
        workshop.has_alternate = True
        workshop.sandbox.calls.clear()
        return video_id

    async def make(
        self, workshop: Workshop, video_id: UUID, *, is_last_attempt: bool = False
    ) -> None:
        await workshop.pipeline.add_alternate(video_id, is_last_attempt=is_last_attempt)

    async def alternate_jobs(self, workshop: Workshop) -> list[tuple[UUID, int]]:
        rows = await workshop.database.fetch_all(
            "SELECT lock, priority FROM procrastinate_jobs WHERE task_name = 'make_alternate'"
            " ORDER BY lock"
        )
        return [(UUID(row.lock), row.priority) for row in rows]

    async def test_is_asked_for_once_the_video_is_ready(self, workshop: Workshop) -> None:
        workshop.has_alternate = True
        video_id = await workshop.enter()

        await workshop.run(video_id)

        assert await self.alternate_jobs(workshop) == [(video_id, pipeline.MORE_LEISURELY)]
        assert workshop.sandbox.calls[-1] == "storyboard"

    async def test_is_not_asked_for_when_it_is_off(self, workshop: Workshop) -> None:
        video_id = await workshop.enter()

        await workshop.run(video_id)
        await self.make(workshop, video_id)

        assert await self.alternate_jobs(workshop) == []
        assert len((await workshop.video(video_id)).representations) == 1

    @pytest.mark.parametrize(("uploaded", "other"), [("mp4", "webm"), ("webm", "mp4")])
    async def test_joins_the_first_one(self, workshop: Workshop, uploaded: str, other: str) -> None:
        workshop.has_alternate = True
        video_id = await workshop.enter(INDEX_FIRST, container=uploaded)
        await workshop.run(video_id)
        before = await workshop.video(video_id)

        await self.make(workshop, video_id)
        await self.make(workshop, video_id)

        after = await workshop.video(video_id)
        assert after.primary == before.primary
        assert [row.format for row in after.representations] == [uploaded, other]
        assert workshop.sandbox.calls.count(f"transcode to {other}") == 1
        assert (await workshop.events())[-2:] == ["updated", "updated"]
        served = INDEX_FIRST if uploaded == "mp4" else b"remuxed " + INDEX_FIRST
        alternate = f"alt-{sha256(b'converted ' + served)[:16]}.{other}"
        assert set(await workshop.files(video_id)) == {*names_of(served, uploaded), alternate}
        assert await reconcile.reconcile(workshop.database, workshop.storage, A_DAY_FROM_NOW) == []
        assert alternate in await workshop.files(video_id)

    async def test_of_a_deleted_video_is_given_up_and_made_once_it_is_restored(
        self, workshop: Workshop, ready: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wanted, "LOOK_EVERY_S", 0.01)
        files = await workshop.files(ready)

        async def deleted_meanwhile() -> None:
            await workshop.hide(ready)
            await asyncio.Event().wait()

        workshop.sandbox.failures["transcode to webm"] = deleted_meanwhile
        async with asyncio.timeout(10):
            await self.make(workshop, ready)
        assert await workshop.files(ready) == files

        workshop.sandbox.failures.clear()
        await workshop.restore(ready)
        await workshop.run(ready)
        assert await self.alternate_jobs(workshop) == [(ready, pipeline.MORE_LEISURELY)]
        await self.make(workshop, ready)
        assert len((await workshop.video(ready)).representations) == 2

    async def test_of_a_video_deleted_in_the_last_moment_leaves_no_file(
        self, workshop: Workshop, ready: UUID
    ) -> None:
        files = await workshop.files(ready)
        workshop.sandbox.failures["probe"] = lambda: workshop.hide(ready)

        await self.make(workshop, ready)

        assert await workshop.files(ready) == files

    async def test_that_cannot_be_made_leaves_the_video_ready(
        self, workshop: Workshop, ready: UUID
    ) -> None:
        before = await workshop.video(ready)
        workshop.sandbox.failures["transcode to webm"] = StorageFull("x")

        with pytest.raises(StorageFull):
            await self.make(workshop, ready)
        await self.make(workshop, ready, is_last_attempt=True)
        assert await workshop.video(ready) == before

    @pytest.mark.parametrize("failure", [Undecodable("x"), MediaTimedOut("x")], ids=repr)
    async def test_that_cannot_be_made_is_tried_once(
        self, workshop: Workshop, ready: UUID, failure: Exception
    ) -> None:
        before = await workshop.video(ready)
        workshop.sandbox.failures["transcode to webm"] = failure

        for _ in range(2):
            await self.make(workshop, ready)

        assert await workshop.video(ready) == before
        assert workshop.sandbox.calls.count("transcode to webm") == 1
        await workshop.forget_jobs()
        await pipeline.enqueue_without_alternate(workshop.database)
        assert await self.alternate_jobs(workshop) == []

    async def test_is_made_in_the_end_for_a_worker_that_was_killed(
        self, workshop: Workshop, ready: UUID
    ) -> None:
        workshop.sandbox.failures["transcode to webm"] = Killed()
        with pytest.raises(Killed):
            await self.make(workshop, ready)
        workshop.sandbox.failures.clear()

        await self.make(workshop, ready)

        assert len((await workshop.video(ready)).representations) == 2

    async def test_is_asked_for_where_it_is_lacking(
        self, workshop: Workshop, ready: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pipeline, "QUEUED_AT_ONCE", 1)  # page after page
        await self.make(workshop, ready)
        lacking, hidden, _ = [await workshop.enter() for _ in range(3)]
        workshop.has_alternate = False
        await workshop.run(lacking)
        await workshop.run(hidden)
        await workshop.hide(hidden)
        await workshop.forget_jobs()

        for _ in range(2):
            await pipeline.enqueue_without_alternate(workshop.database)

        assert await self.alternate_jobs(workshop) == [(lacking, pipeline.MORE_LEISURELY)]


@pytest.mark.parametrize(
    "failure",
    [StorageFull("x"), StorageGone("x"), StorageReadOnly("x"), OSError("x"), RuntimeError("x")],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_may_pass_is_left_for_another_attempt(
    workshop: Workshop, failure: Exception
) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures["thumbnails"] = failure

    with pytest.raises(type(failure)):
        await workshop.run(video_id)

    assert (await workshop.video(video_id)).status == "processing"
    workshop.sandbox.failures.clear()
    await workshop.run(video_id)
    assert (await workshop.video(video_id)).status == "ready"


@pytest.mark.parametrize(
    ("failure", "code", "is_raised"),
    [
        (StorageFull("/srv/secret"), "out-of-space", False),
        (StorageGone("/srv/secret"), "internal", True),
        (RuntimeError("/srv/secret"), "internal", True),
    ],
    ids=["StorageFull", "StorageGone", "RuntimeError"],
)
async def test_last_attempt_leaves_no_video_processing(
    workshop: Workshop, failure: Exception, code: str, is_raised: bool
) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures["thumbnails"] = failure

    if is_raised:  # for the job's own record
        with pytest.raises(type(failure)):
            await workshop.run(video_id, is_last_attempt=True)
    else:
        await workshop.run(video_id, is_last_attempt=True)

    video = await workshop.video(video_id)
    assert (video.status, video.failure_code) == ("failed", code)
    assert "secret" not in (video.failure_detail or "")


async def test_cancelled_attempt_is_no_failure_even_if_it_is_the_last(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures["thumbnails"] = asyncio.CancelledError()

    with pytest.raises(asyncio.CancelledError):
        await workshop.run(video_id, is_last_attempt=True)

    assert (await workshop.video(video_id)).status == "processing"


async def test_missing_original_is_an_internal_failure(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    original = workshop.storage.asset("c1", video_id, "original.mp4")
    await asyncio.to_thread(original.unlink)

    with pytest.raises(FileNotFoundError):
        await workshop.run(video_id, is_last_attempt=True)

    assert (await workshop.video(video_id)).failure_code == "internal"


async def test_failed_video_stays_failed(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    await workshop.pipeline.give_up(video_id)
    before = await workshop.events()

    await workshop.run(video_id)
    await workshop.pipeline.give_up(video_id)

    assert (await workshop.video(video_id)).status == "failed"
    assert await workshop.events() == before == ["uploaded", "failed"]


async def test_deleted_video_is_left_alone(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    await workshop.hide(video_id)

    await workshop.run(video_id)
    await workshop.pipeline.give_up(video_id)

    assert workshop.sandbox.calls == []
    assert await workshop.files(video_id) == ["original.mp4"]
    assert await workshop.events() == ["uploaded"]


async def test_video_that_never_was_is_no_error(workshop: Workshop) -> None:
    await workshop.run(uuid4())
    await workshop.pipeline.give_up(uuid4())


@pytest.mark.parametrize("step", ["remux", "thumbnails"])
async def test_video_deleted_during_the_work_can_be_restored_and_finished(
    workshop: Workshop, step: str
) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures[step] = lambda: workshop.hide(video_id)
    await workshop.run(video_id)
    assert "ready" not in await workshop.events()
    assert "original.mp4" in await workshop.files(video_id)

    workshop.sandbox.failures.clear()
    await workshop.restore(video_id)
    await workshop.run(video_id)

    assert (await workshop.video(video_id)).status == "ready"
    assert await workshop.files(video_id) == names_of(b"remuxed " + INDEX_LAST)
