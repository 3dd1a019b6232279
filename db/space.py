"""Storage quota: space reserved in steps ahead of the bytes, and the limit of a user's open
uploads.

Used space is the sum of all courses' totals (`db.insight.storage_totals`); reserved space is
granted to uploads in progress. Their sum never exceeds the quota, however many processes reserve at
once: one statement decides. Space granted ahead of received bytes is at most a quarter of the free
space, so that no client can take all of it by asking. A reservation that is not renewed expires, so
that a killed process returns its space. Free space on the disk is the business of `storage`: no
reservation is made of it.
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

STEP_BYTES = 64 * 1024 * 1024  # ahead of the bytes; less than this is reserved as a whole
LIFE_S = 900.0  # several times the silence that a sender is allowed
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
    """Count one more upload of the user, until its reservation is released or expires.

    `length_bytes` is 0 where it is unknown, `most_count` None for a user without a limit.
    Raises: TooManyUploads; QuotaReached if the upload could not complete even if no other did.
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
    """Reserve between `needed_bytes` and `desired_bytes`; returns the total granted.

    Needed bytes have arrived or are certain to. A repeated call extends size and lifetime; running
    twice does no harm.
    Raises: QuotaReached, also for an upload that has ended.
    """
    row = await queries.fetch_one(
        RESERVE, (upload_id, needed_bytes, desired_bytes, quota_bytes, life_s)
    )
    if row is None or row.granted_bytes is None:
        raise QuotaReached
    granted: int = row.granted_bytes
    return granted


async def release(queries: Queries, upload_id: UUID) -> None:
    """Delete the reservation; the space goes to the video if the same transaction inserts it."""
    await queries.fetch_all(RELEASE, (upload_id,))


async def read_used_bytes(queries: Queries) -> int:
    """The bytes of all published files."""
    row = await queries.fetch_one(USED)
    assert row is not None
    return int(row.used_bytes)


class Reservation:
    """The reservation of one upload in progress, extended a step ahead of its bytes.

    `open_reservation` releases its own; a caller that constructs one releases it.
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
        """Reserve space for `size_bytes` and renew the lifetime; queries only when one is due.

        Raises: QuotaReached, DatabaseError.
        """
        if size_bytes > self._granted_bytes:
            await self._reserve(size_bytes, max(desired_bytes, size_bytes))
        elif self._clock() >= self._renew_at_s:
            await self._renew()

    async def cover_step(self, size_bytes: int) -> None:
        """Like `cover`, up to 64 MiB ahead of the bytes."""
        await self.cover(size_bytes, min(size_bytes + STEP_BYTES, self._most_bytes))

    async def _renew(self) -> None:
        try:
            await self._reserve(self._needed_bytes, self._granted_bytes)
        except (DatabaseUnavailable, DatabaseTimeout):
            # An upload of hours survives a short outage of the database.
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
    """A reservation for an upload of at most `most_bytes`, released however the block ends."""
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
        logger.warning("space of an upload stays reserved until it expires: %s", exc)
