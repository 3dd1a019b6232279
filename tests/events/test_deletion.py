"""Soft deletion and restoration of videos, with the events and jobs that follow."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from db import courses
from db.pool import Database
from db.uploads import uploads
from db.uploads.uploads import NewUpload
from events.deletion import Deletion
from tests.events.workshop import Workshop

JOBS = "SELECT lock FROM procrastinate_jobs"


@pytest.fixture
def deletion(database: Database) -> Deletion:
    return Deletion(database, 3600.0)


async def begun_upload(database: Database) -> UUID:
    new = NewUpload(uuid4(), "tess", "c1", "m-c1", "Title", "a.mp4", "", 9)
    return (await uploads.create(database, new, 3600.0)).id


async def test_deleted_video_is_hidden_once(
    database: Database, workshop: Workshop, deletion: Deletion
) -> None:
    video_id = await workshop.enter()

    assert await deletion.delete_video(video_id, "tess") == [video_id]
    assert await deletion.delete_video(video_id, "tess") == []

    assert await workshop.events() == ["uploaded", "deleted"]


@pytest.mark.parametrize("place", ["module", "course"])
async def test_its_place_takes_videos_and_unfinished_uploads_along(
    database: Database, workshop: Workshop, deletion: Deletion, place: str
) -> None:
    ids, upload_id = [await workshop.enter(), await workshop.enter()], await begun_upload(database)

    if place == "module":
        gone = await deletion.delete_module("c1", "m-c1", "tess")
    else:
        gone = await deletion.delete_course("c1", "tess")

    assert sorted(gone) == sorted(ids)
    assert await uploads.list_unfinished(database, [upload_id]) == set()
    assert await courses.get_module(database, "m-c1") is None
    assert (await courses.get_course(database, "c1") is None) is (place == "course")
    assert (await courses.get_module(database, "m-c2")) is not None


async def test_restored_video_is_worked_on_again_and_its_place_is_back(
    database: Database, workshop: Workshop, deletion: Deletion
) -> None:
    video_id = await workshop.enter()
    await deletion.delete_course("c1", "tess")
    await workshop.forget_jobs()
    found: Any = await deletion.find(video_id)

    restored = await deletion.restore(found, "ada")

    assert restored is not None
    assert restored.deleted_at is None
    assert await courses.get_module(database, "m-c1") is not None
    assert [UUID(row.lock) for row in await database.fetch_all(JOBS)] == [video_id]
    assert await workshop.events() == ["uploaded", "deleted", "updated"]


async def test_restoring_what_is_not_deleted_changes_nothing(
    workshop: Workshop, deletion: Deletion
) -> None:
    video = await workshop.video(await workshop.enter())

    assert await deletion.restore(video, "tess") == video
    assert await workshop.events() == ["uploaded"]


async def test_video_that_left_the_trash_is_neither_found_nor_restored(
    database: Database, workshop: Workshop, deletion: Deletion
) -> None:
    video_id = await workshop.enter()
    await deletion.delete_video(video_id, "tess")
    found: Any = await deletion.find(video_id)
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM videos WHERE id = %s", (str(video_id),))

    assert await deletion.find(video_id) is None
    assert await deletion.restore(found, "tess") is None
