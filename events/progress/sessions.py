"""Ends playback sessions whose reports stopped, as those of a killed browser do.

Every process asks whether a slice of sessions is due, in one statement. A slice that is due is read
by one of them, and each session is ended once.
"""

from datetime import datetime

from db.pool import Database
from db.progress import silence
from db.progress.silence import SilentSession
from events.errors import OUTAGES
from events.log import log
from events.log.types import PlaybackStopped
from storage.concurrency.tasks import Periodic

INTERVAL_S = 2.0
BATCH = 2000


def silence_watch(database: Database, interval_s: float = INTERVAL_S) -> Periodic:
    """Returns the periodic task that ends silent sessions every `interval_s`."""

    async def look() -> None:
        now, is_due = await silence.look(database)
        if is_due:
            await stop_silent_sessions(database, now)

    return Periodic("silence watch", look, interval_s, OUTAGES)


async def stop_silent_sessions(database: Database, now: datetime) -> int:
    """Ends the sessions that are silent at `now`; returns their number."""
    total = 0
    while True:
        async with database.transaction() as transaction:
            slices = await silence.take_due(transaction, now, BATCH)
            if not slices:
                return total
            silent = await silence.stop_silent(transaction, now, slices)
            if silent:
                await log.append(transaction, [_stopped(session, now) for session in silent])
        total += len(silent)


def _stopped(session: SilentSession, now: datetime) -> PlaybackStopped:
    return PlaybackStopped(
        video_id=session.video_id,
        course_id=session.course_id,
        user_id=session.user_id,
        occurred_at=now,
        position_s=session.position_s,
        watched_ratio=session.watched_ratio,
        session_id=session.session_id,
    )
