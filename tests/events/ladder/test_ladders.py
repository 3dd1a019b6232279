"""Ladders as their jobs make them: piece by piece, published whole, ended, and kept current."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from db import space
from db.errors import DatabaseFull
from db.media import ladders
from db.videos import videos
from events.deletion import Deletion
from events.ladder import start
from events.ladder.options import LadderOptions
from events.media import cancellation
from events.upkeep.ladder_sweep import sweep_pieces
from events.upkeep.reconcile import mend
from events.upkeep.survey import survey
from storage.errors import MediaInterrupted, Undecodable
from tests.events.ladder.studio import SMALL, Studio
from tests.events.workshop import Killed

TWO_SIZES = LadderOptions((144, 96))
SECONDS_AWAY = 1e9


async def updates(studio: Studio) -> int:
    rows = await studio.database.fetch_all("SELECT 1 FROM event_log WHERE type = 'video.updated'")
    return len(rows)


async def test_a_ladder_is_told_of_at_each_step_and_published_whole(studio: Studio) -> None:
    video_id = await studio.ready_video()

    await studio.ladders.begin(video_id)
    begun = await studio.states(video_id)
    assert await studio.run_jobs(1) == ["plan_ladder"]
    planned, before = await studio.states(video_id), await studio.video(video_id)
    jobs = await studio.run_jobs()

    video = await studio.video(video_id)
    assert begun == {"v144": "waiting"}
    assert planned == {"v144": "processing", "audio": "processing"}
    assert (before.status, before.hls_file_name) == ("ready", None)
    assert await studio.states(video_id) == {"v144": "ready", "audio": "ready"}
    assert jobs[:4] == 3 * ["make_ladder_piece"] + ["finish_ladder"]
    assert sorted(studio.sandbox.calls) == ["plan", "sound", "v144 0", "v144 1"]
    assert await updates(studio) == 3
    assert await studio.unfinished() == []
    assert video.hls_file_name is not None
    assert (video.rungs[0].height, video.rungs[0].width) == (144, 256)
    assert video.rungs[0].codecs == "avc1.64000C"
    assert (await survey(studio.database, studio.storage, is_deep=True)).findings == ()


async def test_playlists_name_files_that_are_there(studio: Studio) -> None:
    video_id = await studio.made()

    video, files = await studio.video(video_id), await studio.files(video_id)
    assert video.hls_file_name is not None
    assert video.dash_file_name is not None
    master = await studio.text(video_id, video.hls_file_name)
    named = {line for line in master.splitlines() if not line.startswith("#")}
    named |= {part.split('"')[0] for part in master.split('URI="')[1:]}
    assert named == {name for name in files if name.endswith(".m3u8")} - {video.hls_file_name}
    manifest = await studio.text(video_id, video.dash_file_name)
    rungs = {row.file_name for row in video.rungs}
    assert {part.split("<")[0] for part in manifest.split("<BaseURL>")[1:]} == rungs
    assert rungs < files


async def test_what_is_made_counts_as_used(studio: Studio) -> None:
    video_id = await studio.ready_video()
    before = await space.read_used_bytes(studio.database)
    await studio.ladders.begin(video_id)
    await studio.run_jobs(3)
    halfway = await space.read_used_bytes(studio.database)
    await studio.run_jobs()

    assert before < halfway
    files = sum(
        (studio.storage.asset("c1", video_id, name)).stat().st_size
        for name in await studio.files(video_id)
    )
    assert await space.read_used_bytes(studio.database) == before + files


async def test_a_killed_worker_costs_the_piece_it_was_making(studio: Studio) -> None:
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(1)
    studio.sandbox.failures["v144 0"] = Killed()
    lanes = await lanes_of(studio)
    for lane in lanes:
        try:
            await studio.ladders.make_piece(video_id, lane, is_last_attempt=False)
        except Killed:
            killed = lane
    await studio.forget_jobs()

    await studio.ladders.make_piece(video_id, killed, is_last_attempt=False)
    await studio.run_jobs()

    assert studio.sandbox.calls.count("v144 0") == 2
    assert studio.sandbox.calls.count("v144 1") == 1
    assert await studio.states(video_id) == {"v144": "ready", "audio": "ready"}


async def lanes_of(studio: Studio) -> list[int]:
    rows = await studio.database.fetch_all(
        "SELECT args FROM procrastinate_jobs WHERE task_name = 'make_ladder_piece' ORDER BY id"
    )
    return [row.args["lane"] for row in rows]


async def test_videos_take_turns(studio: Studio) -> None:
    one, two = await studio.ready_video(), await studio.ready_video()
    for video_id in (one, two):
        await studio.ladders.begin(video_id)
    await studio.run_jobs(2)
    pieces = []
    for _ in range(6):
        (row,) = await studio.database.fetch_all(
            "SELECT args FROM procrastinate_jobs ORDER BY priority DESC, id LIMIT 1"
        )
        if await studio.run_jobs(1) == ["make_ladder_piece"]:
            pieces.append(row.args["video_id"])

    assert pieces[:4] == [str(one), str(two), str(one), str(two)]


async def test_a_deletion_ends_the_work_and_a_restored_video_starts_anew(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation, "LOOK_EVERY_S", 0.01)
    deletion = Deletion(studio.database, SECONDS_AWAY)
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(3)
    unfinished = await studio.unfinished()

    async def deleted_meanwhile() -> None:
        await deletion.delete_video(video_id, "tess")
        await asyncio.Event().wait()

    studio.sandbox.failures["v144 1"] = deleted_meanwhile
    async with asyncio.timeout(10):
        await studio.run_jobs()
    assert [name.partition(".")[2] for name in unfinished] == ["ladder"]
    assert len(await sweep_pieces(studio.database, studio.storage)) == 1
    assert await studio.unfinished() == []
    assert await ladders.list_pieces(studio.database, video_id) == []
    assert "v144 1" in studio.sandbox.calls

    found = await deletion.find(video_id)
    assert found is not None
    await deletion.restore(found, "tess")
    await studio.forget_jobs()
    await studio.ladders.begin(video_id)
    await studio.run_jobs()
    assert await studio.states(video_id) == {"v144": "ready", "audio": "ready"}


async def test_a_deleted_video_keeps_its_ladder_in_the_trash(studio: Studio) -> None:
    deletion = Deletion(studio.database, SECONDS_AWAY)
    video_id = await studio.made()
    files = await studio.files(video_id)

    await deletion.delete_video(video_id, "tess")
    assert (await survey(studio.database, studio.storage)).findings == ()
    found = await deletion.find(video_id)
    assert found is not None
    restored = await deletion.restore(found, "tess")

    assert restored is not None
    assert restored.hls_file_name in files
    assert await studio.files(video_id) == files


async def test_a_piece_that_cannot_be_made_leaves_the_video_ready_and_says_why(
    studio: Studio,
) -> None:
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    studio.sandbox.failures["v144 1"] = Undecodable()
    await studio.run_jobs()

    video = await studio.video(video_id)
    (rung, _) = video.rungs
    assert (video.status, video.hls_file_name) == ("ready", None)
    assert (rung.state, rung.failure_code, rung.failure_detail) == (
        *("failed", "undecodable"),
        "The video cannot be decoded: the file is damaged or not really a video.",
    )
    assert await studio.unfinished() == []
    studio.sandbox.calls.clear()
    await start.begin_missing(studio.database, SMALL)
    assert await studio.run_jobs() == []


async def test_the_copied_rung_does_without_coded_ones_that_cannot_be_made(
    studio: Studio,
) -> None:
    studio.options = LadderOptions((180, 96))
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    studio.sandbox.failures["v96 1"] = Undecodable()
    await studio.run_jobs()

    video = await studio.video(video_id)
    assert "copy" in studio.sandbox.calls
    assert await studio.states(video_id) == {"v180": "ready", "v96": "failed", "audio": "ready"}
    assert video.hls_file_name is not None
    assert "v96" not in await studio.text(video_id, video.hls_file_name)
    assert await studio.unfinished() == []


async def test_av1_stands_behind_the_h264_of_its_size(studio: Studio) -> None:
    studio.options = LadderOptions((96,), has_av1=True)
    video_id = await studio.made()

    rungs = (await studio.video(video_id)).rungs
    assert [(row.name, row.state) for row in rungs] == [
        ("v96", "ready"),
        ("av96", "ready"),
        ("audio", "ready"),
    ]
    assert [(row.codecs or "").partition(".")[0] for row in rungs] == ["avc1", "av01", "mp4a"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(MediaInterrupted(), "internal", id="interrupted"),
        pytest.param(RuntimeError("a defect"), "internal", id="a defect"),
    ],
)
async def test_what_a_retry_may_mend_is_tried_again_but_not_for_ever(
    studio: Studio, fault: Exception, code: str
) -> None:
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(2)
    studio.sandbox.failures["v144 0"] = fault
    with pytest.raises(type(fault)):
        await studio.ladders.make_piece(video_id, 1, is_last_attempt=False)
    assert (await studio.states(video_id))["v144"] == "processing"
    studio.sandbox.failures["v144 0"] = fault
    with suppress(RuntimeError):
        await studio.ladders.make_piece(video_id, 1, is_last_attempt=True)

    (rung, _) = (await studio.video(video_id)).rungs
    assert (rung.state, rung.failure_code) == ("failed", code)


async def test_an_outage_of_the_database_ends_no_ladder(studio: Studio) -> None:
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(2)
    studio.sandbox.failures["v144 0"] = DatabaseFull()
    with pytest.raises(DatabaseFull):
        await studio.ladders.make_piece(video_id, 1, is_last_attempt=True)
    assert (await studio.states(video_id))["v144"] == "processing"
    await studio.forget_jobs()

    await studio.ladders.go_on_with_stuck()
    await studio.run_jobs()

    assert await studio.states(video_id) == {"v144": "ready", "audio": "ready"}


async def test_a_piece_that_takes_its_workers_down_is_given_up(studio: Studio) -> None:
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(2)

    await studio.ladders.give_up_piece(video_id, 1)

    assert await studio.states(video_id) == {"v144": "failed", "audio": "failed"}
    assert (await studio.video(video_id)).status == "ready"


async def test_a_full_quota_leaves_the_video_without_a_ladder_until_there_is_room(
    studio: Studio,
) -> None:
    video_id = await studio.ready_video()
    studio.quota_bytes = await space.read_used_bytes(studio.database) + 1000
    await studio.ladders.begin(video_id)
    await studio.run_jobs()
    (rung, _) = (await studio.video(video_id)).rungs
    assert (rung.state, rung.failure_code) == ("failed", "over-quota")

    studio.quota_bytes = None
    await start.begin_missing(studio.database, SMALL)
    await studio.run_jobs()

    assert await studio.states(video_id) == {"v144": "ready", "audio": "ready"}


async def test_a_changed_setting_makes_what_lacks_and_keeps_the_rest(studio: Studio) -> None:
    video_id = await studio.made()
    before = {row.name: row.file_name for row in (await studio.video(video_id)).rungs}
    studio.options = TWO_SIZES
    studio.sandbox.calls.clear()

    await start.begin_missing(studio.database, TWO_SIZES)
    assert (await studio.video(video_id)).hls_file_name is not None
    await studio.run_jobs()

    after = {row.name: row.file_name for row in (await studio.video(video_id)).rungs}
    assert studio.sandbox.calls == ["plan", "v96 0", "v96 1"]
    assert set(after) == {"v144", "v96", "audio"}
    assert before.items() < after.items()
    assert (await survey(studio.database, studio.storage)).findings == ()


async def test_without_ladders_the_work_ends_and_what_is_there_stays(studio: Studio) -> None:
    done, undone = await studio.made(), await studio.ready_video()
    await studio.ladders.begin(undone)
    await studio.run_jobs(2)

    await start.end_unfinished(studio.database)
    await studio.run_jobs()

    assert (await studio.video(done)).hls_file_name is not None
    assert await studio.states(undone) == {}
    await sweep_pieces(studio.database, studio.storage)
    assert await studio.unfinished() == []


async def test_lost_jobs_are_found_and_queued_again(studio: Studio) -> None:
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(3)
    await studio.forget_jobs()
    (finding,) = (await survey(studio.database, studio.storage)).findings
    assert (finding.kind, finding.video_id) == ("stuck", video_id)

    await start.begin_missing(studio.database, SMALL)
    await studio.run_jobs()

    assert await studio.states(video_id) == {"v144": "ready", "audio": "ready"}
    assert studio.sandbox.calls.count("v144 0") == 1


async def test_another_source_makes_another_ladder(studio: Studio, made_other: Any) -> None:
    video_id = await studio.made()
    before = await studio.files(video_id)
    await made_other(video_id)
    assert (await studio.video(video_id)).hls_file_name is None

    await studio.ladders.begin(video_id)
    await studio.run_jobs()

    assert (await studio.video(video_id)).hls_file_name is not None
    assert studio.sandbox.calls.count("v144 0") == 2
    assert await studio.files(video_id) == before


@pytest.fixture
def made_other(studio: Studio) -> Any:
    """Gives a video another served file."""

    async def change(video_id: Any) -> None:
        async with studio.database.transaction() as transaction:
            await transaction.execute(
                "UPDATE representations SET sha256 = %s WHERE video_id = %s",
                ("f" * 64, str(video_id)),
            )

    return change


async def test_a_lost_rung_is_made_again_by_a_repair(studio: Studio) -> None:
    video_id = await studio.made()
    rung = (await studio.video(video_id)).rungs[0]
    assert rung.file_name is not None
    await asyncio.to_thread(studio.storage.asset("c1", video_id, rung.file_name).unlink)

    found = await survey(studio.database, studio.storage)
    assert [(one.kind, one.row and one.row.kind) for one in found.findings] == [
        ("missing", "ladder")
    ]
    await mend(studio.database, studio.storage, found.findings, 0.0)
    assert (await studio.video(video_id)).hls_file_name is None
    await studio.forget_jobs()
    await studio.ladders.begin(video_id)
    await studio.run_jobs()

    assert (await studio.video(video_id)).hls_file_name is not None
    assert (await survey(studio.database, studio.storage)).findings == ()


async def test_no_video_row_is_locked_for_long(studio: Studio) -> None:
    """A piece under way holds no lock that a deletion would wait for."""
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(2)

    async def renamed() -> None:
        async with asyncio.timeout(1):
            assert await videos.rename(studio.database, video_id, "Another title")

    studio.sandbox.failures["v144 0"] = renamed
    await studio.run_jobs()

    assert (await studio.video(video_id)).title == "Another title"
