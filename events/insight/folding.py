"""Folding: adds the changes of reports to the figures, and counts videos that never were.

Any process may do it, one at a time; whoever reads the figures folds first, so they are exact. A
recount reads progress and changes at one moment: it adds all changes that it can see, so what it
then counts is the same, and changes that commit later come on top.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import TypeVar
from uuid import UUID

from db.errors import ConcurrentUpdate
from db.insight import changes, quality, recount, rollups
from db.insight.recount import Upkeep
from db.insight.rollups import Curve, Day
from db.pool import Database, Transaction
from events.errors import OUTAGES, FiguresNotReady
from events.insight.addition import Sums
from events.insight.comparison import Comparison, compare
from events.insight.quality import sum_up_quality
from storage.concurrency.tasks import Periodic

_T = TypeVar("_T")

COMMITS_AT_ONCE = 100
ATTEMPTS = 5
INTERVAL_S = 15.0
VIDEOS_AT_ONCE = 200
COUNTING_S = 3.0  # for a reader; the rest is counted in the background


def folding(database: Database, interval_s: float = INTERVAL_S) -> Periodic:
    """Returns the periodic task that keeps what waits small, and counts what never was."""

    async def look() -> None:
        await settle(database)
        while await count_some(database):
            pass
        while await sum_up_quality(database):
            pass

    return Periodic("viewing figures", look, interval_s, OUTAGES)


async def settle(database: Database) -> None:
    """Adds all changes that are committed by now. Raises: DatabaseError."""
    is_behind = await changes.is_any_waiting(database)
    while is_behind:
        is_behind = await _repeated(lambda: _settle_some(database))


async def _settle_some(database: Database) -> bool:
    """Returns True where there may be more."""
    async with database.transaction() as transaction:
        await rollups.lock(transaction)
        return await _fold(transaction) == COMMITS_AT_ONCE


async def _repeated(count: Callable[[], Awaitable[_T]]) -> _T:
    """Counts again where a video that figures refer to has changed since the transaction's moment,
    as when its film was replaced."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ConcurrentUpdate):
            return await count()
    return await count()


async def fold_all(transaction: Transaction) -> None:
    """Adds all changes that the transaction sees; it holds the lock of the figures."""
    while await _fold(transaction):
        pass


async def settle_course(database: Database, course_id: str) -> None:
    """Brings the figures of a course up to date, uncounted progress included.

    Raises: FiguresNotReady when that takes too long, DatabaseError.
    """
    await settle(database)
    until_s = time.monotonic() + COUNTING_S
    for video_id in await recount.list_uncounted_of_course(database, course_id):
        if time.monotonic() > until_s:
            raise FiguresNotReady
        await count_anew(database, video_id)


async def settle_all(database: Database) -> None:
    """Brings the figures of all courses up to date. Raises: as `settle_course`."""
    await settle(database)
    until_s = time.monotonic() + COUNTING_S
    while await count_some(database):
        if time.monotonic() > until_s:
            raise FiguresNotReady


async def count_anew(
    database: Database,
    video_id: UUID,
    *,
    is_repairing: bool = True,
    sessions_kept_since: date | None = None,
) -> Comparison | None:
    """Compares a video's figures with a recount, and corrects them; None without such a video.

    `is_repairing` false: figures that differ are left as they are.
    """
    return await _repeated(
        lambda: _count_anew(database, video_id, is_repairing, sessions_kept_since)
    )


async def _count_anew(
    database: Database, video_id: UUID, is_repairing: bool, sessions_kept_since: date | None
) -> Comparison | None:
    async with database.transaction() as transaction:
        await rollups.lock(transaction)
        await fold_all(transaction)
        found = await compare(transaction, video_id, sessions_kept_since)
        if found is not None and is_repairing:
            await rollups.replace_days(transaction, found.course_id, video_id, found.days)
            await rollups.write_curves(transaction, [found.curve])
            if found.quality is not None:
                days = found.quality
                await quality.replace_days(transaction, video_id, days.since, days.days)
        return found


async def count_some(database: Database) -> bool:
    """Counts some of the videos that were watched before there were figures, or whose duration
    has changed; False when none is left."""
    changed = await recount.list_uncounted(database, VIDEOS_AT_ONCE)
    for video_id in changed:
        await count_anew(database, video_id)
    upkeep = await recount.read_upkeep(database)
    if not upkeep.are_all_counted:
        await _count_next(database, upkeep.counted_to)
    return bool(changed) or not upkeep.are_all_counted


async def _count_next(database: Database, after: UUID) -> None:
    videos = await recount.list_next_videos(database, after, VIDEOS_AT_ONCE)
    for video_id, has_viewing in videos:
        if has_viewing:
            await count_anew(database, video_id)
    reached = Upkeep(videos[-1][0] if videos else after, not videos)
    async with database.transaction() as transaction:
        await recount.advance(transaction, reached)


async def _fold(transaction: Transaction) -> int:
    """Adds the changes of some commits; returns their number."""
    taken = await changes.take(transaction, COMMITS_AT_ONCE)
    sums = Sums()
    for commit in taken:
        sums.add(commit)
        await asyncio.sleep(0)
    facts = await rollups.read_facts(transaction, sums.video_ids)
    if facts:
        numbers = await rollups.number_viewers(transaction, sums.viewers_of(facts))
        days: Sequence[tuple[UUID, Day]] = sums.numbered_days(facts, numbers)
        course_ids = [facts[video_id].course_id for video_id, _ in days]
        await rollups.add_days(transaction, course_ids, days)
        curves: Sequence[Curve] = sums.curves(facts)
        await rollups.write_curves(transaction, curves)
        await quality.add(transaction, sums.numbered_qualities(facts, numbers))
    return len(taken)
