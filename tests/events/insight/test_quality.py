"""Figures of playback quality: known answers, and equal to a recount after any reports."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.insight import figures, quality
from db.insight.changes import QualityFigures, total
from db.pool import Database
from events.insight.folding import count_anew, settle
from events.insight.survey import survey_figures
from tests.events.insight.conftest import Reporting
from tests.events.insight.counting import EVER

BEGINNING = date(2026, 1, 1)


def today() -> date:
    return datetime.now(UTC).date()


async def groups(database: Database, video: UUID | None = None) -> dict[Any, Any]:
    """Viewers and figures by (grouping, value)."""
    await settle(database)
    found = await quality.read_groups(database, "c1", EVER, 1, video)
    return {(one.grouping, one.value): (one.viewers, one.figures) for one in found}


async def test_two_viewers_are_summed_as_worked_out_by_hand(
    database: Database, library: Any, reporting: Reporting
) -> None:
    """ada plays 9 s on a phone and waits twice; bob, a day later, leaves before anything shows."""
    video, other = await library.video(duration_s=30.0), await library.video(duration_s=30.0)
    phone: Any = {"device": "phone", "browser": "Safari"}
    await reporting.report(video, "ada", (0.0, 4.0), quality={"startup_ms": 900}, **phone)
    await reporting.report(
        video, "ada", (4.0, 9.0), quality={"stalls": 2, "stalled_ms": 1000}, **phone
    )
    reporting.day = 1
    at = datetime.now(UTC) + timedelta(days=1)
    await reporting.report(other, "bob", quality={"stalls": 0}, received_at=at)

    found = await groups(database)

    ada = QualityFigures(
        sessions=1,
        starts=1,
        startups=1,
        startup_ms=900,
        startup_points=89_888,
        startups_1000=1,
        startups_2000=1,
        startups_4000=1,
        startups_8000=1,
        stalled_sessions=1,
        stalls=2,
        stalled_ms=1000,
        played_ms=9000,
    )
    bob = QualityFigures(sessions=1)
    tomorrow = today() + timedelta(days=1)
    assert found == {
        (None, None): (2, total([ada, bob])),
        ("day", today()): (1, ada),
        ("day", tomorrow): (1, bob),
        ("video_id", str(video)): (1, ada),
        ("video_id", str(other)): (1, bob),
        ("device", "phone"): (1, ada),
        ("device", "other"): (1, bob),
        ("browser", "Safari"): (1, ada),
        ("browser", "other"): (1, bob),
        ("network", "unknown"): (2, total([ada, bob])),
    }
    assert (await groups(database, video))[None, None] == (1, ada)


async def test_sessions_that_measure_nothing_are_in_no_figure(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=30.0)
    await reporting.report(video, "ada", (0.0, 4.0))

    assert await groups(database) == {(None, None): (0, QualityFigures())}


async def test_late_and_doubled_reports_measure_nothing(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=30.0)
    for sequence, stalls in ((5, 1), (5, 3), (4, 9)):
        await reporting.report(
            video, "ada", (0.0, 1.0), sequence=sequence, quality={"stalls": stalls}
        )

    _, summed = (await groups(database))[None, None]
    assert (summed.sessions, summed.stalls, summed.played_ms) == (1, 1, 1000)


async def test_what_is_claimed_beyond_the_bound_was_not_played(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=30.0)
    state = await reporting.report(video, "ada", (0.0, 30.0), quality={"stalls": 0})

    _, summed = (await groups(database))[None, None]
    assert state.is_capped
    assert summed.played_ms == round(state.watched_s * 1000)


async def test_deep_check_reports_and_corrects_quality_that_differs(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=30.0)
    for user in ("ada", "bob"):
        await reporting.report(video, user, (0.0, 4.0), quality={"stalls": 1})
    before = await groups(database)
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE quality_days SET stalls = 7, viewers = '1'")
        await transaction.execute(
            "INSERT INTO quality_days SELECT video_id, day, 'tv', browser, network, course_id,"
            f" viewers, {quality.COLUMNS} FROM quality_days"
        )

    (seen,) = await survey_figures(database, BEGINNING, is_repairing=False)
    wrong = await groups(database)
    (mended,) = await survey_figures(database, BEGINNING, is_repairing=True)

    assert seen.names == mended.names == ("quality",)
    assert (seen.is_mended, mended.is_mended) == (False, True)
    assert wrong != before
    assert await groups(database) == before
    assert await survey_figures(database, BEGINNING, is_repairing=False) == []


async def test_days_whose_sessions_may_be_gone_are_left(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=30.0)
    await reporting.report(video, "ada", (0.0, 4.0), quality={"stalls": 1})
    before = await groups(database)
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM playback_sessions")

    await count_anew(database, video, sessions_kept_since=today() + timedelta(days=1))
    await count_anew(database, video)

    assert await groups(database) == before


async def test_viewers_of_two_days_are_counted_once(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=30.0)
    await reporting.report(video, "ada", quality={"stalls": 1})
    reporting.day = 1
    at = datetime.now(UTC) + timedelta(days=1)
    await reporting.report(video, "ada", session_id="t", quality={"stalls": 1}, received_at=at)

    found = await groups(database)

    assert found[None, None][0] == 1
    assert found[None, None][1].sessions == 2
    first = await quality.read_groups(database, "c1", figures.Period(BEGINNING, today()), 1)
    assert [(one.grouping, one.viewers) for one in first] == [(None, 0)]


count = st.integers(0, 9)
said = st.fixed_dictionaries(
    {},
    optional={
        "startup_ms": st.integers(0, 9000),
        "stalls": count,
        "stalled_ms": st.integers(0, 5000),
        "dropped_frames": count,
        "bitrate": st.integers(0, 9_000_000),
        "height": st.sampled_from([240, 1080]),
        "network": st.sampled_from(["3g", "4g"]),
        "error": st.just("x"),
    },
)
seconds = st.integers(0, 240).map(lambda twentieths: twentieths / 20)
report = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["ada", "bob", "cleo"]),
        "session_id": st.sampled_from(["s", "t"]),
        "sequence": st.integers(0, 6),
        "watched": st.lists(
            st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair))), max_size=2
        ).map(tuple),
        "rate": st.sampled_from([None, 1.0, 2.0]),
        "device": st.sampled_from(["phone", "desktop"]),
        "quality": st.none() | said,
        "is_believed": st.booleans(),
    }
)
batches = st.lists(st.tuples(st.integers(0, 2), st.lists(report, max_size=4)), max_size=6)
SESSIONS = """
SELECT user_id, (started_at AT TIME ZONE 'UTC')::date AS day, measures
FROM playback_sessions_named WHERE video_id = %s AND measures IS NOT NULL
"""


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=batches, folds=st.sets(st.integers(0, 5)))
async def test_whatever_is_reported_the_sums_equal_a_recount(
    batches: Any, folds: set[int], database: Database, library: Any, reporting: Reporting
) -> None:
    """Sums are counted from the rows of sessions here, by other code than that of the service."""
    video = await library.video(duration_s=12.0)
    reporting.day = 0
    for place, (days, reports) in enumerate(batches):
        reporting.day = max(reporting.day, days)
        await asyncio.gather(*(_send(reporting, video, dict(one)) for one in reports))
        if place in folds:
            await settle(database)

    found = await groups(database, video)
    rows = await database.fetch_all(SESSIONS, (str(video),))
    assert _counted(found, None) == {None: _count(rows)}
    assert _counted(found, "day") == {
        day: _count([row for row in rows if row.day == day]) for day in {row.day for row in rows}
    }
    devices = {row.measures["device"] for row in rows}
    assert _counted(found, "device") == {
        device: _count([row for row in rows if row.measures["device"] == device])
        for device in devices
    }
    compared = await count_anew(database, video, is_repairing=False, sessions_kept_since=BEGINNING)
    assert compared is not None
    assert compared.differing == ()


async def _send(reporting: Reporting, video: UUID, said: dict[str, Any]) -> Any:
    return await reporting.report(video, said.pop("user_id"), *said.pop("watched"), **said)


def _counted(found: dict[Any, Any], grouping: str | None) -> dict[Any, Any]:
    return {
        value: (viewers, summed.sessions, summed.stalls, summed.stalled_ms, summed.played_ms,
                summed.dropped_frames, summed.startups, summed.startup_ms, summed.errors)
        for (name, value), (viewers, summed) in found.items()
        if name == grouping
    }  # fmt: skip


def _count(rows: list[Any]) -> tuple[int, ...]:
    def total(name: str) -> int:
        return sum(max(0, row.measures[name]) for row in rows)

    return (
        len({row.user_id for row in rows}),
        len(rows),
        total("stalls"),
        total("stalled_ms"),
        total("played_ms"),
        total("dropped_frames"),
        sum(row.measures["startup_ms"] >= 0 for row in rows),
        total("startup_ms"),
        sum(row.measures["has_error"] for row in rows),
    )


async def test_sessions_of_servers_of_the_version_before_go_on_and_count_as_before(
    database: Database, library: Any, reporting: Reporting
) -> None:
    """Until a rolling upgrade has ended new servers store by name, too; bob's last report came from
    one of before, which left out what it had not measured."""
    video = await library.video(duration_s=90.0)
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE viewing_upkeep SET sums_from = now() + interval '1 day'")
    for user in ("ada", "bob"):
        said = {"stalls": 1, "stalled_ms": 70, "bitrate": 8000.0}
        await reporting.report(video, user, (0.0, 4.0), quality=said)
    by_name = await database.fetch_all(FORMS)
    async with database.transaction() as transaction:
        await transaction.execute(STRIPPED)
    reporting.day = 2
    await reporting.report(video, "ada", (4.0, 9.0), quality={"stalls": 3, "stalled_ms": 90})

    compared = await count_anew(database, video, is_repairing=False, sessions_kept_since=BEGINNING)
    _, summed = (await groups(database))[None, None]

    assert [(one.user_id, one.sums, one.measures["stalls"]) for one in by_name] == [
        ("ada", None, 1),
        ("bob", None, 1),
    ]
    ada, bob = await database.fetch_all(FORMS)
    assert (ada.measures, bob.sums) == (None, None)
    assert bob.measures.keys() == BY_NAME
    assert summed == QualityFigures(
        sessions=2,
        starts=2,
        stalled_sessions=2,
        stalls=4,
        stalled_ms=160,
        played_ms=13_000,
        bitrate_ms=8000,
        bits=64_000,
    )
    assert compared is not None
    assert compared.differing == ()


FORMS = "SELECT user_id, sums, measures FROM playback_sessions ORDER BY user_id"
BY_NAME = {"stalls", "stalled_ms", "played_ms", "bitrate_ms", "bits", "last_stalls"}
BY_NAME |= {"last_stalled_ms", "moments"}
STRIPPED = """
UPDATE playback_sessions SET measures = (
    SELECT jsonb_object_agg(key, value) FROM jsonb_each(measures)
    WHERE value NOT IN ('0', '-1', 'false', '"other"', '"unknown"')
)
"""


async def test_viewers_of_small_groups_are_counted_once_each(
    database: Database, library: Any, reporting: Reporting
) -> None:
    """Ada and Bob on phones and in Safari, Ada on a tablet as well, five at their desks."""
    video = await library.video(duration_s=30.0)
    played = [("ada", "phone"), ("bob", "phone"), ("ada", "tablet")]
    played += [(f"user-{number}", "desktop") for number in range(5)]
    for place, (user, device) in enumerate(played):
        more = {"device": device, "session_id": f"session-{place}"}
        await reporting.report(video, user, quality={"stalls": 1}, **more)
    await settle(database)

    found = {
        (one.grouping, one.value): (one.viewers, one.few_viewers)
        for one in await quality.read_groups(database, "c1", EVER, 5)
    }

    assert found == {
        (None, None): (7, 0),
        ("day", today()): (7, 0),
        ("video_id", str(video)): (7, 0),
        ("device", "phone"): (2, 2),
        ("device", "tablet"): (1, 2),
        ("device", "desktop"): (5, 2),
        ("browser", "other"): (7, 0),
        ("network", "unknown"): (7, 0),
    }
