"""Files that differ from their upload are recorded, and not served if there is another."""

from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from db.media import differences
from storage.media.facts import Measured, Prepared
from tests.events.workshop import Workshop
from tests.films.plain_media import CONVERTED, IN_ORDER, INDEX_LAST


async def found(workshop: Workshop, video_id: UUID) -> dict[str, tuple[str, ...]]:
    listed = await differences.list_found(workshop.database, 10)
    return {one.made: one.names for one in listed if one.video_id == video_id}


async def copy_short(source: Path, target: Path, source_format: str) -> Prepared:
    """A copy that has lost three of thirty seconds."""
    short = msgspec.structs.replace(IN_ORDER, duration_s=27.0)
    return Prepared("rebuilt", "", Measured(IN_ORDER, []), Measured(short, []))


async def test_faithful_files_leave_no_record(workshop: Workshop) -> None:
    workshop.has_alternate = True
    copied, converted = await workshop.enter(INDEX_LAST), await workshop.enter(is_playable=False)

    for video_id in (copied, converted):
        await workshop.run(video_id)
        await workshop.pipeline.add_alternate(video_id, is_last_attempt=True)

    assert await differences.count_by_made(workshop.database) == {}
    assert len((await workshop.video(copied)).representations) == 2


async def test_copy_that_differs_is_replaced_by_a_conversion(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshop.sandbox, "remux", copy_short)
    video_id = await workshop.enter(INDEX_LAST)

    await workshop.run(video_id)

    assert (await workshop.video(video_id)).media.duration_s == CONVERTED.duration_s
    assert await found(workshop, video_id) == {"copy": ("duration",)}


async def test_conversion_that_looks_different_is_served_and_recorded(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.sandbox.converted_level = 100
    video_id = await workshop.enter(is_playable=False)

    await workshop.run(video_id)

    assert (await workshop.video(video_id)).status == "ready"
    assert await found(workshop, video_id) == {"conversion": ("first-picture",)}
    assert f"the conversion of video {video_id} differs from its upload: first-pic" in caplog.text


async def test_alternate_format_that_looks_different_is_not_served(workshop: Workshop) -> None:
    workshop.has_alternate = True
    video_id = await workshop.enter()
    await workshop.run(video_id)
    workshop.sandbox.converted_level = 100

    for _ in range(2):
        await workshop.pipeline.add_alternate(video_id, is_last_attempt=True)

    assert [one.is_primary for one in (await workshop.video(video_id)).representations] == [True]
    assert await found(workshop, video_id) == {"alternate": ("first-picture",)}
    assert len([name for name in workshop.sandbox.calls if "transcode" in name]) == 1


async def test_next_attempt_replaces_the_record(workshop: Workshop) -> None:
    workshop.sandbox.converted_level = 100
    workshop.sandbox.failures["thumbnails"] = RuntimeError()
    video_id = await workshop.enter(is_playable=False)
    with pytest.raises(RuntimeError):
        await workshop.run(video_id)
    assert await differences.count_by_made(workshop.database) == {"conversion": 1}
    async with workshop.database.transaction() as transaction:
        await transaction.execute("DELETE FROM representations")
    workshop.sandbox.failures.clear()
    workshop.sandbox.converted_level = 0

    await workshop.run(video_id)

    assert await found(workshop, video_id) == {}


async def test_deleted_video_does_not_count(workshop: Workshop) -> None:
    video_id = await workshop.enter()
    await differences.record(workshop.database, video_id, "copy", ["size"])
    assert await differences.count_by_made(workshop.database) == {"copy": 1}

    await workshop.hide(video_id)

    assert await differences.count_by_made(workshop.database) == {}
    assert await differences.list_found(workshop.database, 10) == []
