"""Pictures and storyboards added to a ready video; the media work is faked."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db.videos.video import Video
from events.media import pipeline
from events.media.pictures import PictureSettings
from events.media.pipeline import Pipeline
from events.upkeep.reconcile import mend
from events.upkeep.survey import survey
from storage.errors import (
    MediaCrashed,
    MediaInterrupted,
    MediaTimedOut,
    StorageFull,
    StorageGone,
    TooComplex,
    Undecodable,
)
from tests.events.workshop import CUES, STORYBOARD, Killed, Workshop, names_of
from tests.films.plain_media import INDEX_FIRST, read

EXTRAS = ("webp+avif", "storyboard")
FURTHER = sorted(set(names_of(INDEX_FIRST)) - set(names_of(INDEX_FIRST, kinds=("jpg",))))


@pytest.fixture(params=EXTRAS)
def extra(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def interrupted(workshop: Workshop, extra: str) -> UUID:
    """A video that is ready, and whose worker died at the extra."""
    video_id = await workshop.enter()
    workshop.sandbox.failures[extra] = Killed()
    with pytest.raises(Killed):
        await workshop.run(video_id)
    workshop.sandbox.failures.clear()
    workshop.sandbox.calls.clear()
    return video_id


def names_without(extra: str) -> list[str]:
    lacking = STORYBOARD if extra == "storyboard" else FURTHER
    return sorted(set(names_of(INDEX_FIRST)) - set(lacking))


@pytest.mark.parametrize(
    "failure",
    [Undecodable("x"), TooComplex("x"), MediaTimedOut("x"), MediaCrashed("x")],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_cannot_be_made_is_tried_once_and_leaves_the_video_ready(
    workshop: Workshop, extra: str, failure: Exception
) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures[extra] = failure

    await workshop.run(video_id, is_last_attempt=True)
    workshop.sandbox.failures.clear()
    workshop.sandbox.calls.clear()
    await workshop.run(video_id)

    assert (await workshop.video(video_id)).status == "ready"
    assert await workshop.files(video_id) == names_without(extra)
    assert workshop.sandbox.calls == []
    await workshop.forget_jobs()
    await pipeline.enqueue_missing_pictures(workshop.database)
    assert await workshop.leisurely_jobs() == []


@pytest.mark.parametrize("failure", [StorageGone("x"), RuntimeError("x")])
async def test_what_may_pass_is_tried_again_and_never_costs_the_video(
    workshop: Workshop, extra: str, failure: Exception
) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures[extra] = failure

    for is_last in (False, True):
        with pytest.raises(type(failure)):
            await workshop.run(video_id, is_last_attempt=is_last)

    assert (await workshop.video(video_id)).status == "ready"
    workshop.sandbox.failures.clear()
    await workshop.run(video_id)
    assert await workshop.files(video_id) == names_of(INDEX_FIRST)


async def test_killed_child_costs_no_picture_for_good(workshop: Workshop, extra: str) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures[extra] = MediaInterrupted("x")

    with pytest.raises(MediaInterrupted):
        await workshop.run(video_id)
    assert await workshop.files(video_id) == names_without(extra), "the other one is made"

    workshop.sandbox.failures.clear()
    await workshop.run(video_id)
    assert await workshop.files(video_id) == names_of(INDEX_FIRST)


async def test_full_disk_is_asked_again_at_the_next_start(workshop: Workshop, extra: str) -> None:
    video_id = await workshop.enter()
    workshop.sandbox.failures[extra] = StorageFull("x")

    await workshop.run(video_id, is_last_attempt=True)

    await workshop.forget_jobs()
    await pipeline.enqueue_missing_pictures(workshop.database)
    assert await workshop.leisurely_jobs() == [video_id]


async def test_extras_are_published_once_they_are_there(
    workshop: Workshop, extra: str, interrupted: UUID
) -> None:
    before = await workshop.video(interrupted)
    told = (await workshop.events()).count("updated")

    await workshop.run(interrupted)
    made = list(workshop.sandbox.calls)
    await workshop.run(interrupted)

    after = await workshop.video(interrupted)
    assert (await workshop.events()).count("updated") == 2
    assert after.updated_at > before.updated_at
    assert made == workshop.sandbox.calls == list(EXTRAS[told:])


async def test_further_pictures_have_the_sizes_that_the_video_has(
    workshop: Workshop, interrupted: UUID
) -> None:
    sandbox: Any = workshop.sandbox
    settings = PictureSettings([("huge", 4000)], 82)
    changed = Pipeline(workshop.database, workshop.storage, sandbox, settings)

    await changed.run(interrupted, is_last_attempt=False)

    assert await workshop.files(interrupted) == names_of(INDEX_FIRST)


async def test_extras_of_a_video_deleted_meanwhile_are_not_published(
    workshop: Workshop, extra: str, interrupted: UUID
) -> None:
    before = await workshop.events()
    workshop.sandbox.failures[extra] = lambda: workshop.hide(interrupted)
    await workshop.run(interrupted)
    assert await workshop.events() == before

    workshop.sandbox.failures.clear()
    await workshop.restore(interrupted)
    await workshop.run(interrupted)

    assert (await workshop.events())[-1] == "updated"
    assert await workshop.files(interrupted) == names_of(INDEX_FIRST)


async def test_failure_of_a_video_that_is_gone_is_not_noted(
    workshop: Workshop, extra: str, interrupted: UUID
) -> None:
    async def vanish() -> None:
        async with workshop.database.transaction() as transaction:
            await transaction.execute("DELETE FROM videos")
        raise Undecodable

    workshop.sandbox.failures[extra] = vanish

    await workshop.run(interrupted)

    assert await workshop.database.fetch_all("SELECT what FROM unmakable") == []


async def test_lacking_extras_are_queued_once_behind_new_uploads(
    workshop: Workshop, interrupted: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "QUEUED_AT_ONCE", 1)  # page after page
    complete, hidden, second, _ = [await workshop.enter() for _ in range(4)]
    await workshop.run(complete)
    for extra in EXTRAS:
        workshop.sandbox.failures[extra] = StorageGone("x")
    for video_id in (second, hidden):
        with pytest.raises(StorageGone):
            await workshop.run(video_id)
    await workshop.hide(hidden)

    await pipeline.enqueue_missing_pictures(workshop.database)
    assert await workshop.leisurely_jobs() == []  # those of the uploads are waiting

    await workshop.forget_jobs()
    for _ in range(2):
        await pipeline.enqueue_missing_pictures(workshop.database)
    assert await workshop.leisurely_jobs() == sorted([interrupted, second])


async def test_storyboard_is_a_text_that_names_its_sheets(workshop: Workshop) -> None:
    video_id = await workshop.enter()

    await workshop.run(video_id)

    video = await workshop.video(video_id)
    assert video.storyboard_file_name == STORYBOARD[1]
    cues, sheet = (workshop.storage.asset("c1", video_id, name) for name in STORYBOARD[::-1])
    assert (await read(cues)).decode() == CUES
    assert await read(sheet) == b"tiles"


async def test_storyboards_take_room(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    await workshop.run(video_id)
    directory = workshop.storage.video_dir("c1", video_id)

    on_disk = await asyncio.to_thread(
        lambda: sum(one.stat().st_size for one in directory.iterdir())
    )

    [row] = await workshop.database.fetch_all("SELECT used_bytes::bigint FROM storage_used")
    assert row.used_bytes == on_disk


async def test_storyboard_that_was_lost_is_made_again(workshop: Workshop) -> None:
    await workshop.run(video_id := await workshop.enter())
    whole = await workshop.files(video_id)
    directory = workshop.storage.video_dir("c1", video_id)
    await asyncio.to_thread((directory / STORYBOARD[0]).unlink)
    [finding] = (await survey(workshop.database, workshop.storage)).findings

    assert await mend(workshop.database, workshop.storage, [finding], 0.0) == [finding]

    assert (await workshop.video(video_id)).storyboard_file_name is None
    await workshop.run(video_id)
    assert await workshop.files(video_id) == whole


async def test_pictures_that_were_lost_are_made_again(workshop: Workshop) -> None:
    await workshop.run(video_id := await workshop.enter())
    whole = await workshop.files(video_id)
    directory = workshop.storage.video_dir("c1", video_id)
    for name in whole:
        if name.startswith("small-") or name.endswith("avif"):
            await asyncio.to_thread((directory / name).unlink)

    for _ in range(2):
        await workshop.run(video_id)

    assert await workshop.files(video_id) == whole
    assert workshop.sandbox.calls[3:] == ["jpg+webp+avif"]


async def test_pictures_made_again_leave_nothing_that_they_replace(workshop: Workshop) -> None:
    await workshop.run(video_id := await workshop.enter())
    await workshop.pictures.choose_frame(await workshop.video(video_id), 4.5, "tess")
    directory = workshop.storage.video_dir("c1", video_id)
    for name in await workshop.files(video_id):
        if name.endswith("avif"):
            await asyncio.to_thread((directory / name).unlink)

    await workshop.run(video_id)

    assert await workshop.files(video_id) == names_of(INDEX_FIRST)


class TestChosen:
    """Thumbnails that a teacher chose."""

    @pytest.fixture
    async def video_id(self, workshop: Workshop) -> UUID:
        video_id = await workshop.enter()
        await workshop.run(video_id)
        return video_id

    async def choose(self, workshop: Workshop, video_id: UUID, at_s: float) -> Video | None:
        video = await workshop.video(video_id)
        return await workshop.pictures.choose_frame(video, at_s, "tess")

    async def test_replace_all_that_were_there(self, workshop: Workshop, video_id: UUID) -> None:
        before = await workshop.video(video_id)

        changed = await self.choose(workshop, video_id, 4.5)

        assert changed is not None
        now = await workshop.video(video_id)
        assert changed == replace(now, version=changed.version)  # read before its event was told
        assert changed.updated_at > before.updated_at
        assert await workshop.files(video_id) == names_of(INDEX_FIRST, of=" at 4.5")
        assert {row.file_name for row in changed.thumbnails} < set(await workshop.files(video_id))
        assert len(changed.thumbnails) == len(before.thumbnails)
        assert (await workshop.events()).count("updated") == 3

    async def test_of_a_picture_replace_them_too(
        self, workshop: Workshop, video_id: UUID, tmp_path: Path
    ) -> None:
        video = await workshop.video(video_id)

        await workshop.pictures.take_picture(video, tmp_path / "cat", 100, "tess")

        assert await workshop.files(video_id) == names_of(INDEX_FIRST, of=" of cat")

    async def test_again_change_nothing_and_tell_nothing(
        self, workshop: Workshop, video_id: UUID
    ) -> None:
        await self.choose(workshop, video_id, 4.5)
        before = (await workshop.video(video_id), await workshop.events())

        assert await self.choose(workshop, video_id, 4.5) == before[0]

        assert (await workshop.video(video_id), await workshop.events()) == before
        assert await workshop.files(video_id) == names_of(INDEX_FIRST, of=" at 4.5")

    async def test_by_two_at_once_leave_one_whole_set(
        self, workshop: Workshop, video_id: UUID
    ) -> None:
        for _ in range(5):
            times_s = (1.0, 2.0, 1.0, 3.0)
            await asyncio.gather(*(self.choose(workshop, video_id, at_s) for at_s in times_s))

            kept = {row.file_name for row in (await workshop.video(video_id)).thumbnails}
            whole = [names_of(INDEX_FIRST, of=f" at {at_s}") for at_s in set(times_s)]
            assert await workshop.files(video_id) in whole
            assert kept < set(await workshop.files(video_id))

    async def test_are_not_undone_by_a_worker_that_was_at_the_others(
        self, workshop: Workshop
    ) -> None:
        video_id = await workshop.enter()

        async def choose_meanwhile() -> None:
            await self.choose(workshop, video_id, 4.5)

        workshop.sandbox.failures["webp+avif"] = choose_meanwhile
        await workshop.run(video_id)

        shown = {row.file_name for row in (await workshop.video(video_id)).thumbnails}
        assert shown < set(names_of(INDEX_FIRST, of=" at 4.5"))
        assert len(shown) == 6

    async def test_are_nothing_to_a_video_that_is_gone(
        self, workshop: Workshop, video_id: UUID
    ) -> None:
        workshop.sandbox.failures["jpg+webp+avif"] = lambda: workshop.hide(video_id)
        before = await workshop.events()

        assert await self.choose(workshop, video_id, 4.5) is None

        assert await workshop.events() == before
        await workshop.restore(video_id)
        assert await workshop.files(video_id) == names_of(INDEX_FIRST)

    async def test_that_cannot_be_made_change_nothing(
        self, workshop: Workshop, video_id: UUID
    ) -> None:
        workshop.sandbox.failures["jpg+webp+avif"] = Undecodable("x")
        before = (await workshop.video(video_id), await workshop.events())

        with pytest.raises(Undecodable):
            await self.choose(workshop, video_id, 4.5)

        assert (await workshop.video(video_id), await workshop.events()) == before
        assert await workshop.files(video_id) == names_of(INDEX_FIRST)
