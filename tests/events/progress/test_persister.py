import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.advisory_locks import AdvisoryLock, lock_until_commit
from db.errors import DatabaseError, DatabaseTimeout
from db.pool import Database
from db.progress import progress, session_names
from db.progress.progress import ProgressState
from db.progress.report_batch import SessionKey
from events.errors import PersisterFull, PersisterStopped, VideoMissing
from events.log import log
from events.log.emitter import Emitter
from events.log.retention import Retention
from events.log.types import Event
from events.progress.persister import LANES, ProgressPersister, submit, utc_now
from events.progress.plausibility import NamedAt
from events.reports import ProgressReport
from tests.harness.logged import read_after
from tests.harness.waiting import wait_until

ReportOf = Callable[..., ProgressReport]
NOWHERE = ProgressState(0.0, 0.0, 0.0, (), None, datetime(2026, 1, 1, tzinfo=UTC))


@asynccontextmanager
async def persisting(
    database: Database,
    queue_size: int = 10_000,
    clock: Callable[[], datetime] = utc_now,
    named_at: NamedAt | None = None,
) -> AsyncIterator[tuple[Emitter, ProgressPersister]]:
    emitter = Emitter()
    persister = ProgressPersister(database, 0.9, queue_size, clock, named_at)
    emitter.subscribe_reports(persister.on_report)
    persister.start()
    try:
        yield emitter, persister
    finally:
        await persister.stop()


@pytest.fixture
async def emitter(database: Database) -> AsyncIterator[Emitter]:
    async with persisting(database) as (emitter, _):
        yield emitter


async def logged(database: Database) -> list[Event]:
    rows = await read_after(database, 0, 10_000)
    return [event for _, event in log.read_rows(rows)]


async def names(database: Database) -> list[str]:
    rows = await database.fetch_all("SELECT type FROM event_log ORDER BY id")
    return [row.type for row in rows]


async def test_a_known_viewer_does_not_wait_for_whoever_replaces_the_film(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    """That one waits for the viewers' rows in turn."""
    video = await library.video(duration_s=30.0)
    await submit(emitter, report_of(video, 0))
    async with database.transaction() as replacing:
        await replacing.fetch_all("SELECT FROM videos WHERE id = %s FOR UPDATE", (str(video),))

        measured = report_of(video, 1, position_s=7.0, event="paused", quality={"stalls": 0})
        state = await submit(emitter, measured)

    assert state.position_s == 7.0
    assert await database.fetch_all("SELECT kind FROM session_moments") == [("paused",)]


async def test_a_report_is_answered_with_what_holds_once_committed(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=30.0)

    state = await submit(
        emitter, report_of(video, position_s=6.123456789, watched=((0.0, 6.0), (9.0, 9.0)))
    )

    assert (state.position_s, state.watched_s, state.watched_ratio) == (6.123456789, 6.0, 0.2)
    assert (state.watched, state.completed) == (((0.0, 6.0),), False)
    assert await progress.get(database, "student", video) == state
    assert await names(database) == ["playback.progress"]


async def test_a_doubled_report_counts_once_and_makes_no_event(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video()
    first = report_of(video, 3, position_s=6.0, watched=((0.0, 6.0),))

    await submit(emitter, first)
    state = await submit(emitter, first)

    assert (state.position_s, state.watched_s) == (6.0, 6.0)
    assert await names(database) == ["playback.progress"]


async def test_a_late_report_adds_what_was_seen_and_may_complete_but_moves_nothing(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=10.0)
    await submit(emitter, report_of(video, 5, position_s=10.0, watched=((5.0, 10.0),)))

    state = await submit(emitter, report_of(video, 4, position_s=5.0, watched=((0.0, 5.0),)))

    assert (state.position_s, state.watched, state.completed) == (10.0, ((0.0, 10.0),), True)
    assert await names(database) == ["playback.progress", "playback.completed"]


async def test_what_the_laptop_queued_does_not_overwrite_the_phones_place(
    emitter: Emitter, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    await submit(emitter, report_of(video, 0, session_id="phone", position_s=20.0))

    state = await submit(
        emitter, report_of(video, 9, session_id="laptop", position_s=5.0, delayed_s=3600.0)
    )

    assert state.position_s == 20.0


async def test_skipping_to_the_end_completes_nothing_and_watching_does_once(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=10.0)

    skipped = await submit(emitter, report_of(video, 0, position_s=10.0, event="completed"))
    watched = await submit(emitter, report_of(video, 1, position_s=9.0, watched=((0.0, 9.0),)))
    again = await submit(emitter, report_of(video, 2, position_s=1.0, watched=((0.0, 10.0),)))

    assert (skipped.completed, watched.completed) == (False, True)
    assert again.completed_at == watched.completed_at
    assert (await names(database)).count("playback.completed") == 1


async def test_what_lies_beyond_the_duration_is_not_counted(
    emitter: Emitter, library: Any, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=10.0333)

    state = await submit(emitter, report_of(video, position_s=11.0, watched=((0.0, 11.0),)))

    assert (state.position_s, state.watched) == (11.0, ((0.0, 10.03),))
    assert (state.watched_s, state.watched_ratio) == (10.03, 1.0)


async def test_reports_of_gone_videos_do_not_take_the_others_with_them(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    video, deleted = await library.video(), await library.video()
    await library.delete_video(deleted)

    outcomes = await asyncio.gather(
        submit(emitter, report_of(uuid4())),
        submit(emitter, report_of(video, position_s=2.0)),
        submit(emitter, report_of(deleted)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [VideoMissing, ProgressState, VideoMissing]
    assert await names(database) == ["playback.progress"]


async def test_a_report_that_the_database_refuses_fails_alone(
    emitter: Emitter, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()

    outcomes = await asyncio.gather(
        submit(emitter, report_of(video, user_id="a")),
        submit(emitter, report_of(video, user_id="b\0")),
        submit(emitter, report_of(video, user_id="c")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [
        ProgressState,
        DatabaseError,
        ProgressState,
    ]


async def test_reports_that_arrive_together_share_commits_and_each_makes_its_event(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=1000.0)
    async with persisting(database) as (emitter, persister):
        before = database.query_count
        reports = [
            report_of(video, n % 5, user_id=f"u{n // 5}", watched=((n % 5, n % 5 + 1.0),))
            for n in range(2500)
        ]
        states = await asyncio.gather(*(submit(emitter, report, 60) for report in reports))

    assert persister.commit_count <= 4
    assert (persister.report_count, persister.waiting_count) == (2500, 0)
    assert database.query_count - before <= 4 * 3 + LANES  # each asks once for the form of measures
    assert len(await names(database)) == 2500
    assert {state.watched_s for state in states if state} <= {1.0, 2.0, 3.0, 4.0, 5.0}
    final = await progress.get(database, "u7", video)
    assert final is not None
    assert final.watched == ((0.0, 5.0),)


async def test_several_persisters_on_the_same_users_lose_nothing(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    videos = [await library.video(duration_s=100.0) for _ in range(3)]

    async def report_all(emitter: Emitter, session_id: str, offset: int) -> None:
        for n in range(10):
            start = float(offset + n)
            await asyncio.gather(
                *(
                    submit(
                        emitter,
                        report_of(video, n, session_id=session_id, watched=((start, start + 1),)),
                    )
                    for video in (videos if offset else videos[::-1])
                )
            )

    async with persisting(database) as (one, _), persisting(database) as (two, _):
        await asyncio.gather(report_all(one, "a", 0), report_all(two, "b", 10))

    states = await progress.list_states(database, "student", videos)
    assert [states[video].watched for video in videos] == [((0.0, 20.0),)] * 3
    assert len(await names(database)) == 60


async def test_commits_are_at_most_200_a_second_however_quick_the_database_is(
    database: Database, report_of: ReportOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits, loop = [], asyncio.get_running_loop()

    async def commit(_: object, reports: Sequence[ProgressReport]) -> list[ProgressState | None]:
        commits.append(len(reports))
        return [NOWHERE for _ in reports]

    monkeypatch.setattr("events.progress.persister._Lane._commit", commit)
    async with persisting(database) as (emitter, _):

        async def play(report: ProgressReport, until_s: float) -> None:
            while loop.time() < until_s:
                await submit(emitter, report)

        began_s = loop.time()
        reports = [report_of(uuid4(), user_id=f"u{n}") for n in range(20)]
        await asyncio.gather(*(play(report, began_s + 0.5) for report in reports))
        took_s = loop.time() - began_s

    assert len(commits) <= 200 * took_s + LANES
    assert max(commits) > 1


async def test_a_full_queue_refuses_at_once(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    async with persisting(database, queue_size=2) as (emitter, _):
        outcomes = await asyncio.gather(
            *(submit(emitter, report_of(video, n)) for n in range(5)), return_exceptions=True
        )

    assert [isinstance(outcome, PersisterFull) for outcome in outcomes] == [False] * 2 + [True] * 3


async def test_no_commit_in_time_is_a_timeout_and_the_report_is_stored_later(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    async with persisting(database) as (emitter, _), database.transaction() as transaction:
        await transaction.fetch_all(lock_until_commit(AdvisoryLock.EVENT_LOG_APPEND))
        with pytest.raises(DatabaseTimeout):
            await submit(emitter, report_of(video, position_s=4.0), timeout_s=0.2)

    state = await progress.get(database, "student", video)
    assert state is not None
    assert state.position_s == 4.0


async def test_stopping_stores_and_answers_what_waits_and_refuses_what_comes_after(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    async with persisting(database) as (emitter, persister):
        waiting = [
            asyncio.create_task(submit(emitter, report_of(video, n, user_id=f"u{n}")))
            for n in range(50)
        ]
        await asyncio.sleep(0)
        await persister.stop()
        stored = await asyncio.gather(*waiting)
        with pytest.raises(PersisterStopped):
            await submit(emitter, report_of(video))

    assert len(stored) == 50
    assert len(await names(database)) == 50


async def test_a_sender_that_goes_away_does_not_take_its_report_back(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    async with persisting(database) as (emitter, _):
        beacon = asyncio.create_task(submit(emitter, report_of(video, position_s=3.0)))
        await asyncio.sleep(0)
        beacon.cancel()

    state = await progress.get(database, "student", video)
    assert state is not None
    assert state.position_s == 3.0


async def test_a_session_goes_on_where_its_sequence_ended(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video()
    key = SessionKey("student", video, "s")
    assert (await session_names.read(database, key)).next_sequence == 0

    await submit(emitter, report_of(video, 7))
    await submit(emitter, report_of(video, 2))

    other = SessionKey("student", video, "other")
    assert (await session_names.read(database, key)).next_sequence == 8
    assert (await session_names.read(database, other)).next_sequence == 0


async def test_the_event_tells_when_it_was_true(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video()
    now = datetime.now(UTC)

    await submit(emitter, report_of(video, received_at=now, delayed_s=60.0, event="started"))

    [event] = await logged(database)
    assert event.name == "playback.started"
    # By the database's clock, to the precision of the comparison.
    assert abs(event.occurred_at - (now - timedelta(seconds=60))) < timedelta(seconds=5)


@pytest.mark.parametrize("days", [1, -1], ids=["ahead", "behind"])
async def test_a_host_with_a_wrong_clock_neither_pins_nor_loses_a_place(
    database: Database, library: Any, report_of: ReportOf, days: int
) -> None:
    """Two web processes, one on a host whose clock is a day off."""
    video, off = await library.video(), timedelta(days=days)

    def wrong() -> datetime:
        return utc_now() + off

    async with persisting(database, clock=wrong) as (there, _), persisting(database) as (here, _):
        await submit(here, report_of(video, session_id="tablet", position_s=1.0))
        phone = report_of(video, session_id="phone", position_s=20.0, received_at=wrong())
        moved = await submit(there, phone)
        state = await submit(here, report_of(video, session_id="laptop", position_s=5.0))

    assert (moved.position_s, state.position_s) == (20.0, 5.0)
    rows = await database.fetch_all(
        "SELECT max(abs(extract(epoch FROM last_report_at - now()))) < 60 AS is_near"
        " FROM playback_sessions"
    )
    assert rows == [(True,)]


async def test_a_place_that_was_pinned_gives_way(
    emitter: Emitter, library: Any, database: Database, report_of: ReportOf
) -> None:
    """Stored by a host whose clock was ahead, before times were the database's."""
    video = await library.video()
    await submit(emitter, report_of(video, session_id="phone", position_s=20.0))
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE progress SET position_at = now() + interval '1 day'")

    state = await submit(emitter, report_of(video, session_id="laptop", position_s=5.0))

    assert state.position_s == 5.0


async def test_it_can_store_until_every_commit_fails_and_again_after(
    database: Database, library: Any, report_of: ReportOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = await library.video()
    async with persisting(database) as (emitter, persister):
        assert await persister.can_store(), "nothing was tried yet"
        await submit(emitter, report_of(video, 0))
        assert await persister.can_store()

        async with database.transaction() as transaction:
            await transaction.execute("LOCK TABLE progress IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DatabaseTimeout):
                await submit(emitter, report_of(video, 1))
            await wait_until(persister.can_store, lambda can_store: not can_store)
            monkeypatch.setattr("events.progress.lane_health.FAILED_FOR_S", 0.0)
            assert not await persister.can_store(), "it tries, and cannot"

        assert await persister.can_store(), "it tries, and can"


# Claims bounded by the time that a session has had


def named(seconds_ago: float) -> NamedAt:
    return lambda _: utc_now() - timedelta(seconds=seconds_ago)


async def capped(database: Database, video: UUID) -> float:
    row = await database.fetch_one(
        "SELECT coalesce(sum(upper(piece) - lower(piece)), 0) AS seconds"
        " FROM progress, unnest(capped) AS piece WHERE video_id = %s",
        (str(video),),
    )
    return float(row.seconds)


async def test_what_could_not_have_been_played_is_not_counted(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=100.0)
    async with persisting(database, named_at=named(20.0)) as (emitter, persister):
        report = report_of(video, position_s=100.0, watched=((0.0, 100.0),))
        state = await submit(emitter, report)

        assert (state.is_capped, state.completed) == (True, False)
        assert state.watched_s == pytest.approx(50.0, abs=1.0)
        assert state.watched == ((0.0, state.watched_s),)
        assert await capped(database, video) == pytest.approx(100.0 - state.watched_s)
        assert persister.capped_count == 1
        assert persister.capped_s == pytest.approx(100.0 - state.watched_s)


async def test_reports_within_the_bound_say_nothing_of_it(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=100.0)
    async with persisting(database, named_at=named(50.0)) as (emitter, persister):
        state = await submit(emitter, report_of(video, watched=((0.0, 100.0),)))

    assert (state.is_capped, state.watched_s, state.completed) == (False, 100.0, True)
    assert (persister.capped_count, await capped(database, video)) == (0, 0.0)


async def test_all_processes_count_a_sessions_seconds_together(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=3600.0)
    async with (
        persisting(database, named_at=named(5.0)) as (here, _),
        persisting(database, named_at=named(5.0)) as (there, _),
    ):
        for n in range(20):
            claim = report_of(video, n, watched=((n * 10.0, n * 10.0 + 10.0),))
            state = await submit((here, there)[n % 2], claim)

    assert state.watched_s == pytest.approx(20.0, abs=4.0)


async def test_late_reports_count_in_the_same_bound(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=3600.0)
    async with persisting(database, named_at=named(0.0)) as (emitter, _):
        await submit(emitter, report_of(video, 9))
        for n in range(9):
            late = report_of(video, n, watched=((n * 10.0, n * 10.0 + 10.0),))
            state = await submit(emitter, late)

    assert state.watched_s == pytest.approx(10.0, abs=4.0)


async def test_a_capped_report_that_is_sent_again_is_capped_once(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=100.0)
    async with persisting(database, named_at=named(0.0)) as (emitter, _):
        for _ in range(5):
            await submit(emitter, report_of(video, watched=((0.0, 100.0),)))

    assert 80.0 < await capped(database, video) <= 90.0


async def test_each_report_of_a_batch_says_of_itself_whether_it_was_capped(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=100.0)
    async with persisting(database, named_at=named(0.0)) as (emitter, _):
        states = await asyncio.gather(
            *(
                submit(emitter, report_of(video, n, watched=(piece,)))
                for n, piece in enumerate([(0.0, 5.0), (5.0, 50.0), (0.0, 1.0), (80.0, 90.0)])
            )
        )

    assert [state.is_capped for state in states] == [False, True, False, True]


async def test_a_name_that_a_client_chose_starts_its_session(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=100.0)
    await session_names.add(database, SessionKey("student", video, "mine"))
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE playback_session_names SET named_at = now() - interval '20 s'"
        )
    async with persisting(database, named_at=lambda _: None) as (emitter, _):
        watched = ((0.0, 100.0),)
        mine = await submit(emitter, report_of(video, session_id="mine", watched=watched))
        other = await submit(emitter, report_of(video, session_id="other", watched=watched))

    assert mine.watched_s == pytest.approx(50.0, abs=1.0)
    assert other.watched_s - mine.watched_s == pytest.approx(10.0)


async def test_a_session_older_than_the_bound_counts_from_its_first_report(
    library: Any, database: Database, report_of: ReportOf
) -> None:
    video = await library.video(duration_s=100.0)
    async with persisting(database) as (emitter, _):
        await submit(emitter, report_of(video, 0))
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE playback_sessions SET started_at = now() - interval '20 s'"
        )
    async with persisting(database, named_at=lambda _: None) as (emitter, _):
        state = await submit(emitter, report_of(video, 1, watched=((0.0, 100.0),)))

    assert state.watched_s == pytest.approx(50.0, abs=1.0)


async def test_names_are_kept_as_long_as_sessions(database: Database, library: Any) -> None:
    video = await library.video()
    for session_id in ("old", "new"):
        await session_names.add(database, SessionKey("student", video, session_id))
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE playback_session_names SET named_at = now() - interval '2 days'"
            " WHERE session_id = 'old'"
        )
    await Retention(database, 7 * 86400.0, 86400.0, 86400.0).delete_sessions(utc_now())

    rows = await database.fetch_all("SELECT session_id FROM playback_session_names")
    assert [row.session_id for row in rows] == ["new"]
