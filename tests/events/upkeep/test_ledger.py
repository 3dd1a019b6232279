"""The ledger: bytes are collected and written, none lost, none counted twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from db.errors import CommitUnknown, DatabaseUnavailable
from db.pool import Database, Transaction
from db.upkeep.bytes_served import Account
from events.upkeep import ledger as ledger_module
from events.upkeep.ledger import NO_USER, NO_VIDEO, Ledger, LedgerWriter
from tests.handlers.support.outage import no_database

DAY = date(2026, 11, 22)
VIDEO, OTHER = UUID(int=1), UUID(int=2)


@dataclass(eq=False)
class Sent:
    """A fake transfer."""

    sent_bytes: int = 0
    user_id: str = "ada"
    course_id: str = "c1"
    video_id: UUID = VIDEO
    purpose: str = "stream"


class Running(list[Sent]):
    """Running transfers; those sent at once call `settle`."""

    def __init__(self, *args: list[Sent], settle: Callable[[], None] = lambda: None) -> None:
        super().__init__(*args)
        self._settle = settle

    def settle(self) -> None:
        self._settle()


@dataclass
class Calendar:
    day: date = DAY

    def today(self) -> date:
        return self.day


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def ledger(calendar: Calendar) -> Ledger:
    return Ledger(today=calendar.today)


def account(
    user_id: str = "ada", video_id: UUID = VIDEO, day: date = DAY, purpose: str = "stream"
) -> Account:
    return Account(day, "c1", video_id, user_id, purpose)


def held(ledger: Ledger) -> dict[Account, int]:
    return ledger.take(len(ledger))


class TestGathering:
    def test_bytes_of_one_account_are_added_up(self, ledger: Ledger) -> None:
        for size_bytes in (100, 23):
            ledger.add("ada", "c1", VIDEO, "stream", size_bytes)
        ledger.add("ada", "c1", VIDEO, "download", 5)
        ledger.add("ada", "c1", OTHER, "stream", 6)
        ledger.add("tess", "c1", VIDEO, "stream", 7)

        assert held(ledger) == {
            account(): 123,
            account(purpose="download"): 5,
            account(video_id=OTHER): 6,
            account("tess"): 7,
        }

    def test_nothing_sent_makes_no_account(self, ledger: Ledger) -> None:
        ledger.finish(Sent(0))

        assert len(ledger) == 0

    def test_a_running_transfer_is_counted_as_far_as_it_came(self, ledger: Ledger) -> None:
        transfer = Sent(100)
        ledger.harvest([transfer])
        assert held(ledger) == {account(): 100}
        ledger.harvest([transfer])
        assert held(ledger) == {}
        transfer.sent_bytes = 250
        ledger.harvest([transfer])
        assert held(ledger) == {account(): 150}
        transfer.sent_bytes = 260
        ledger.finish(transfer)
        assert held(ledger) == {account(): 10}

    def test_what_never_left_is_taken_off_again(self, ledger: Ledger) -> None:
        transfer = Sent(100)
        ledger.harvest([transfer])
        transfer.sent_bytes = 30
        ledger.finish(transfer)

        assert held(ledger) == {account(): 30}

    def test_transfers_that_are_over_are_forgotten(self, ledger: Ledger) -> None:
        transfers = [Sent(1) for _ in range(100)]
        ledger.harvest(transfers)
        for transfer in transfers:
            ledger.finish(transfer)

        assert ledger._counted == {}

    def test_a_day_ends_with_the_first_look_after_midnight(
        self, ledger: Ledger, calendar: Calendar
    ) -> None:
        transfer = Sent(100)
        calendar.day += timedelta(days=1)
        ledger.add("tess", "c1", VIDEO, "stream", 1)
        ledger.harvest([transfer])
        transfer.sent_bytes = 130
        ledger.finish(transfer)

        assert held(ledger) == {
            account("tess"): 1,
            account(): 100,
            account(day=calendar.day): 30,
        }

    def test_over_the_bound_new_ones_are_counted_by_course(self, calendar: Calendar) -> None:
        ledger = Ledger(max_accounts=10, today=calendar.today)
        for number in range(1000):
            ledger.add(f"user-{number}", f"c{number % 2}", VIDEO, "stream", 10)
        ledger.add("user-0", "c0", VIDEO, "stream", 1)
        found = held(ledger)

        assert len(found) == 12
        assert sum(found.values()) == 10_001
        assert found[Account(DAY, "c0", VIDEO, "user-0", "stream")] == 11
        assert found[Account(DAY, "c1", NO_VIDEO, NO_USER, "stream")] == 4950

    def test_is_handed_over_in_portions(self, ledger: Ledger) -> None:
        for number in range(5):
            ledger.add(f"user-{number}", "c1", VIDEO, "stream", 1)

        assert [user for _, _, _, user, _ in ledger.take(3)] == ["user-0", "user-1", "user-2"]
        assert [user for _, _, _, user, _ in ledger.take(3)] == ["user-3", "user-4"]


@pytest.fixture
def writer(database: Database, ledger: Ledger) -> LedgerWriter:
    return LedgerWriter(database, ledger, Running())


async def written(database: Database) -> dict[Account, int]:
    rows = await database.fetch_all("SELECT * FROM bytes_served")
    return {
        Account(
            row.day, row.course_id, UUID(str(row.video_id)), row.user_id, row.purpose
        ): row.bytes
        for row in rows
    }


async def total(database: Database) -> int:
    return sum((await written(database)).values())


class TestWriting:
    async def test_what_is_gathered_is_added_to_what_is_there(
        self, database: Database, ledger: Ledger, writer: LedgerWriter
    ) -> None:
        for size_bytes in (100, 23, -3):
            ledger.add("ada", "c1", VIDEO, "stream", size_bytes)
            ledger.add("tess", "c1", OTHER, "download", 1)
            await writer.flush()

        assert await written(database) == {
            account(): 120,
            account("tess", OTHER, purpose="download"): 3,
        }
        assert writer.waiting_count == 0

    async def test_of_running_transfers_is_written_what_they_sent(
        self, database: Database, ledger: Ledger
    ) -> None:
        transfer = Sent(100)
        writer = LedgerWriter(database, ledger, Running([transfer]))
        await writer.flush()
        assert await total(database) == 100
        transfer.sent_bytes = 3_000_000_000
        await writer.flush()
        assert await total(database) == 3_000_000_000

    async def test_what_was_sent_at_once_is_asked_for(
        self, database: Database, ledger: Ledger
    ) -> None:
        running = Running(settle=lambda: ledger.add("ada", "c1", VIDEO, "stream", 7))
        await LedgerWriter(database, ledger, running).flush()
        assert await total(database) == 7

    async def test_nothing_to_write_asks_nothing(
        self, database: Database, writer: LedgerWriter
    ) -> None:
        before = database.query_count
        await writer.flush()

        assert database.query_count == before

    async def test_a_thousand_users_are_one_statement(
        self, database: Database, ledger: Ledger, writer: LedgerWriter
    ) -> None:
        for number in range(1000):
            ledger.add(f"user-{number}", "c1", VIDEO, "stream", number + 1)
        before = database.query_count
        await writer.flush()

        assert database.query_count - before == 2  # COMMIT is one, too; BEGIN goes with the first
        assert await total(database) == 1000 * 1001 // 2

    async def test_more_than_a_batch_is_written_in_several(
        self,
        database: Database,
        ledger: Ledger,
        writer: LedgerWriter,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(ledger_module, "MAX_BATCH", 10)
        for number in range(25):
            ledger.add(f"user-{number}", "c1", VIDEO, "stream", 1)
        before = database.query_count
        await writer.flush()

        assert database.query_count - before == 3 * 2
        assert await total(database) == 25

    async def test_processes_add_to_the_same_rows(self, database: Database) -> None:
        ledgers = [Ledger(today=lambda: DAY) for _ in range(2)]
        writers = [LedgerWriter(database, one, Running()) for one in ledgers]
        for round_number in range(5):
            for one in ledgers:
                for number in range(50):
                    one.add(f"user-{(number * 7 + round_number) % 50}", "c1", VIDEO, "stream", 1)
            await asyncio.gather(*(one.flush() for one in writers))

        assert set((await written(database)).values()) == {10}


class TestFailing:
    @pytest.fixture
    def unsure(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """For each coming commit: whether it takes place before its connection is lost."""
        plan: list[bool] = []
        begin = Database.transaction

        @asynccontextmanager
        async def losing(self: Database) -> AsyncIterator[Transaction]:
            is_committed = plan.pop(0) if plan else None
            async with begin(self) as transaction:
                yield transaction
                if is_committed is False:
                    raise CommitUnknown
            if is_committed:
                raise CommitUnknown

        monkeypatch.setattr(Database, "transaction", losing)
        return plan

    @pytest.mark.parametrize("is_committed", [True, False])
    async def test_a_commit_without_an_answer_is_counted_once(
        self,
        database: Database,
        ledger: Ledger,
        writer: LedgerWriter,
        unsure: list[bool],
        is_committed: bool,
    ) -> None:
        unsure.append(is_committed)
        ledger.add("ada", "c1", VIDEO, "stream", 100)
        with pytest.raises(CommitUnknown):
            await writer.flush()
        ledger.add("ada", "c1", VIDEO, "stream", 11)
        assert (writer.waiting_count, writer.failure_count) == (2, 1)
        await writer.flush()

        assert await written(database) == {account(): 111}

    async def test_a_database_that_comes_back_gets_everything(
        self, database: Database, ledger: Ledger, writer: LedgerWriter, cluster: Any, dsn: str
    ) -> None:
        ledger.add("ada", "c1", VIDEO, "stream", 100)
        async with no_database(cluster, dsn):
            for number in range(3):
                ledger.add(f"user-{number}", "c1", VIDEO, "stream", 10)
                with pytest.raises(DatabaseUnavailable):
                    await writer.flush()
        await writer.flush()

        assert await total(database) == 130
        assert (writer.waiting_count, writer.lost_bytes) == (0, 0)

    async def test_what_the_database_refuses_is_reported_and_does_not_hold_the_rest(
        self,
        database: Database,
        ledger: Ledger,
        writer: LedgerWriter,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        ledger.add("a\0b", "c1", VIDEO, "stream", 100)
        await writer.flush()
        ledger.add("ada", "c1", VIDEO, "stream", 11)
        await writer.flush()

        assert writer.lost_bytes == 100
        assert "what was sent to 1 accounts is lost" in caplog.text
        assert await total(database) == 11


class TestStopping:
    async def test_writes_what_is_left(
        self, database: Database, ledger: Ledger, writer: LedgerWriter
    ) -> None:
        writer.start()
        ledger.add("ada", "c1", VIDEO, "stream", 100)
        await writer.stop()

        assert await total(database) == 100

    async def test_tells_what_could_not_be_written(
        self,
        ledger: Ledger,
        writer: LedgerWriter,
        cluster: Any,
        dsn: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        ledger.add("ada", "c1", VIDEO, "stream", 100)
        async with no_database(cluster, dsn):
            await writer.stop()

        assert "what was sent to 1 accounts is not written" in caplog.text

    async def test_waits_for_a_locked_table_no_longer_than_it_may(
        self,
        ledger: Ledger,
        writer: LedgerWriter,
        dsn: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(ledger_module, "STOP_TIMEOUT_S", 0.1)
        ledger.add("ada", "c1", VIDEO, "stream", 100)
        with closing(psycopg2.connect(dsn)) as other:
            other.cursor().execute("LOCK TABLE bytes_served")
            await writer.stop()

        assert "what was sent to 1 accounts is not written" in caplog.text
