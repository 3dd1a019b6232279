"""The ledger: bytes served per course, video and user, collected in memory, written in batches.

Exact to the byte: a running transfer adds what it sent since the last harvest, which may be
negative, and a batch whose commit is unconfirmed is sent again under its number, which the database
adds only once. A killed process loses at most one interval.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Protocol
from uuid import UUID, uuid4

from db.errors import DatabaseError, DatabaseTimeout, DatabaseUnavailable
from db.pool import Database
from db.upkeep import bytes_served
from db.upkeep.bytes_served import Account
from events.errors import OUTAGES
from storage.concurrency.tasks import Periodic

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
MAX_BATCH = 1_000
# More accounts than a process opens in an interval; about 15 MiB during a database outage.
MAX_ACCOUNTS = 50_000
STOP_TIMEOUT_S = 5.0
NO_VIDEO, NO_USER = UUID(int=0), ""


class Served(Protocol):
    """A transfer, running or ended; `sent_bytes` may decrease when it is aborted."""

    @property
    def user_id(self) -> str: ...
    @property
    def course_id(self) -> str: ...
    @property
    def video_id(self) -> UUID: ...
    @property
    def purpose(self) -> str: ...
    @property
    def sent_bytes(self) -> int: ...


def utc_today() -> date:
    return datetime.now(UTC).date()


class Ledger:
    """Sent bytes that are not written yet.

    Beyond `max_accounts`, new accounts are counted by course only, without video and user: no byte
    is lost, and the excess is bounded by the number of courses.
    """

    def __init__(
        self, max_accounts: int = MAX_ACCOUNTS, today: Callable[[], date] = utc_today
    ) -> None:
        self._max_accounts = max_accounts
        self._today = today
        self._day = today()
        self._amounts: dict[Account, int] = {}
        self._counted: dict[Served, int] = {}  # bytes of running transfers added so far

    def __len__(self) -> int:
        return len(self._amounts)

    def add(
        self, user_id: str, course_id: str, video_id: UUID, purpose: str, size_bytes: int
    ) -> None:
        if size_bytes == 0:
            return
        account = Account(self._day, course_id, video_id, user_id, purpose)
        before = self._amounts.get(account)
        if before is None and len(self._amounts) >= self._max_accounts:
            account = Account(self._day, course_id, NO_VIDEO, NO_USER, purpose)
            before = self._amounts.get(account)
        self._amounts[account] = (before or 0) + size_bytes

    def finish(self, transfer: Served) -> None:
        """Adds the remaining bytes of an ended transfer."""
        self._add_since(transfer, self._counted.pop(transfer, 0))

    def harvest(self, running: Iterable[Served]) -> None:
        """Adds the bytes that running transfers sent since the last harvest; then starts a new
        day if one has begun."""
        for transfer in running:
            self._add_since(transfer, self._counted.get(transfer, 0))
            self._counted[transfer] = transfer.sent_bytes
        self._day = self._today()

    def take(self, limit: int) -> dict[Account, int]:
        """Removes and returns at most `limit` accounts, oldest first."""
        taken = list(islice(self._amounts, limit))
        return {account: self._amounts.pop(account) for account in taken}

    def _add_since(self, transfer: Served, counted_bytes: int) -> None:
        self.add(
            transfer.user_id,
            transfer.course_id,
            transfer.video_id,
            transfer.purpose,
            transfer.sent_bytes - counted_bytes,
        )


class Running(Protocol):
    """The running transfers, iterated anew each time."""

    def __iter__(self) -> Iterator[Served]: ...

    def settle(self) -> None:
        """Adds bytes that belong to no transfer to the ledger."""
        ...


class LedgerWriter:
    """Writes the ledger every few seconds, and once more when it is stopped."""

    def __init__(self, database: Database, ledger: Ledger, running: Running) -> None:
        self.failure_count = 0
        self.lost_bytes = 0
        self._database = database
        self._ledger = ledger
        self._running = running
        self._writer_id = uuid4()
        self._batch: dict[Account, int] = {}
        self._batch_number = 0
        self._written_at_s = time.monotonic()
        self._periodic = Periodic("ledger", self.flush, INTERVAL_S, OUTAGES)

    @property
    def waiting_count(self) -> int:
        """Number of accounts with unwritten bytes."""
        return len(self._ledger) + len(self._batch)

    @property
    def unwritten_s(self) -> float:
        """Seconds since all was written: up to INTERVAL_S while all is well."""
        return time.monotonic() - self._written_at_s

    def start(self) -> None:
        self._periodic.start()

    async def stop(self) -> None:
        """Writes the rest. Call it after the last transfer has ended."""
        await self._periodic.stop()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.flush()
        except (TimeoutError, DatabaseError) as exc:
            logger.error("what was sent to %d accounts is not written: %s", self.waiting_count, exc)

    async def flush(self) -> None:
        """Writes all bytes sent so far.

        Raises: DatabaseUnavailable, DatabaseTimeout; the unwritten rest stays for the next flush.
        """
        self._running.settle()
        self._ledger.harvest(self._running)
        await self._write()
        for _ in range(0, len(self._ledger), MAX_BATCH):
            self._batch = self._ledger.take(MAX_BATCH)
            self._batch_number += 1
            await self._write()
        self._written_at_s = time.monotonic()

    async def _write(self) -> None:
        if not self._batch:
            return
        try:
            async with self._database.transaction() as transaction:
                await bytes_served.add(
                    transaction, self._writer_id, self._batch_number, self._batch
                )
        except (DatabaseUnavailable, DatabaseTimeout):
            self.failure_count += 1
            raise
        except DatabaseError:
            # A retry would always be refused, and block all later batches.
            self.lost_bytes += sum(self._batch.values())
            logger.exception("what was sent to %d accounts is lost", len(self._batch))
        self._batch = {}
