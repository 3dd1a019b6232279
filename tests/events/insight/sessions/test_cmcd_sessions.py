"""Sessions that media requests tell of: summed, stored with their figures, equal to a recount."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from db.errors import DatabaseError
from db.insight import changes, cmcd, quality
from db.insight.changes import QualityFigures
from db.insight.cmcd import CmcdKey
from db.pool import Database
from events.insight.folding import count_anew, settle
from events.insight.sessions import cmcd_sessions
from events.insight.sessions.cmcd_sessions import CmcdSessions, MediaRequest
from events.log.retention import Retention
from events.progress.measures import MOST_MOMENTS
from tests.events.insight.conftest import Reporting
from tests.events.insight.counting import EVER

BEGINNING = date(2026, 1, 1)
SEGMENT: dict[str, Any] = {"is_picture": True, "bitrate": 2_000_000, "duration_ms": 4000}


@pytest.fixture
def sessions() -> CmcdSessions:
    return CmcdSessions()


def note(
    sessions: CmcdSessions, video: Any, user: str = "ada", sid: str = "x", **said: Any
) -> None:
    key = CmcdKey(user, video, sid)
    sessions.note(key, "phone", "Safari", MediaRequest(session_id=sid, **said))


async def figures(database: Database) -> tuple[int, QualityFigures]:
    await settle(database)
    (total,) = [
        one for one in await quality.read_groups(database, "c1", EVER, 1) if one.grouping is None
    ]
    return total.viewers, total.figures


async def test_requests_are_summed_as_worked_out_by_hand(
    database: Database, library: Any, sessions: CmcdSessions
) -> None:
    """Two segments of 4 s at 2 Mbit/s, the second after a starved buffer, in two stores."""
    video = await library.video()
    note(sessions, video, startup_ms=2000, **SEGMENT)
    await sessions.store(database)
    note(sessions, video, is_starved=True, has_started=True, starved_ms=300, **SEGMENT)
    note(sessions, video, startup_ms=9)
    await sessions.store(database)

    assert await figures(database) == (
        1,
        QualityFigures(
            sessions=1,
            starts=1,
            startups=1,
            startup_ms=2000,
            startup_points=80_000,
            startups_2000=1,
            startups_4000=1,
            startups_8000=1,
            stalled_sessions=1,
            stalls=1,
            stalled_ms=300,
            bitrate_ms=8000,
            bits=16_000_000,
        ),
    )


STARVED = {"is_starved": True, "starved_ms": 100}


@pytest.mark.parametrize(
    ("parts", "counts"),
    [
        pytest.param([[STARVED], [STARVED, STARVED]], (3, 300, 0), id="since-the-request-before"),
        pytest.param(
            [
                [{**STARVED, "stalls": 1, "stalled_ms": 150, "dropped_frames": 4}],
                [{**STARVED, "stalls": 3, "stalled_ms": 500, "dropped_frames": 9}],
            ],
            (3, 500, 9),
            id="since-the-session-began",
        ),
        pytest.param(
            [
                [{"stalls": 3, "stalled_ms": 500, "dropped_frames": 9}],
                [{"stalls": 2, "stalled_ms": 300, "dropped_frames": 5}, STARVED],
            ],
            (3, 500, 9),
            id="overtaken",
        ),
        pytest.param([[STARVED, STARVED], [{"stalls": 1}]], (1, 200, 0), id="a-count-corrects"),
        pytest.param([[{"stalls": 10**9}]], (1000, 0, 0), id="beyond-belief"),
    ],
)
async def test_counts_of_a_session_are_its_highest(
    database: Database, library: Any, sessions: CmcdSessions, parts: Any, counts: Any
) -> None:
    video = await library.video()
    for requests in parts:
        for said in requests:
            note(sessions, video, **said)
        await sessions.store(database)

    _, summed = await figures(database)
    assert (summed.stalls, summed.stalled_ms, summed.dropped_frames) == counts


async def test_processes_add_to_the_same_session(
    database: Database, library: Any, sessions: CmcdSessions
) -> None:
    video, other = await library.video(), CmcdSessions()
    for one in (sessions, other):
        note(one, video, is_starved=True, has_error=True)
        await one.store(database)

    _, summed = await figures(database)
    assert (summed.sessions, summed.stalls, summed.errors, summed.failures) == (1, 2, 1, 1)


async def test_figures_of_requests_and_reports_equal_a_recount(
    database: Database, library: Any, sessions: CmcdSessions, reporting: Reporting
) -> None:
    video = await library.video()
    for user in ("ada", "bob"):
        note(sessions, video, user, **SEGMENT)
        await reporting.report(video, user, (0.0, 2.0), quality={"stalls": 1})
    await sessions.store(database)
    before = await figures(database)

    compared = await count_anew(database, video, sessions_kept_since=BEGINNING)

    assert compared is not None
    assert compared.differing == ()
    assert await figures(database) == before
    assert (before[0], before[1].sessions) == (2, 4)


async def test_a_session_that_reports_by_itself_counts_by_its_reports(
    database: Database, library: Any, sessions: CmcdSessions, reporting: Reporting
) -> None:
    video = await library.video()
    await reporting.report(video, "ada", quality={"stalls": 1}, session_id="x")
    note(sessions, video, is_starved=True)
    await sessions.store(database)

    _, summed = await figures(database)
    assert (summed.sessions, summed.stalls) == (1, 1)
    assert await database.fetch_all("SELECT FROM cmcd_sessions") == []


async def moments_of(database: Database) -> list[tuple[str, Any]]:
    rows = await database.fetch_all(
        "SELECT session_id, details FROM session_moments WHERE kind = 'stalled' ORDER BY id"
    )
    return [(row.session_id, row.details) for row in rows]


async def test_starved_requests_are_moments_of_their_session(
    database: Database, library: Any, sessions: CmcdSessions
) -> None:
    video = await library.video()
    note(sessions, video, **SEGMENT)
    note(sessions, video, is_starved=True)
    note(sessions, video, starved_ms=250, position_ms=7500)
    await sessions.store(database)
    await sessions.store(database)

    assert await moments_of(database) == [
        ("x", {"stalls": 1, "stalled_ms": 0}),
        ("x", {"stalls": 1, "stalled_ms": 250, "position": 7.5}),
    ]


async def test_a_session_has_so_many_moments_and_no_more(
    database: Database, library: Any, sessions: CmcdSessions
) -> None:
    video = await library.video()
    for _ in range(2):
        for _ in range(MOST_MOMENTS - 1):
            note(sessions, video, is_starved=True)
        await sessions.store(database)

    assert len(await moments_of(database)) == MOST_MOMENTS


async def test_a_session_that_reports_later_is_told_by_its_reports_from_then_on(
    database: Database, library: Any, sessions: CmcdSessions, reporting: Reporting
) -> None:
    video = await library.video()
    note(sessions, video, is_starved=True)
    await sessions.store(database)
    await reporting.report(video, "ada", session_id="x", quality={"stalls": 0})
    note(sessions, video, is_starved=True)
    await sessions.store(database)

    assert len(await moments_of(database)) == 1
    assert (await figures(database))[1].stalls == 1


async def test_sessions_of_a_video_that_is_gone_are_dropped(
    database: Database, sessions: CmcdSessions
) -> None:
    note(sessions, uuid4())
    await sessions.store(database)

    assert await database.fetch_all("SELECT FROM cmcd_sessions") == []
    assert not await changes.is_any_waiting(database)


async def test_what_could_not_be_stored_is_stored_later(
    database: Database, library: Any, sessions: CmcdSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = await library.video()
    note(sessions, video, is_starved=True)

    async def fail(*_: Any) -> None:
        note(sessions, video, is_starved=True)
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(cmcd, "write", fail)
        with pytest.raises(DatabaseError):
            await sessions.store(database)
    await sessions.store(database)

    assert (await figures(database))[1].stalls == 2
    assert len(await moments_of(database)) == 2


def test_sessions_beyond_the_bound_are_counted_and_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cmcd_sessions, "MOST_SESSIONS", 2)
    sessions, video = CmcdSessions(), uuid4()
    for sid in ("a", "b", "c", "a"):
        note(sessions, video, sid=sid)

    assert sessions.dropped_count == 1
    assert len(sessions._sessions) == 2


async def test_old_sessions_are_deleted(
    database: Database, library: Any, sessions: CmcdSessions
) -> None:
    video = await library.video()
    for sid in ("old", "new"):
        note(sessions, video, sid=sid)
    await sessions.store(database)
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE cmcd_sessions SET started_at = now() - interval '2 days' WHERE session_id = %s",
            ("old",),
        )
    [row] = await database.fetch_all("SELECT now() AS now")
    await Retention(database, 86_400.0, 86400.0, 86_400.0).delete_sessions(row.now)

    rows = await database.fetch_all("SELECT session_id FROM cmcd_sessions")
    assert [row.session_id for row in rows] == ["new"]
