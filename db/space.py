"""Room in the storage quota, reserved in steps before bytes arrive; how many uploads a user has.

Used is what the rows of published files say; reserved is what uploads under way were promised.
The sum of both never passes the quota, however many processes reserve at once: one statement
decides. What was promised and no byte has come for is at most a quarter of what is free, so that
nobody takes all of it by asking. A reservation that nobody renews expires, so that a killed process
gives its room back. How much the disk itself has free is for storage to say: nothing is promised
of it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from db.errors import (
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    QuotaReached,
    TooManyUploads,
)
from db.pool import Database, Queries

logger = logging.getLogger(__name__)

STEP_BYTES = 64 * 1024 * 1024  # ahead of the bytes; what is smaller is reserved as a whole
LIFE_S = 900.0  # several times what a sender may be silent
RENEW_AFTER_S = LIFE_S / 3
RETRY_AFTER_S = 10.0  # while the database is away and the reservation still holds

RESERVE = "SELECT reserve_space(%s, %s, %s, %s, %s) AS granted_bytes"
OPEN = "SELECT open_upload(%s, %s, %s, %s, %s, %s) AS outcome"
RELEASE = "DELETE FROM space_reservations WHERE upload_id = %s RETURNING upload_id"
USED = "SELECT used_bytes::bigint FROM storage_used"

Clock = Callable[[], float]


async def open_upload(
    queries: Queries,
    upload_id: UUID,
    user_id: str,
    *,
    length_bytes: int,
    most_count: int | None,
    quota_bytes: int | None,
    life_s: float = LIFE_S,
) -> None:
    """Count one more upload of the user, until its room is released or expires.

    `length_bytes` is 0 where nobody knows it, `most_count` None for who may have any number.
    Raises: TooManyUploads; QuotaReached for what could not end if nobody else sent a byte.
    """
    row = await queries.fetch_one(
        OPEN, (upload_id, user_id, length_bytes, most_count, quota_bytes, life_s)
    )
    assert row is not None
    if row.outcome == "too-many":
        assert most_count is not None
        raise TooManyUploads(most_count)
    if row.outcome == "no-room":
        raise QuotaReached


async def reserve(
    queries: Queries,
    upload_id: UUID,
    *,
    needed_bytes: int,
    desired_bytes: int,
    quota_bytes: int | None,
    life_s: float = LIFE_S,
) -> int:
    """The bytes that the upload may have in all, from `needed_bytes` to `desired_bytes`.

    Needed is what has come, or is certain to. Asked again it grows and lives longer; running twice
    does no harm. Raises: QuotaReached, also for an upload that was ended.
    """
    row = await queries.fetch_one(
        RESERVE, (upload_id, needed_bytes, desired_bytes, quota_bytes, life_s)
    )
    if row is None or row.granted_bytes is None:
        raise QuotaReached
    granted: int = row.granted_bytes
    return granted


async def release(queries: Queries, upload_id: UUID) -> None:
    """Give the room back; in the transaction that makes the upload a video, to that video."""
    await queries.fetch_all(RELEASE, (upload_id,))


async def read_used_bytes(queries: Queries) -> int:
    """The bytes of all published files, as their rows tell."""
    row = await queries.fetch_one(USED)
    assert row is not None
    return int(row.used_bytes)


class Reservation:
    """The room of one upload under way, asked for a step ahead of its bytes.

    One made by `reserved` is given back there; whoever makes another one gives it back.
    """

    def __init__(
        self,
        database: Database,
        upload_id: UUID,
        quota_bytes: int | None,
        most_bytes: int,
        clock: Clock = time.monotonic,
        life_s: float = LIFE_S,
    ) -> None:
        self._database = database
        self._upload_id = upload_id
        self._quota_bytes = quota_bytes
        self._most_bytes = most_bytes
        self._clock = clock
        self._life_s = life_s
        self._needed_bytes = 0
        self._granted_bytes = -1
        self._renew_at_s = 0.0
        self._expires_at_s = 0.0

    async def cover(self, size_bytes: int, desired_bytes: int = 0) -> None:
        """Have room for an upload of `size_bytes`, and live on; a query only now and then.

        Raises: QuotaReached, DatabaseError.
        """
        if size_bytes > self._granted_bytes:
            await self._reserve(size_bytes, max(desired_bytes, size_bytes))
        elif self._clock() >= self._renew_at_s:
            await self._renew()

    async def cover_step(self, size_bytes: int) -> None:
        """As `cover`, 64 MiB ahead of the bytes at most."""
        await self.cover(size_bytes, min(size_bytes + STEP_BYTES, self._most_bytes))

    async def _renew(self) -> None:
        try:
            await self._reserve(self._needed_bytes, self._granted_bytes)
        except (DatabaseUnavailable, DatabaseTimeout):
            # Hours of upload are not worth a database that is away for a moment.
            if self._clock() >= self._expires_at_s:
                raise
            self._renew_at_s = self._clock() + RETRY_AFTER_S

    async def _reserve(self, needed_bytes: int, desired_bytes: int) -> None:
        asked_at_s = self._clock()
        self._needed_bytes = needed_bytes
        self._granted_bytes = await reserve(
            self._database,
            self._upload_id,
            needed_bytes=needed_bytes,
            desired_bytes=desired_bytes,
            quota_bytes=self._quota_bytes,
            life_s=self._life_s,
        )
        self._renew_at_s = asked_at_s + self._life_s / 3
        self._expires_at_s = asked_at_s + self._life_s


@asynccontextmanager
async def open_reservation(
    database: Database, upload_id: UUID, *, quota_bytes: int | None, most_bytes: int
) -> AsyncIterator[Reservation]:
    """Room for an upload of at most `most_bytes`; given back however the block ends."""
    try:
        yield Reservation(database, upload_id, quota_bytes, most_bytes)
    finally:
        giving_back = asyncio.ensure_future(_release_logged(database, upload_id))
        try:
            await asyncio.shield(giving_back)
        except asyncio.CancelledError:
            await asyncio.wait([giving_back])
            raise


async def _release_logged(database: Database, upload_id: UUID) -> None:
    try:
        await release(database, upload_id)
    except DatabaseError as exc:
        logger.warning("room of an upload is given back when it expires: %s", exc)
