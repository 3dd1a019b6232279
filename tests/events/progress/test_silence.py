"""Slices of open sessions: looks at what is due stop what looks at everything would stop."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db.pool import Database
from db.progress import report_batch, sessions, silence
from db.progress.report_batch import PlaybackState, ProgressChange, SessionChange
from events.log import log
from events.log.types import PlaybackStopped
from events.progress import sessions as watch
from events.progress.sessions import stop_silent_sessions
from tests.harness import logged
from tests.harness.waiting import wait_until

T0 = datetime(2025, 1, 1, tzinfo=UTC)

LIMITS = {"playing": timedelta(seconds=30), "paused": timedelta(minutes=30)}
OF_TWO_SLICES = f"""
SELECT session_id FROM (
    SELECT session_id, {silence.SLICE} AS slice,
        rank() OVER (PARTITION BY {silence.SLICE} ORDER BY session_id) AS place
    FROM (SELECT 'u' AS user_id, 's' || n AS session_id FROM generate_series(1, 2000) AS n) AS named
    WHERE {silence.SLICE} IN (3, 200)
) AS ranked
WHERE place <= 3 ORDER BY place, slice
"""
"""Three of each, in turns."""


class Killed(Exception):
    pass


@dataclass
class Model:
    """Sessions as they would be if each look were at all of them."""

    now: datetime = T0
    last: dict[str, tuple[PlaybackState, datetime]] = field(default_factory=dict)
    stops: list[tuple[str, datetime]] = field(default_factory=list)

    def look(self) -> None:
        for name, (state, at) in self.last.items():
            if state != "stopped" and at + LIMITS[state] < self.now:
                self.last[name] = ("stopped", at)
                self.stops.append((name, self.now))

    def count(self, state: PlaybackState) -> int:
        return sum(one == state for one, _ in self.last.values())


async def report(
    database: Database, video_id: UUID, name: str, state: PlaybackState, at: datetime
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO progress (user_id, video_id, course_id) VALUES ('u', %s, 'c1')"
            " ON CONFLICT DO NOTHING",
            (str(video_id),),
        )
        await report_batch.write(
            transaction,
            [ProgressChange("u", video_id, 1, at, name, "{}", at)],
            [SessionChange("u", video_id, name, 1, state, 1, 1, {}, at, at)],
            0.9,
        )


async def stops_after(database: Database, event_id: int) -> list[tuple[str, datetime]]:
    rows = await logged.read_after(database, event_id, 1000)
    return [
        (event.session_id, event.occurred_at)
        for _, event in log.read_rows(rows)
        if isinstance(event, PlaybackStopped)
    ]


async def newest_event(database: Database) -> int:
    [row] = await database.fetch_all("SELECT coalesce(max(id), 0) AS id FROM event_log")
    return int(row.id)


async def counted_in_slices(database: Database) -> dict[str, int]:
    [row] = await database.fetch_all(sessions.COUNTED_BEFORE)
    return {"playing": row.playing, "paused": row.paused}


async def look_and_be_killed(database: Database, now: datetime) -> None:
    """Ends at the commit of the first session that it stops; slices before are done."""

    async def fail(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "append", fail)
        with suppress(Killed):
            await stop_silent_sessions(database, now)


@pytest.fixture
async def names(database: Database) -> Sequence[str]:
    return [row.session_id for row in await database.fetch_all(OF_TWO_SLICES)]


@pytest.fixture(params=[1, 2000])
def _batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BATCH", request.param)


PLAYING, LOOK, WAIT = ("playing", 0), ("look", 0), ("wait", 9)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["playing", "paused", "stopped"]), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.sampled_from([2, 9, 25, 30, 31, 1790])),
        st.tuples(st.sampled_from(["look", "killed"]), st.just(0)),
        st.tuples(st.just("set back"), st.sampled_from([1, 20, 45, 3600])),
    ),
    max_size=40,
)


@pytest.mark.usefixtures("_batches")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
@example(steps=[WAIT, PLAYING, ("paused", 2), ("wait", 25), LOOK, WAIT, LOOK])
@example(steps=[PLAYING, LOOK, ("set back", 3600), ("playing", 0), LOOK, ("wait", 31), LOOK])
async def test_whatever_happens_what_is_stopped_is_what_a_look_at_all_stops(
    steps: Any, database: Database, library: Any, names: Sequence[str]
) -> None:
    video_id, model = await library.video(), Model()
    before = await newest_event(database)
    await database.fetch_all("DELETE FROM playback_sessions RETURNING 1")
    await stop_silent_sessions(database, T0)
    for step, value in steps:
        if step in LIMITS or step == "stopped":
            await report(database, video_id, names[value], step, model.now)
            model.last[names[value]] = (step, model.now)
            continue
        if step == "killed":
            await look_and_be_killed(database, model.now)
        model.now += timedelta(seconds={"wait": value, "set back": -value}.get(step, 0))
        if step != "wait":
            await stop_silent_sessions(database, model.now)
            model.look()
    model.now += silence.PLAYING_LIMIT
    await stop_silent_sessions(database, model.now)
    model.look()

    assert sorted(await stops_after(database, before)) == sorted(model.stops)
    expected = {state: model.count(state) for state in ("playing", "paused")}
    assert await counted_in_slices(database) == expected
    assert await sessions.count_open(database) == expected


async def test_a_slice_is_read_no_more_often_than_one_of_its_sessions_may_be_silent(
    database: Database, library: Any, names: Sequence[str]
) -> None:
    video_id = await library.video()
    await report(database, video_id, names[0], "playing", T0)

    async def due(after_s: float) -> bool:
        async with database.transaction() as transaction:
            now = T0 + timedelta(seconds=after_s)
            [row] = await transaction.fetch_all(
                f"SELECT {silence.SLICE} AS slice FROM playback_sessions"
            )
            return row.slice in await silence.take_due(transaction, now, 10_000)

    await stop_silent_sessions(database, T0 + timedelta(seconds=10))

    assert [await due(after_s) for after_s in (10, 20, 29.9, 30)] == [False, False, False, True]


async def test_a_session_that_is_being_revived_is_looked_at_again_in_the_next_turn(
    database: Database, library: Any, names: Sequence[str]
) -> None:
    await report(database, await library.video(), names[0], "playing", T0)
    late = T0 + timedelta(minutes=1)

    async with database.transaction() as reviving:
        await reviving.fetch_all("SELECT FROM playback_sessions FOR UPDATE")
        while_it_is = await stop_silent_sessions(database, late)
    afterwards = await stop_silent_sessions(database, late + timedelta(seconds=1))

    assert (while_it_is, afterwards) == (0, 1)


async def test_while_no_slice_is_due_a_look_is_one_statement(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    run = database.run

    async def note(connection: Any, sql: str, *parameters: Any) -> list[Any]:
        statements.append(sql)
        return await run(connection, sql, *parameters)

    now, _ = await silence.look(database)
    await stop_silent_sessions(database, now)
    monkeypatch.setattr(database, "run", note)
    watching = watch.silence_watch(database, interval_s=0.01)
    watching.start()
    await wait_until(lambda: len(statements) >= 5)
    await watching.stop()

    assert set(statements) == {silence.LOOK}


@pytest.mark.parametrize(
    ("due_at", "is_due"),
    [
        ("-infinity", True),
        ("now() - interval '1 ms'", True),
        ("now() + interval '29 s'", False),
        ("now() + interval '1 hour'", True),
    ],
)
async def test_a_look_finds_what_is_due_or_was_before_the_clock_was_set_back(
    database: Database, due_at: str, is_due: bool
) -> None:
    value = due_at if "now" in due_at else f"'{due_at}'"
    await database.fetch_all(
        "UPDATE silence_slices SET due_at = now() + interval '9 s' RETURNING 1"
    )
    await database.fetch_all(
        f"UPDATE silence_slices SET due_at = {value} WHERE slice = 3 RETURNING 1"
    )

    assert (await silence.look(database))[1] is is_due


async def test_no_slice_waits_for_another_process(database: Database) -> None:
    async with database.transaction() as ours, database.transaction() as theirs:
        taken = await silence.take_due(ours, T0, 10_000)

        assert (len(taken), await silence.take_due(theirs, T0, 10_000)) == (256, [])


async def test_as_many_slices_are_taken_as_have_that_many_sessions(database: Database) -> None:
    await database.fetch_all("UPDATE silence_slices SET playing = 90, paused = 10 RETURNING 1")
    async with database.transaction() as transaction:
        taken = [
            len(await silence.take_due(transaction, T0, most)) for most in (1, 100, 101, 10_000)
        ]

    assert taken == [1, 1, 2, 100]


async def test_many_open_sessions_are_counted_by_their_slices(
    database: Database, library: Any, names: Sequence[str]
) -> None:
    await report(database, await library.video(), names[0], "paused", T0)
    counted = []
    for count in (15, 25):
        await database.fetch_all(
            "UPDATE silence_slices SET playing = %s, paused = 1 RETURNING 1", (count,)
        )
        counted.append(await sessions.count_open(database))

    assert counted == [{"playing": 0, "paused": 1}, {"playing": 6400, "paused": 256}]
