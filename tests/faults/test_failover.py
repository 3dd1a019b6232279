"""A fail-over of PostgreSQL to its standby, with and without commits that it had not received."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from psycopg2.extensions import parse_dsn

from db.errors import DatabaseError, DatabaseUnavailable
from db.log import event_log
from db.pool import Database, open_database
from db.postgres.server_state import read_server_state
from db.writable_host import split_hosts
from events.log import log
from events.log.emitter import Emitter
from events.log.log import Tail
from events.log.types import Event, VideoProcessing
from events.stream.missed_events import Replay
from events.stream.visibility import Filters, Scope, Viewpoint
from tests.harness.waiting import wait_until
from tests.service.failing_over import Failover, failover

VIDEO = UUID("00000000-0000-4000-8000-000000000001")
AGAIN_WITHIN_S = 5.0  # the contract's


@pytest.fixture
def pair(made_cluster: Path) -> Iterator[Failover]:
    """In a short path: the sockets keep their places when a server starts again."""
    with (
        tempfile.TemporaryDirectory(prefix="pair-", dir="/tmp") as directory,
        failover(Path(directory), made_cluster) as made,
    ):
        yield made


async def append(database: Database) -> int:
    event = VideoProcessing(
        video_id=VIDEO,
        course_id="c1",
        user_id="u1",
        occurred_at=datetime.now(UTC),
        processing_ratio=0.5,
    )
    async with database.transaction() as transaction:
        [event_id] = await log.append(transaction, [event])
    return event_id


async def append_again(database: Database) -> int:
    """The first one after the fail-over, within the contract's time."""
    started_s = time.monotonic()
    while True:
        try:
            return await append(database)
        except DatabaseError:
            assert time.monotonic() - started_s < AGAIN_WITHIN_S
            await asyncio.sleep(0.05)


class Followed:
    """A process that follows the log."""

    def __init__(self, database: Database, dsn: str) -> None:
        self.heard: list[int] = []
        self.recovered: list[int | None] = []
        emitter = Emitter()
        emitter.subscribe(Event, lambda event_id, _: self.heard.append(event_id))
        self.tail = Tail(database, dsn, emitter, self._deliver, self._recover)

    async def _deliver(self) -> None:
        """Nobody listens to it."""

    async def _recover(self, lost_from_id: int | None) -> None:
        self.recovered.append(lost_from_id)

    async def until_heard(self, event_id: int) -> None:
        await wait_until(lambda: event_id in self.heard, within_s=20)


async def test_ids_that_were_lost_never_return_and_streams_that_saw_them_are_reset(
    pair: Failover,
) -> None:
    async with open_database(pair.dsn, size=2) as database:
        process = Followed(database, pair.dsn)
        await process.tail.start()
        try:
            kept = [await append(database) for _ in range(3)]
            await asyncio.to_thread(pair.wait_until_equal)
            await asyncio.to_thread(pair.stop_standby)
            lost = [await append(database) for _ in range(2)]
            await process.until_heard(lost[-1])

            await asyncio.to_thread(pair.promote)
            new = await append_again(database)
            await process.until_heard(new)

            assert process.recovered in ([kept[-1]], [lost[-1]])  # before or after the new one
            assert new > lost[-1] + 10**9
            assert new < 2**53, "a number in JavaScript"
            assert process.heard == [*kept, *lost, new]
            viewpoint = Viewpoint(Scope(user_id="root", is_privileged=True), Filters())
            replay = Replay(database, viewpoint)
            starts = {one: (await replay.start(one, new)).is_reset for one in (*kept, *lost, new)}
            assert starts == dict.fromkeys([*kept, new], False) | dict.fromkeys(lost, True)
        finally:
            await process.tail.stop()


async def test_promise_of_replication_is_known(pair: Failover) -> None:
    async with open_database(pair.dsn, size=1) as database:
        assert (await read_server_state(database)).may_lose_commits

        await asyncio.to_thread(pair.make_synchronous)

        async def may_lose() -> bool:
            return (await read_server_state(database)).may_lose_commits

        await wait_until(may_lose, lambda seen: not seen, within_s=10)


async def test_fail_over_that_lost_nothing_resets_nothing(pair: Failover) -> None:
    async with open_database(pair.dsn, size=2) as database:
        process = Followed(database, pair.dsn)
        await process.tail.start()
        try:
            kept = [await append(database) for _ in range(3)]
            await process.until_heard(kept[-1])
            await asyncio.to_thread(pair.wait_until_equal)

            await asyncio.to_thread(pair.promote)
            new = await append_again(database)
            await process.until_heard(new)

            assert process.recovered == [None]
            assert process.heard == [*kept, new]
            assert (await event_log.read_bounds(database)).newest_id == new
        finally:
            await process.tail.stop()


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        pytest.param("host=a dbname=d", [("a", None)], id="one"),
        pytest.param("postgresql://u@a,b/d", [("a", "5432"), ("b", "5432")], id="without ports"),
        pytest.param("postgresql://u@a:1,b:2/d", [("a", "1"), ("b", "2")], id="a port each"),
        pytest.param("host=a,b port=7", [("a", "7"), ("b", "7")], id="one port for all"),
        pytest.param(
            "postgresql://u@/d?host=a%2Cb&port=7", [("a", "7"), ("b", "7")], id="encoded comma"
        ),
        pytest.param("hostaddr=1,2 port=7,8", [("1", "7"), ("2", "8")], id="addresses"),
        pytest.param("host=a,b hostaddr=1,2", [("a", "5432"), ("b", "5432")], id="both"),
    ],
)
def test_dsn_of_each_host(dsn: str, hosts: list[tuple[str, str | None]]) -> None:
    found = [parse_dsn(one) for one in split_hosts(dsn)]

    assert [(one.get("host", one.get("hostaddr")), one.get("port")) for one in found] == hosts


def test_each_host_keeps_its_address() -> None:
    found = [parse_dsn(one)["hostaddr"] for one in split_hosts("host=a,b hostaddr=1,2")]

    assert found == ["1", "2"]


async def test_none_of_several_hosts_says_why(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with pytest.raises(DatabaseUnavailable) as caught:
        async with open_database(f"postgresql:///d?host={one}%2C{other}"):
            pass

    assert f'"{one}/' in str(caught.value)
    assert f'"{other}/' in str(caught.value)
