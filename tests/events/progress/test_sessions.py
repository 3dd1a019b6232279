import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.pool import Database
from events.log import log
from events.log.types import PlaybackStopped
from events.progress.persister import ProgressPersister
from events.progress.sessions import silence_watch, stop_silent_sessions
from events.reports import ProgressReport, ReportReceived
from tests.harness import logged
from tests.harness.waiting import wait_until

T0 = datetime(2025, 1, 1, tzinfo=UTC)
ReportOf = Callable[..., ProgressReport]


async def store(database: Database, *reports: ProgressReport) -> None:
    persister = ProgressPersister(database, 0.9)
    persister.start()
    for report in reports:
        outcome = asyncio.get_running_loop().create_future()
        persister.on_report(ReportReceived(report, outcome))
        await outcome
    await persister.stop()


async def stops(database: Database) -> list[PlaybackStopped]:
    rows = await logged.read_after(database, 0, 1000)
    return [event for _, event in log.read_rows(rows) if isinstance(event, PlaybackStopped)]


@pytest.mark.parametrize(
    ("last_event", "silent_s", "is_stopped"),
    [
        ("progress", 30.0, False),
        ("progress", 30.1, True),
        ("started", 30.1, True),
        ("seeked", 30.1, True),
        ("completed", 30.1, True),
        ("paused", 1800.0, False),
        ("paused", 1800.1, True),
    ],
)
async def test_silence_stops_a_session_after_its_time(
    database: Database,
    library: Any,
    report_of: ReportOf,
    last_event: str,
    silent_s: float,
    is_stopped: bool,
) -> None:
    video = await library.video()
    await store(database, report_of(video, event=last_event, received_at=T0, position_s=4.0))

    [last] = await database.fetch_all("SELECT last_report_at FROM playback_sessions")

    count = await stop_silent_sessions(database, last.last_report_at + timedelta(seconds=silent_s))

    assert count == is_stopped
    assert [(one.position_s, one.session_id) for one in await stops(database)] == (
        [(4.0, "s")] if is_stopped else []
    )


async def test_a_session_is_stopped_once_and_not_after_it_said_so(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    later = T0 + timedelta(hours=2)
    await store(
        database,
        report_of(video, session_id="silent", received_at=T0),
        report_of(video, session_id="polite", received_at=T0, event="stopped"),
    )

    first = await stop_silent_sessions(database, later)
    second = await stop_silent_sessions(database, later)

    assert (first, second) == (1, 0)
    assert [one.session_id for one in await stops(database)] == ["polite", "silent"]


async def test_a_session_that_speaks_again_may_fall_silent_again(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    await store(database, report_of(video, 0, received_at=T0))
    await stop_silent_sessions(database, T0 + timedelta(minutes=1))

    await store(database, report_of(video, 1, received_at=T0 + timedelta(minutes=2)))
    too_early = await stop_silent_sessions(database, T0 + timedelta(minutes=2, seconds=10))
    in_time = await stop_silent_sessions(database, T0 + timedelta(minutes=3))

    assert (too_early, in_time) == (0, 1)


async def test_processes_that_look_at_once_stop_each_session_once(
    database: Database, library: Any, report_of: ReportOf
) -> None:
    video = await library.video()
    reports = [report_of(video, user_id=f"u{n}", received_at=T0) for n in range(30)]
    await store(database, *reports)

    later = T0 + timedelta(minutes=1)
    counts = await asyncio.gather(*(stop_silent_sessions(database, later) for _ in range(4)))

    assert sum(counts) == 30
    assert len(await stops(database)) == 30


async def test_the_watch_leaves_no_task_behind(
    database: Database, library: Any, report_of: ReportOf, dsn: str
) -> None:
    video = await library.video()
    await store(database, report_of(video, received_at=T0))
    watch = silence_watch(database, interval_s=0.01)

    watch.start()
    await wait_until(lambda: stops(database), within_s=10)
    await watch.stop()

    assert len(asyncio.all_tasks()) == 1
