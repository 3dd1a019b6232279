"""The files that browsers play: conversion, and the other format, with the media work faked."""

import asyncio
import time
from typing import Any
from uuid import UUID

import pytest

from db.errors import DatabaseUnavailable
from db.videos import processing
from db.videos.video import MediaFacts
from events.media import cancellation, pipeline
from events.upkeep import reconcile
from storage.errors import MediaTimedOut, StorageFull, Undecodable
from storage.formats import Container
from tests.events.workshop import CONVERTED_STORYBOARD, Killed, Workshop, names_of
from tests.films.plain_media import CONVERTED, INDEX_FIRST, sha256
from tests.harness.waiting import wait_until

A_DAY_FROM_NOW = time.time() + 24 * 3600


class TestConversion:
    """Conversion of files that browsers do not play."""

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
            29.96,
            1280,
            720,
            30.0,
            0,
            made,
            "h264",
            "aac",
            CONVERTED.mime_type,
            is_playable=False,
            audio_tracks=(),
        )
        assert video.original_sha256 == sha256(b"hevc")
        assert (video.served_file.format, video.served_file.sha256) == (made, sha256(served))
        assert video.served_file.mime_type == CONVERTED.mime_type
        assert workshop.sandbox.calls[:3] == ["probe", "transcode to mp4/webm", "probe"]
        assert await workshop.files(video_id) == names_of(served, made, board=CONVERTED_STORYBOARD)

    async def test_tells_how_far_it_is_while_it_lasts(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cancellation, "LOOK_EVERY_S", 0.01)
        video_id = await workshop.enter(b"hevc", is_playable=False)

        async def until_told() -> None:
            await wait_until(
                lambda: workshop.video(video_id),
                lambda seen: seen.processing_ratio != 0,
                within_s=10,
            )

        workshop.sandbox.failures["transcode to mp4/webm"] = until_told

        await workshop.run(video_id)

        ratios = await workshop.ratios()
        assert ratios[0] == pytest.approx(0.5 * 0.9 * 0.9)
        assert ratios == sorted(set(ratios))

    async def test_ends_when_the_video_is_deleted_and_begins_anew_when_restored(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cancellation, "LOOK_EVERY_S", 0.01)
        video_id = await workshop.enter(b"hevc", is_playable=False)

        async def deleted_meanwhile() -> None:
            await workshop.hide(video_id)
            await asyncio.Event().wait()

        workshop.sandbox.failures["transcode to mp4/webm"] = deleted_meanwhile
        async with asyncio.timeout(10):
            await workshop.run(video_id)
        assert await workshop.files(video_id) == ["original.mp4"]
        assert workshop.sandbox.calls == ["probe", "transcode to mp4/webm"]

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
        monkeypatch.setattr(cancellation, "LOOK_EVERY_S", 0.01)
        video_id = await workshop.enter(b"hevc", is_playable=False)
        looked = asyncio.Event()

        async def away(*_: Any) -> None:
            looked.set()
            raise DatabaseUnavailable

        async def work() -> None:
            with monkeypatch.context() as patched:
                patched.setattr(processing, "set_processing_ratio", away)
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
        monkeypatch.setattr(cancellation, "LOOK_EVERY_S", 0.01)
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
