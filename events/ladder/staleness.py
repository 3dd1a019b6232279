"""Staleness of work on a ladder: whether its result is still wanted.

A deletion, another source and a changed setting give the ladder another `work_id`; whoever works
for the old one ends, and nothing of it is recorded.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db.media import ladders
from db.media.ladders import LadderRow
from db.pool import Database, Transaction
from db.videos import videos
from events.errors import NoLongerWanted


async def is_current(database: Database, ladder: LadderRow) -> bool:
    now = await ladders.get(database, ladder.video_id)
    return now is not None and _is_same_work(now, ladder)


@asynccontextmanager
async def lock_current(database: Database, ladder: LadderRow) -> AsyncIterator[Transaction]:
    """A transaction that holds the ladder of a video. Raises: NoLongerWanted."""
    async with database.transaction() as transaction:
        now = await ladders.lock(transaction, ladder.video_id)
        if now is None or not _is_same_work(now, ladder):
            raise NoLongerWanted
        if await videos.get(transaction, ladder.video_id) is None:
            raise NoLongerWanted
        yield transaction


def _is_same_work(now: LadderRow, then: LadderRow) -> bool:
    return now.work_id == then.work_id and now.state == then.state
