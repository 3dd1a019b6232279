"""Figures kept with the reports: known answers, and equal to a recount after any reports."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.insight import changes, figures, recount, rollups
from db.insight.changes import ViewingChange
from db.pool import Database
from db.progress import progress
from events.erasure import Erasures
from events.errors import FiguresNotReady
from events.insight import folding, survey
from events.insight.addition import Sums
from events.insight.folding import count_anew, count_some, settle, settle_course
from events.privacy.pseudonyms import Pseudonyms
from events.privacy.seal import Seal
from events.privacy.sealed_people import SealedPeople
from events.progress import viewing
from events.progress.viewing import BatchViewing
from tests.events.insight.conftest import Reporting
from tests.events.insight.counting import (
    count_rows,
    counted_from_figures,
    read,
    read_curve,
)
from tests.harness.waiting import wait_until

DURATION_S = 12
SECRET = "a secret of at least thirty-two bytes"


def today() -> Any:
    return datetime.now(UTC).date()


async def test_two_viewers_on_two_days_are_counted_as_worked_out_by_hand(
    database: Database, library: Any, reporting: Reporting
) -> None:
    """ada sees 0 to 6 and, a day later, 4 to 10 of 10 s; bob sees 0 to 2, twice, on both days."""
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (0.0, 6.0))
    await reporting.report(video, "bob", (0.0, 2.0))
    reporting.day = 1
    await reporting.report(video, "ada", (4.0, 10.0), session_id="t")
    await reporting.report(video, "bob", (0.0, 2.0))

    found = await read(database, video)

    first, second = today(), today() + timedelta(days=1)
    assert found.total == figures.ViewingCounts(2, 3, 1200, 1)
    assert found.days == {
        first: figures.ViewingCounts(2, 2, 800, 0),
        second: figures.ViewingCounts(2, 1, 400, 1),
    }
    assert found.videos == {video: found.total}
    viewers, plays = await read_curve(database, video)
    assert viewers == [2, 2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert plays == [3, 3, 1, 1, 2, 2, 1, 1, 1, 1]


async def test_a_doubled_report_and_a_late_one_count_what_is_new_once(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (4.0, 8.0), sequence=5)
    await reporting.report(video, "ada", (4.0, 8.0), sequence=5)
    await reporting.report(video, "ada", (2.0, 6.0), sequence=4)

    assert (await read(database, video)).total == figures.ViewingCounts(1, 1, 600, 0)
    assert (await read_curve(database, video))[1] == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]


async def test_what_was_claimed_beyond_the_bound_is_in_no_figure(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=30.0)

    state = await reporting.report(video, "ada", (0.0, 30.0))

    assert state.is_capped
    assert (await read(database, video)).total.watched_cs == round(state.watched_s * 100)
    viewers, plays = await read_curve(database, video)
    assert viewers == plays == [1] * 10 + [0] * 20


async def test_who_watched_nothing_is_no_viewer_but_has_a_session(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video()
    await reporting.report(video, "ada", event="started")

    assert (await read(database, video)).total == figures.ViewingCounts(0, 1, 0, 0)


async def test_reports_cut_in_the_middle_of_a_step_play_it_once(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=3.0)
    for watched in ((0.0, 0.4), (0.4, 0.9), (0.9, 1.7), (1.7, 3.0)):
        await reporting.report(video, "ada", watched)

    assert await read_curve(database, video) == ([1, 1, 1], [1, 1, 1])


async def test_a_small_gap_that_is_closed_counts_as_played(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=2.0)
    await reporting.report(video, "ada", (0.0, 0.4), (0.6, 2.0))

    assert await read_curve(database, video) == ([1, 1], [1, 1])


async def test_five_hundred_viewers_in_one_batch_are_one_change(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=10.0)
    await asyncio.gather(
        *(reporting.report(video, f"u{n}", (n % 5, n % 5 + 2.0)) for n in range(500))
    )
    waiting = await database.fetch_all("SELECT FROM viewing_changes")

    assert len(waiting) <= 6
    assert (await read(database, video)).total == figures.ViewingCounts(500, 500, 100_000, 0)
    assert await read_curve(database, video) == ([100, 200, 200, 200, 200, 100, 0, 0, 0, 0],) * 2


async def test_viewers_of_several_courses_have_numbers_of_their_own(
    database: Database, library: Any, reporting: Reporting
) -> None:
    here, there = await library.video(), await library.video("c2")
    for video, user in ((there, "bob"), (here, "ada"), (there, "cleo"), (here, "bob")):
        await reporting.report(video, user, (0.0, 1.0))
    await settle(database)

    rows = await database.fetch_all("SELECT course_id, number FROM course_viewers ORDER BY 1, 2")
    assert [tuple(row) for row in rows] == [("c1", 0), ("c1", 1), ("c2", 0), ("c2", 1)]


async def test_thousands_of_viewers_are_numbered_within_a_statement_s_time(
    database: Database, library: Any
) -> None:
    await library.video()
    viewers = {("c1", f"u{number}") for number in range(20_000)}
    async with database.transaction() as transaction:
        first = await rollups.number_viewers(transaction, viewers)
        again = await rollups.number_viewers(transaction, viewers | {("c1", "zoe")})

    assert sorted(first.values()) == list(range(20_000))
    assert again == first | {("c1", "zoe"): 20_000}


async def test_several_processes_add_what_waits_only_once(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video()
    for n in range(20):
        await reporting.report(video, f"u{n}", (0.0, 2.0))

    await asyncio.gather(*(settle(database) for _ in range(4)))

    assert (await read(database, video)).total == figures.ViewingCounts(20, 20, 4000, 0)


async def test_a_reader_is_done_when_all_is_added_that_was_there(
    database: Database, library: Any, reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each addition of two commits finds another one waiting after it."""
    video = await library.video()
    for n in range(5):
        await reporting.report(video, f"u{n}", (0.0, 2.0))
    fold, folds = folding._fold, []

    async def fold_and_report(transaction: Any) -> int:
        folds.append(await fold(transaction))
        await reporting.report(video, f"later-{len(folds)}", (0.0, 2.0))
        return folds[-1]

    monkeypatch.setattr(folding, "COMMITS_AT_ONCE", 4)
    monkeypatch.setattr(folding, "_fold", fold_and_report)
    await settle(database)

    assert folds == [4, 2]
    assert await changes.is_any_waiting(database)


async def test_a_reader_waits_for_who_is_adding_and_sees_all_of_it(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video()
    await reporting.report(video, "ada", (0.0, 2.0))
    async with database.transaction() as transaction:
        await rollups.lock(transaction)
        reading = asyncio.create_task(read(database, video))
        await wait_until(
            lambda: database.fetch_one("SELECT pid FROM pg_locks WHERE NOT granted LIMIT 1")
        )
        assert not reading.done()
    assert (await reading).total.watched_cs == 200


async def test_changes_of_a_video_that_is_gone_are_dropped(
    database: Database, library: Any
) -> None:
    async with database.transaction() as transaction:
        await changes.add(transaction, [ViewingChange(uuid4(), "ada", today(), 100)])

    await settle(database)

    assert not await changes.is_any_waiting(database)
    assert await database.fetch_all("SELECT FROM viewing_days") == []


async def without_figures(database: Database, *videos: UUID) -> None:
    """As after an upgrade: there is progress, and the tables of figures are new."""
    await settle(database)
    async with database.transaction() as transaction:
        for table in ("viewing_days", "viewing_curves", "course_viewers"):
            await transaction.execute(f"DELETE FROM {table}")
        await transaction.execute("UPDATE viewing_upkeep SET are_all_counted = false")


async def test_progress_older_than_the_figures_is_counted_before_they_are_read(
    database: Database, library: Any, reporting: Reporting
) -> None:
    old, other, unwatched = [await library.video(duration_s=10.0) for _ in range(3)]
    for user in ("ada", "bob"):
        await reporting.report(old, user, (0.0, 9.0))
    await reporting.report(other, "ada", (0.0, 1.0))
    await without_figures(database)
    await reporting.report(old, "ada", (9.0, 10.0))

    await settle_course(database, "c1")

    assert (await read(database, old)).total == figures.ViewingCounts(2, 2, 1900, 2)
    assert (await read_curve(database, old))[0] == [2] * 9 + [1]
    assert (await read(database, other)).days == {today(): figures.ViewingCounts(1, 1, 100, 0)}
    assert await recount.list_uncounted_of_course(database, "c1") == []
    assert (await rollups.read_facts(database, [unwatched]))[unwatched].curve is None


async def test_the_background_counts_all_old_progress_once(
    database: Database, library: Any, reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "VIDEOS_AT_ONCE", 2)
    videos = [await library.video(duration_s=10.0) for _ in range(5)]
    for video in videos:
        await reporting.report(video, "ada", (0.0, 3.0))
    await without_figures(database)

    rounds = 0
    while await count_some(database):
        rounds += 1

    assert rounds == 4
    totals = [(await read(database, video)).total.watched_cs for video in videos]
    assert totals == [300] * 5
    assert (await recount.read_upkeep(database)).are_all_counted


async def test_figures_that_take_too_long_to_count_are_not_shown_half(
    database: Database, library: Any, reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "COUNTING_S", -1.0)
    await reporting.report(await library.video(), "ada", (0.0, 1.0))
    await without_figures(database)

    with pytest.raises(FiguresNotReady):
        await settle_course(database, "c1")


async def test_a_recount_puts_right_whatever_was_recorded_wrongly(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=10.0)
    for user in ("ada", "bob", "cleo"):
        await reporting.report(video, user, (0.0, 9.5))
    await settle(database)
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE viewing_days"
            " SET viewers = '1001', sessions = 1, watched_cs = 7, completions = 9"
        )
        await transaction.execute("UPDATE viewing_curves SET viewers[1] = 8, plays[2] = 0")

    seen = await count_anew(database, video, is_repairing=False)
    again = await count_anew(database, video)
    after = await count_anew(database, video)

    assert seen is not None
    assert again is not None
    assert after is not None
    assert seen.differing == again.differing
    assert seen.differing == ("viewers", "sessions", "watched", "completions", "retention")
    assert after.differing == ()
    assert await counted_from_figures(database, video) == await count_rows(database, video, 10)


@pytest.fixture
def erasures(database: Database) -> Erasures:
    return Erasures(database, Pseudonyms(SECRET), SealedPeople(Seal(SECRET)))


WAITING = """
SELECT count(*) AS count FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def waiting(database: Database) -> int:
    """Returns the number of connections that wait for a lock."""
    [row] = await database.fetch_all(WAITING)
    return int(row.count)


async def test_a_recount_while_a_person_is_erased_takes_them_for_no_other(
    database: Database, library: Any, reporting: Reporting, erasures: Erasures
) -> None:
    """It comes when all but the person's number in the course has another name, or waits."""
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (0.0, 8.0))
    await settle_course(database, "c1")

    async with database.transaction() as transaction:
        await transaction.fetch_all("SELECT FROM course_viewers FOR UPDATE")
        erasing = asyncio.create_task(erasures.erase("ada"))
        await wait_until(partial(waiting, database), lambda count: count == 1)
        counting = asyncio.create_task(count_anew(database, video))
        await wait_until(partial(waiting, database), lambda count: count == 2 or counting.done())
    await asyncio.gather(erasing, counting)

    found = await count_anew(database, video, is_repairing=False)
    assert found is not None
    assert found.differing == ()
    [viewer] = await database.fetch_all("SELECT number FROM course_viewers")
    assert viewer.number == 0


async def test_a_video_that_changes_while_figures_are_added_only_delays_them(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (0.0, 8.0))

    async with database.transaction() as changing:
        await changing.fetch_all("SELECT FROM videos FOR UPDATE")
        settling = asyncio.create_task(settle(database))
        await wait_until(partial(waiting, database), lambda count: count == 1)
        await changing.execute("UPDATE videos SET updated_at = now()")
    await settling

    assert (await read(database, video)).total.watched_cs == 800


async def test_a_person_is_erased_after_the_film_that_is_being_replaced(
    database: Database, library: Any, reporting: Reporting, erasures: Erasures
) -> None:
    """The video is locked before its viewers: in the other order each would wait for the other."""
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (0.0, 8.0))
    await settle_course(database, "c1")

    async with database.transaction() as replacing:
        await replacing.fetch_all("SELECT FROM videos FOR UPDATE")
        erasing = asyncio.create_task(erasures.erase("ada"))
        await wait_until(partial(waiting, database), lambda count: count == 1 or erasing.done())
        found = await replacing.fetch_all("SELECT user_id FROM progress FOR UPDATE NOWAIT")
    await erasing

    assert [row.user_id for row in found] == ["ada"]


ANOTHER_SESSION = """
INSERT INTO playback_sessions
SELECT (jsonb_populate_record(s, '{"session_id": "t"}')).* FROM playback_sessions s
"""


async def test_a_person_who_plays_is_erased_with_the_session_that_is_stored_meanwhile(
    database: Database, library: Any, reporting: Reporting, erasures: Erasures
) -> None:
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (0.0, 8.0))

    async with database.transaction() as storing:
        await storing.fetch_all("SELECT FROM progress FOR UPDATE")
        await storing.execute(ANOTHER_SESSION)
        erasing = asyncio.create_task(erasures.erase("ada"))
        await wait_until(partial(waiting, database), lambda count: count == 1)
    await erasing

    sessions = await database.fetch_all("SELECT DISTINCT user_id FROM playback_sessions")
    assert [row.user_id[:7] for row in sessions] == ["erased-"]


async def test_a_duration_that_changes_is_counted_anew(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (0.0, 8.0))
    await settle_course(database, "c1")
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE videos SET duration_s = 5")
        await transaction.execute("UPDATE progress SET watched = '{[0,5)}', watched_s = 5")
        await rollups.uncount(transaction, video)

    await settle_course(database, "c1")

    assert (await read(database, video)).total.watched_cs == 500
    assert await read_curve(database, video) == ([1] * 5, [1] * 5)


async def test_a_duration_that_changes_during_a_survey_is_no_fault(
    database: Database, library: Any, reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = await library.video(duration_s=10.0)
    await reporting.report(video, "ada", (0.0, 4.0))
    await settle_course(database, "c1")

    async def replace(_: Database) -> bool:
        async with database.transaction() as transaction:
            await transaction.execute("UPDATE videos SET duration_s = 5")
            await changes.add_duration(transaction, video, today())
        return False

    monkeypatch.setattr(survey, "count_some", replace)
    found = await survey.survey_figures(database, today(), is_repairing=False)

    assert found == []
    assert await read_curve(database, video) == ([1] * 4 + [0], [1] * 4 + [0])


async def test_a_duration_that_becomes_known_draws_the_curve(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video()
    async with database.transaction() as transaction:
        await transaction.execute("ALTER TABLE videos DROP CONSTRAINT IF EXISTS videos_check")
        await transaction.execute("UPDATE videos SET duration_s = NULL, status = 'announced'")
    await reporting.report(video, "ada", (0.0, 3.0))
    assert await read_curve(database, video) == ([], [])
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE videos SET duration_s = 4, status = 'ready'")

    await settle_course(database, "c1")

    assert await read_curve(database, video) == ([1, 1, 1, 0], [1, 1, 1, 0])


seconds = st.integers(0, DURATION_S * 20).map(lambda twentieths: twentieths / 20)
intervals = st.tuples(seconds, seconds).map(lambda pair: (min(pair), max(pair)))
report = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["ada", "bob", "cleo"]),
        "session_id": st.sampled_from(["s", "t"]),
        "sequence": st.integers(0, 6),
        "watched": st.lists(intervals, max_size=3).map(tuple),
        "event": st.sampled_from(["started", "progress", "paused", "stopped"]),
        "is_believed": st.booleans(),
    }
)
batches = st.lists(st.tuples(st.integers(0, 2), st.lists(report, max_size=4)), max_size=6)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=batches, folds=st.sets(st.integers(0, 5)))
async def test_whatever_is_reported_the_figures_equal_a_recount(
    batches: Any, folds: set[int], database: Database, library: Any, reporting: Reporting
) -> None:
    """Late, doubled and capped reports of several users and sessions, on several days at once."""
    video = await library.video(duration_s=float(DURATION_S))
    reporting.day = 0
    for place, (days, reports) in enumerate(batches):
        reporting.day = max(reporting.day, days)
        await asyncio.gather(*(_send(reporting, video, dict(one)) for one in reports))
        if place in folds:
            await settle(database)

    if not any(reports for _, reports in batches):
        return
    assert await counted_from_figures(database, video) == await count_rows(
        database, video, DURATION_S
    )
    compared = await count_anew(database, video, is_repairing=False)
    assert compared is not None
    assert compared.differing == ()


async def _send(reporting: Reporting, video: UUID, said: dict[str, Any]) -> Any:
    return await reporting.report(video, said.pop("user_id"), *said.pop("watched"), **said)


measured = st.lists(
    st.tuples(st.integers(0, 1), st.lists(st.tuples(report, st.booleans()), max_size=4)),
    max_size=8,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=measured)
async def test_days_have_the_viewers_that_they_have_without_joined_changes(
    batches: Any,
    database: Database,
    library: Any,
    reporting: Reporting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video, unjoined, joined = await library.video(duration_s=float(DURATION_S)), Sums(), Sums()

    def changes_both_ways(*merged: Any) -> Any:
        with monkeypatch.context() as apart:
            apart.setattr(BatchViewing, "can_be_joined", lambda *_: False)
            unjoined.add(changes_of_batch(*merged))
        found = changes_of_batch(*merged)
        joined.add(found)
        return found

    changes_of_batch = viewing.changes
    reporting.day = 0
    with monkeypatch.context() as patched:
        patched.setattr(viewing, "changes", changes_both_ways)
        for days, reports in batches:
            reporting.day += days
            await asyncio.gather(
                *(
                    _send(
                        reporting, video, one | {"quality": {"stalls": 0} if is_measured else None}
                    )
                    for one, is_measured in reports
                )
            )

    assert (
        joined.viewers.items()
        >= {key: users for key, users in unjoined.viewers.items() if users}.items()
    )
    assert joined.days == unjoined.days
    assert _sorted(joined.pieces) == _sorted(unjoined.pieces)
    compared = await count_anew(database, video, is_repairing=False)
    assert compared is not None
    assert compared.differing == ()


def _sorted(pieces: Any) -> Any:
    return {
        video_id: [sorted(each) for each in (one.gained, one.lost, one.plays)]
        for video_id, one in pieces.items()
        if one.gained or one.lost or one.plays
    }


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(reports=st.lists(report, max_size=8))
async def test_plays_are_the_passes_of_new_reports_and_what_late_ones_add(
    reports: Any, database: Database, library: Any, reporting: Reporting
) -> None:
    video = await library.video(duration_s=float(DURATION_S))
    newest: dict[Any, int] = {}
    expected: Counter[int] = Counter()
    for said in reports:
        one = dict(said, is_believed=True)
        session = one["user_id"], one["session_id"]
        before = await _seen(database, video, one["user_id"])
        state = await _send(reporting, video, dict(one))
        is_new = one["sequence"] > newest.get(session, -1)
        newest[session] = max(one["sequence"], newest.get(session, -1))
        played = _middles(one["watched"]) if is_new else set()
        expected.update(played | (_middles(state.watched) - before))

    if not reports:
        return
    _, plays = await read_curve(database, video)
    assert plays == [expected[second] for second in range(DURATION_S)]


async def _seen(database: Database, video: UUID, user_id: str) -> set[int]:
    state = await progress.get(database, user_id, video)
    return _middles(state.watched) if state else set()


def _middles(watched: Any) -> set[int]:
    return {
        second
        for second in range(DURATION_S)
        if any(start <= second + 0.5 < stop for start, stop in watched)
    }
