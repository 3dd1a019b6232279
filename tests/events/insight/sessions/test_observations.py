"""Observations of viewers: kept for a while, stored where a stall was reported."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.errors import DatabaseError
from db.insight import moments
from db.pool import Database
from events.insight.sessions import observations
from events.insight.sessions.observations import WINDOW_S, WINDOWS, Observations
from tests.events.insight.conftest import Reporting

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def stored(database: Database) -> list[tuple[str, str]]:
    rows = await database.fetch_all("SELECT user_id, kind FROM session_moments ORDER BY id")
    return [(row.user_id, row.kind) for row in rows]


def test_windows_follow_each_other_and_the_oldest_are_forgotten() -> None:
    seen, viewer = Observations(), ("ada", uuid4(), "s")
    first = seen.window(viewer, NOW)

    assert seen.window(viewer, later(WINDOW_S - 1)) is first
    assert seen.window(viewer, later(WINDOW_S)) is not first
    for number in range(WINDOWS + 5):
        seen.window(viewer, later(WINDOW_S * (number + 2)))
    assert len(seen._windows.peek(viewer) or ()) == WINDOWS


def test_who_was_served_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "MOST_VIEWERS", 2)
    seen, video = Observations(), uuid4()
    for user in ("ada", "bob", "ada", "cleo"):
        seen.window((user, video, "s"), NOW)

    assert [user for user, *_ in seen._windows] == ["ada", "cleo"]


def test_refusals_are_bounded_and_those_that_repeat_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observations, "MOST_REFUSALS", 2)
    seen, video = Observations(), uuid4()
    for user in ("ada", "ada", "bob", "cleo", "ada"):
        seen.refuse((user, video, "s"), "ended")

    assert [user for (user, *_), _ in seen._refusals] == ["ada", "bob"]
    assert (seen.refusal_count, seen.dropped_count) == (2, 1)


async def test_windows_are_stored_once_where_a_stall_was_reported(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video, seen = await library.video(duration_s=30.0), Observations()
    for user in ("ada", "bob"):
        seen.window((user, video, "s"), NOW).client_s += 1
    await seen.store(database)
    await reporting.report(video, "ada", quality={"stalls": 1})
    await reporting.report(video, "bob", quality={"stalls": 0})
    for _ in range(2):
        await seen.store(database)

    assert await stored(database) == [("ada", "stalled"), ("ada", "served")]


async def test_stalls_reported_before_the_process_began_are_not_its_own(
    database: Database, library: Any, reporting: Reporting
) -> None:
    video, seen = await library.video(duration_s=30.0), Observations()
    await reporting.report(video, "ada", quality={"stalls": 1})
    seen.window(("ada", video, "s"), NOW)
    await seen.store(database)

    assert await stored(database) == [("ada", "stalled")]


async def test_what_could_not_be_stored_is_stored_later(
    database: Database, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, seen = await library.video(duration_s=30.0), Observations()
    seen.refuse(("ada", video, "s"), "rate-limited")

    async def fail(*_: Any) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(moments, "add", fail)
        with pytest.raises(DatabaseError):
            await seen.store(database)
    await seen.store(database)

    assert await stored(database) == [("ada", "refused")]


async def test_what_is_of_a_video_that_is_gone_is_dropped(database: Database) -> None:
    seen = Observations()
    seen.refuse(("ada", UUID(int=9), "s"), "not-found")
    await seen.store(database)

    assert await stored(database) == []
    assert seen._refusals == {}
