"""Another film for a video, with the media work faked: the one before plays until it is there."""

import asyncio
import os
from contextlib import suppress
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from db import space
from db.errors import DatabaseFull
from db.media import rungs
from db.media.rungs import LadderFile
from db.videos.video import Video
from events.insight.figures import read_popular
from events.insight.survey import survey_figures
from events.log.snapshots import snapshot
from events.media import pictures, replacements, served_files, storyboards
from events.upkeep.reconcile import mend
from events.upkeep.survey import survey
from storage.errors import MediaInterrupted, StorageFull, Undecodable
from tests.events.media.test_pipeline import killed_after
from tests.events.workshop import (
    CONVERTED_STORYBOARD,
    Killed,
    Workshop,
    names_of,
    new_replacement,
)
from tests.films.plain_media import INDEX_FIRST, INDEX_LAST, sha256

OLD, NEW = INDEX_FIRST, b"remuxed " + INDEX_LAST
FINAL, PASSING = Undecodable("/srv/secret"), MediaInterrupted("x")


async def test_an_outage_of_the_database_ends_no_replacement(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    await workshop.replace(video_id, INDEX_LAST)
    workshop.sandbox.failures["thumbnails"] = DatabaseFull()

    with pytest.raises(DatabaseFull):
        await workshop.run(video_id, is_last_attempt=True)
    workshop.sandbox.failures.clear()
    await workshop.run(video_id)

    assert snapshot(await workshop.video(video_id)).replacement is None


async def ready(workshop: Workshop) -> UUID:
    video_id = await workshop.enter(OLD)
    await workshop.run(video_id)
    workshop.sandbox.calls.clear()
    return video_id


def facts_of(video: Video) -> tuple[Any, ...]:
    """Facts that stay while another film is made."""
    return video.status, video.primary, video.thumbnails, video.media, video.original_filename


async def told(workshop: Workshop) -> list[str]:
    return [one for one in await workshop.events() if one != "processing"]


async def test_another_film_takes_the_place_of_the_one_that_plays(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    before, events = await workshop.video(video_id), await told(workshop)
    seen = []

    async def look() -> None:
        seen.append(facts_of(await workshop.video(video_id)))

    workshop.sandbox.failures |= {"remux": look, "thumbnails": look}
    await workshop.replace(video_id, INDEX_LAST, width=1280)
    entered = await workshop.video(video_id)
    assert facts_of(entered) == facts_of(before)
    assert entered.is_being_replaced
    await workshop.run(video_id)

    video = await workshop.video(video_id)
    assert seen == [facts_of(before)] * 2
    assert (video.served_file.sha256, video.original_sha256) == (sha256(NEW), sha256(INDEX_LAST))
    assert (video.original_filename, video.uploaded_by) == ("better.mp4", "tom")
    assert video.original_size_bytes == len(INDEX_LAST)
    assert (video.title, video.created_at) == (before.title, before.created_at)
    assert video.replacement is None
    # Entered, switched, further pictures, the storyboard.
    assert await told(workshop) == [*events, *["updated"] * 4]
    left = f"source-{sha256(OLD)[:16]}.mp4"
    assert left in await workshop.files(video_id)
    await workshop.sweep()
    assert await workshop.files(video_id) == names_of(NEW)
    assert (await survey(workshop.database, workshop.storage, is_deep=True)).findings == ()


async def test_a_conversion_describes_the_video_when_it_is_there(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    await workshop.replace(video_id, b"mkv", container="webm", is_playable=False)
    await workshop.run(video_id)
    await workshop.sweep()

    video = await workshop.video(video_id)
    assert (video.media.width, video.media.duration_s, video.media.is_playable) == (
        1280,
        29.96,
        False,
    )
    served = b"converted mkv"
    assert await workshop.files(video_id) == names_of(served, board=CONVERTED_STORYBOARD)


@pytest.mark.parametrize("step", ["remux", "thumbnails"])
@pytest.mark.parametrize(
    ("failure", "code"),
    [(FINAL, "undecodable"), (PASSING, "internal"), (StorageFull("x"), "out-of-space")],
    ids=["final", "interrupted", "full"],
)
async def test_a_film_that_cannot_be_made_leaves_the_one_before_and_says_why(
    workshop: Workshop, step: str, failure: Exception, code: str
) -> None:
    video_id = await ready(workshop)
    before = await workshop.video(video_id)
    await workshop.replace(video_id, INDEX_LAST)
    workshop.sandbox.failures |= {step: failure, "transcode to mp4": failure}
    if failure is not FINAL:
        with pytest.raises(type(failure)):
            await workshop.run(video_id)
        assert (await workshop.video(video_id)).is_being_replaced

    await workshop.run(video_id, is_last_attempt=True)

    after = await workshop.video(video_id)
    assert facts_of(after) == facts_of(before)
    said = snapshot(after).replacement
    assert said is not None
    assert said.failure is not None
    assert (said.failure.code, "secret" in said.failure.detail) == (code, False)
    assert (await workshop.events())[-1] == "updated"
    await workshop.sweep()
    assert await workshop.files(video_id) == names_of(OLD)
    workshop.sandbox.failures.clear()
    await workshop.replace(video_id, INDEX_LAST)
    await workshop.run(video_id)
    assert snapshot(await workshop.video(video_id)).replacement is None


async def test_what_takes_its_workers_down_is_given_up_alone(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    before = await workshop.video(video_id)
    await workshop.replace(video_id, INDEX_LAST)

    await workshop.pipeline.give_up(video_id)

    after = await workshop.video(video_id)
    assert facts_of(after) == facts_of(before)
    assert after.replacement is not None
    assert after.replacement.failure_code == "internal"


@pytest.mark.parametrize("step", ["remux", "thumbnails"])
async def test_of_two_films_the_later_one_wins(workshop: Workshop, step: str) -> None:
    video_id = await ready(workshop)
    await workshop.replace(video_id, INDEX_LAST)

    async def another() -> None:
        workshop.sandbox.failures.clear()
        await workshop.replace(video_id, b"webm", container="webm")

    workshop.sandbox.failures[step] = another
    await workshop.run(video_id)
    assert (await workshop.video(video_id)).is_being_replaced
    await workshop.run(video_id)
    await workshop.sweep()

    assert await workshop.files(video_id) == names_of(b"remuxed webm", "webm")
    assert (await workshop.video(video_id)).media.container == "webm"


@pytest.mark.parametrize("step", ["remux", "thumbnails", None])
async def test_a_video_without_a_film_is_made_of_the_later_one(
    workshop: Workshop, step: str | None
) -> None:
    """One in processing, before and while it is worked on."""
    video_id = await workshop.enter(INDEX_LAST)

    async def another() -> None:
        workshop.sandbox.failures.clear()
        await workshop.replace(video_id, b"webm", container="webm")

    if step is None:
        await another()
    else:
        workshop.sandbox.failures[step] = another
        await workshop.run(video_id)
    assert (await workshop.video(video_id)).status in ("processing", "ready")
    await workshop.run(video_id)
    await workshop.sweep()

    assert (await workshop.video(video_id)).status == "ready"
    assert await workshop.files(video_id) == names_of(b"remuxed webm", "webm")
    assert (await workshop.events()).count("ready") == 1


async def test_a_failed_video_is_made_new(workshop: Workshop) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures["thumbnails"] = FINAL
    await workshop.run(video_id)
    workshop.sandbox.failures.clear()

    await workshop.replace(video_id, OLD)
    waiting = snapshot(await workshop.video(video_id))
    await workshop.run(video_id)
    await workshop.sweep()

    assert (waiting.status, waiting.failure, waiting.processing_ratio) == ("processing", None, 0)
    video = await workshop.video(video_id)
    assert (video.status, video.failure_code) == ("ready", None)
    assert await told(workshop) == ["uploaded", "failed", "updated", "ready", "updated", "updated"]
    assert await workshop.files(video_id) == names_of(OLD)


async def test_a_failed_video_whose_next_film_fails_is_tried_again_itself(
    workshop: Workshop,
) -> None:
    video_id = await workshop.enter(INDEX_LAST)
    workshop.sandbox.failures["thumbnails"] = FINAL
    await workshop.run(video_id)
    await workshop.replace(video_id, OLD)

    await workshop.run(video_id)

    video = await workshop.video(video_id)
    assert (video.status, video.failure_code) == ("failed", "undecodable")
    assert video.replacement is not None
    assert video.replacement.failure_code == "undecodable"
    await workshop.sweep()
    assert await workshop.files(video_id) == ["original.mp4"]


async def test_the_same_film_again_changes_no_byte(workshop: Workshop) -> None:
    video_id = await ready(workshop)

    await workshop.replace(video_id, OLD)
    await workshop.run(video_id)
    await workshop.sweep()

    assert await workshop.files(video_id) == names_of(OLD)
    video = await workshop.video(video_id)
    path = workshop.storage.asset("c1", video_id, video.served_file.file_name)
    assert await asyncio.to_thread(path.read_bytes) == OLD


async def test_the_film_of_before_comes_back(workshop: Workshop) -> None:
    """Its files are left over when they are made again: they are not removed."""
    video_id = await ready(workshop)
    await workshop.replace(video_id, INDEX_LAST)
    await workshop.run(video_id)
    await workshop.replace(video_id, OLD)
    workshop.sandbox.failures["thumbnails"] = workshop.sweep

    await workshop.run(video_id)
    await workshop.sweep()

    assert await workshop.files(video_id) == names_of(OLD)
    assert (await survey(workshop.database, workshop.storage, is_deep=True)).findings == ()


@pytest.mark.parametrize("content", [INDEX_FIRST, INDEX_LAST], ids=["in order", "index last"])
@pytest.mark.parametrize(
    "step", ["sha256_file", "link_asset", "adopt_asset", "asset_name", "remove_asset"]
)
@pytest.mark.parametrize("survived", [0, 1, 4])
async def test_worker_killed_between_steps_costs_only_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, content: bytes, step: str, survived: int
) -> None:
    video_id = await workshop.enter(b"webm", container="webm")
    await workshop.run(video_id)
    await workshop.replace(video_id, content)
    with monkeypatch.context() as patched:
        dying = killed_after(survived, getattr(served_files, step))
        patched.setattr(served_files, step, dying)
        for later in (pictures, storyboards):
            patched.setattr(later, step, dying, raising=False)
        with suppress(Killed):  # a step that is not taken kills nobody
            await workshop.run(video_id)

    await workshop.run(video_id)
    await workshop.sweep()

    served = content if content is INDEX_FIRST else NEW
    assert await workshop.files(video_id) == names_of(served)
    assert (await told(workshop)).count("ready") == 1


@pytest.mark.parametrize("moment", ["waiting", "remux", "thumbnails"])
async def test_a_deleted_video_is_replaced_when_it_is_restored(
    workshop: Workshop, moment: str
) -> None:
    video_id = await ready(workshop)
    await workshop.replace(video_id, INDEX_LAST)
    if moment == "waiting":
        await workshop.hide(video_id)
    else:
        workshop.sandbox.failures[moment] = lambda: workshop.hide(video_id)
    await workshop.run(video_id)
    workshop.sandbox.failures.clear()
    assert f"source-{sha256(OLD)[:16]}.mp4" in await workshop.files(video_id)

    await workshop.restore(video_id)
    assert (await workshop.video(video_id)).is_being_replaced
    await workshop.run(video_id)
    await workshop.sweep()

    assert await workshop.files(video_id) == names_of(NEW)


@pytest.mark.parametrize("gone", ["deleted", "never there"])
async def test_nothing_is_entered_for_a_video_that_is_gone(workshop: Workshop, gone: str) -> None:
    video_id = await ready(workshop)
    if gone == "deleted":
        await workshop.hide(video_id)
    else:
        video_id = uuid4()

    entered = await replacements.enter(workshop.database, new_replacement(video_id, 1), uuid4())

    assert entered is None


async def test_a_picture_of_ones_own_stays_and_a_chosen_frame_does_not(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    picture = workshop.storage.root / "sent.png"
    await workshop.pictures.take_picture(await workshop.video(video_id), picture, 1, "tess")
    own = (await workshop.video(video_id)).thumbnails
    await workshop.replace(video_id, INDEX_LAST)
    await workshop.run(video_id)
    assert (await workshop.video(video_id)).thumbnails == own

    await workshop.pictures.choose_frame(await workshop.video(video_id), 5.0, "tess")
    await workshop.replace(video_id, OLD)
    await workshop.run(video_id)
    await workshop.sweep()

    assert await workshop.files(video_id) == names_of(OLD)


async def test_a_frame_of_the_film_before_is_not_shown_of_another(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    before = await workshop.video(video_id)
    await workshop.replace(video_id, INDEX_LAST)
    await workshop.run(video_id)

    changed = await workshop.pictures.choose_frame(before, 5.0, "tess")

    assert changed is not None
    assert changed.thumbnails == (await workshop.video(video_id)).thumbnails
    await workshop.sweep()


REPORT = """
INSERT INTO progress (user_id, video_id, course_id, position_s, watched, completed_at)
VALUES (%s, %s, 'c1', 5, %s::nummultirange, %s)
"""


async def test_seconds_seen_stay_and_are_judged_by_the_new_duration(workshop: Workshop) -> None:
    """The new film is 29.96 s long, the one before 30 s."""
    video_id = await ready(workshop)
    async with workshop.database.transaction() as transaction:
        for user, watched, completed_at in (
            ("ada", "{[0,26.97)}", None),
            ("bob", "{[20,30)}", None),
            ("cleo", "{[0,1)}", "2026-01-01"),
        ):
            await transaction.execute(REPORT, (user, str(video_id), watched, completed_at))
    await workshop.replace(video_id, b"x", is_playable=False)
    await workshop.run(video_id)

    rows = await workshop.database.fetch_all(
        "SELECT user_id, watched::text, round(watched_ratio::numeric, 4)::float,"
        " completed_at IS NOT NULL FROM progress ORDER BY user_id"
    )
    assert [tuple(row) for row in rows] == [
        ("ada", "{[0,26.97)}", 0.9002, True),
        ("bob", "{[20,30)}", 0.3324, False),
        ("cleo", "{[0,1)}", 0.0334, True),
    ]
    completed = "SELECT user_id FROM event_log WHERE type = 'playback.completed'"
    assert await workshop.database.fetch_all(completed) == [("ada",)]


async def test_figures_agree_with_a_recount_by_the_new_duration(workshop: Workshop) -> None:
    """The new film is 29.96 s long, the one before 30 s."""
    database, video_id = workshop.database, await ready(workshop)
    async with database.transaction() as transaction:
        for user in ("ada", "bob"):
            await transaction.execute(REPORT, (user, str(video_id), "{[0,30)}", "2026-01-01"))
        await transaction.execute("UPDATE progress SET watched_s = 30, watched_ratio = 1")
    await survey_figures(database, date(2026, 1, 1), is_repairing=True)
    await workshop.replace(video_id, b"x", is_playable=False)
    await workshop.run(video_id)

    [popular] = await read_popular(database, 1, None)
    differing = await survey_figures(database, date(2026, 1, 1), is_repairing=False)

    assert popular.watched_cs == 2 * 2996
    assert differing == []


async def test_the_ladder_of_the_film_before_goes(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    rung = f"v480-{'a' * 16}.mp4"
    async with workshop.database.transaction() as transaction:
        await rungs.add_files(transaction, video_id, [LadderFile(rung, "rung", 4, "a" * 64)])
    path = workshop.storage.asset("c1", video_id, rung)
    await asyncio.to_thread(path.write_bytes, b"rung")

    await workshop.replace(video_id, INDEX_LAST)
    await workshop.run(video_id)
    assert rung in await workshop.files(video_id), "who plays it hears of the switch first"
    await workshop.sweep()

    assert await workshop.files(video_id) == names_of(NEW)
    assert await rungs.list_file_names(workshop.database, video_id) == set()


async def test_both_films_count_as_used_space(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    before = await space.read_used_bytes(workshop.database)
    seen: list[int] = []

    async def look() -> None:
        seen.append(await space.read_used_bytes(workshop.database))

    await workshop.replace(video_id, INDEX_LAST)
    assert await space.read_used_bytes(workshop.database) == before + len(INDEX_LAST)
    workshop.sandbox.failures["thumbnails"] = look
    await workshop.run(video_id)
    await workshop.sweep()

    assert seen == [before + len(INDEX_LAST) + len(NEW)]
    after = await space.read_used_bytes(workshop.database)
    assert after == before - len(OLD) + len(NEW)


async def test_one_without_a_job_is_found_and_queued(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    await workshop.replace(video_id, INDEX_LAST)
    await workshop.forget_jobs()

    (finding,) = (await survey(workshop.database, workshop.storage)).findings
    assert await mend(workshop.database, workshop.storage, [finding], 0) == [finding]

    jobs = await workshop.database.fetch_all("SELECT lock FROM procrastinate_jobs")
    assert jobs == [(str(video_id),)]


async def test_one_whose_file_is_lost_is_given_up(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    new = await workshop.replace(video_id, INDEX_LAST)
    lost = workshop.storage.asset("c1", video_id, f"replacement-{new.id.hex}.mp4")
    await asyncio.to_thread(os.remove, lost)

    findings = (await survey(workshop.database, workshop.storage)).findings
    assert [one.kind for one in findings] == ["missing"]
    assert await mend(workshop.database, workshop.storage, findings, 0) == [*findings]

    video = await workshop.video(video_id)
    assert (video.status, video.is_being_replaced) == ("ready", False)


async def test_progress_of_the_film_is_told(workshop: Workshop) -> None:
    video_id = await ready(workshop)
    before = len(await workshop.ratios())
    await workshop.replace(video_id, INDEX_LAST)
    await workshop.run(video_id)

    ratios = (await workshop.ratios())[before:]
    assert ratios == sorted(ratios)
    assert 0 < ratios[-1] < 1
