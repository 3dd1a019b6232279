"""SIGKILL between every two steps of job, deletion, restoring and sweep; then it is done again.

Whatever the step, the video is complete or absent, no file and no row is left over, and no job is
lost: that of a killed worker is taken over by another one. FULL=1 kills at each statement, too,
not only where something has changed.
"""

import asyncio
from uuid import UUID

import pytest

from db.videos import videos
from events.media import pipeline
from tests.faults.kills.killing import Place
from tests.films.plain_media import INDEX_FIRST, INDEX_LAST

ORIGINALS = {"in order": INDEX_FIRST, "index last": INDEX_LAST}


async def is_done_by_another_worker(place: Place, killed: dict[UUID, str]) -> None:
    await place.jobs_are_done()

    for video_id, step in killed.items():
        video = await videos.get(place.database, video_id)
        assert video is not None
        assert (video.status, step) == ("ready", step)
        told = ["uploaded", "ready", "updated", "updated"]  # further pictures, the storyboard
        assert (await place.events_of(video_id), step) == (told, step)
        pictures = [*["large"] * 3, *["small"] * 3]  # as JPEG, WebP and AVIF
        files = [*pictures, "source", "storyboard", "storyboard"]
        assert (await place.files_of(video_id), step) == (files, step)
    await place.nothing_is_left_over()


@pytest.mark.parametrize("original", ORIGINALS)
async def test_killed_job_is_done_by_another_worker(place: Place, original: str) -> None:
    killed = await place.killed_jobs(lambda: place.upload(ORIGINALS[original]))
    media = {"thumbnails", "webp+avif", "storyboard"}
    assert {"COMMIT", "mkdir", "replace", "unlink", *media} <= set(killed.values())

    await is_done_by_another_worker(place, killed)


async def test_killed_conversion_is_done_by_another_worker(place: Place) -> None:
    killed = await place.killed_jobs(lambda: place.upload(ORIGINALS["in order"], is_playable=False))
    assert {"transcode to mp4/webm", "probe", "thumbnails"} <= set(killed.values())

    await is_done_by_another_worker(place, killed)


async def test_killed_other_format_is_made_by_another_worker(place: Place) -> None:
    async def ready() -> UUID:
        video_id = await place.upload(ORIGINALS["in order"])
        await place.order("job")
        async with place.database.transaction() as transaction:
            await pipeline.enqueue_alternate(transaction, video_id)
        return video_id

    killed = await place.killed_jobs(ready, has_alternate=True)
    assert {"transcode to webm", "probe", "replace", "COMMIT"} <= set(killed.values())

    await place.jobs_are_done(has_alternate=True)

    for video_id, step in killed.items():
        video = await videos.get(place.database, video_id)
        assert video is not None
        formats = [row.format for row in video.representations]
        assert (formats, step) == (["mp4", "webm"], step)
        told = ["uploaded", "ready", *["updated"] * 3]  # pictures, storyboard, then the format
        assert (await place.events_of(video_id), step) == (told, step)
        assert "alt" in await place.files_of(video_id)
    await place.nothing_is_left_over()


async def test_killed_deletion_took_place_or_did_not(place: Place) -> None:
    async for video_id, step in place.kill_everywhere(
        "delete", lambda: place.upload(ORIGINALS["in order"])
    ):
        is_there = await videos.get(place.database, video_id) is not None
        assert (await place.events_of(video_id) == ["uploaded"]) is is_there, step
        assert is_there is (step != "deleted")

        await place.order("delete", video_id=str(video_id))

        assert await videos.get(place.database, video_id) is None
        assert await place.events_of(video_id) == ["uploaded", "deleted"]
    await place.order("sweep")
    assert await place.row_counts() == [0] * 5
    await place.nothing_is_left_over()


async def test_killed_restoring_took_place_or_did_not(place: Place) -> None:
    async def deleted() -> UUID:
        video_id = await place.upload(ORIGINALS["in order"])
        await place.order("delete", video_id=str(video_id))
        return video_id

    restored = []
    async for video_id, step in place.kill_everywhere("restore", deleted):
        is_there = await videos.get(place.database, video_id) is not None
        assert (await place.events_of(video_id) == ["uploaded", "deleted"]) is not is_there, step

        await place.order("restore", video_id=str(video_id))

        assert await place.events_of(video_id) == ["uploaded", "deleted", "updated"]
        restored.append(video_id)
    await place.jobs_are_done()

    for video_id in restored:
        video = await videos.get(place.database, video_id)
        assert video is not None
        assert video.status == "ready"
    await place.nothing_is_left_over()


async def test_killed_sweep_leaves_nothing_for_good(place: Place) -> None:
    async def deleted_ready() -> UUID:
        video_id = await place.upload(ORIGINALS["index last"])
        await place.order("job")
        await place.order("delete", video_id=str(video_id))
        return video_id

    steps = []
    async for _, step in place.kill_everywhere("sweep", deleted_ready):
        steps.append(step)
        await place.order("sweep")
        assert await place.row_counts() == [0] * 5
    assert {"COMMIT", "unlink", "rmdir", "swept"} <= set(steps)
    await place.nothing_is_left_over()
    left = await asyncio.to_thread(lambda: list(place.storage.courses.glob("*/*")))
    assert left == []
