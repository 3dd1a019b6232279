from typing import Any

import pytest

from db.log import event_log
from db.pool import Database
from events.log.types import VideoReady
from events.stream.missed_events import Replay, Start
from events.stream.visibility import Filters, Scope, Viewpoint


@pytest.fixture
def replay(database: Database) -> Replay:
    return Replay(database, Viewpoint(Scope("admin", is_privileged=True), Filters()))


@pytest.fixture
async def ids(library: Any, happened: Any) -> list[int]:
    return await library.append(*(happened(VideoReady) for _ in range(5)))


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The newest ids that were searched for in the log."""
    found = []
    read_bounds = event_log.read_bounds

    async def search(database: Database) -> event_log.Bounds:
        bounds = await read_bounds(database)
        found.append(bounds.newest_id)
        return bounds

    monkeypatch.setattr(event_log, "read_bounds", search)
    return found


async def lose(database: Database, after_id: int, before_id: int) -> None:
    """As a fail-over does."""
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO database_timelines (timeline, last_id, first_id) VALUES (99, %s, %s)",
            (after_id, before_id),
        )


async def test_the_newest_id_is_searched_for_only_above_the_hubs_position(
    replay: Replay, ids: list[int], searches: list[int]
) -> None:
    assert await replay.start(ids[1], ids[2]) == Start(ids[1])
    assert await replay.start(ids[2], ids[2]) == Start(ids[2])
    assert searches == []

    assert await replay.start(ids[3], ids[2]) == Start(ids[3])
    assert searches == [ids[4]]


@pytest.mark.parametrize("position", [0, 3, 4], ids=["behind", "there", "newest"])
async def test_an_id_that_a_fail_over_lost_is_reset_wherever_the_hub_is(
    database: Database, replay: Replay, ids: list[int], position: int
) -> None:
    """The hub, too, may have published events that are lost, and go on from there."""
    await lose(database, ids[1], ids[4])

    assert await replay.start(ids[3], ids[position]) == Start(ids[4], is_reset=True)
    assert await replay.start(ids[1], ids[position]) == Start(ids[1])


async def test_a_hub_behind_what_was_dropped_resets_to_the_newest(
    database: Database, replay: Replay, ids: list[int]
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE event_log_retention SET dropped_id = %s", (ids[3],))

    assert await replay.start(ids[1], ids[1]) == Start(ids[4], is_reset=True)
