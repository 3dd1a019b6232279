"""Ends playback sessions whose reports stopped, as those of a killed browser do.

One of all processes looks at a time; each session is ended once.
"""

from datetime import datetime

from db.pool import Database
from db.processes import clock
from db.progress import sessions
from db.progress.sessions import SilentSession
from events.log import log
from events.log.types import PlaybackStopped
from events.turns import in_turns
from storage.concurrency.tasks import Periodic

PLAYING_S = 30.0
PAUSED_S = 30 * 60.0
INTERVAL_S = 2.0
TASK = "silence-watch"
BATCH = 1000


def silence_watch(database: Database, interval_s: float = INTERVAL_S) -> Periodic:
    """Returns the periodic task that ends silent sessions every `interval_s`."""

    async def look() -> None:
        await stop_silent_sessions(database, await clock.now(database))

    return in_turns(database, TASK, look, interval_s)


async def stop_silent_sessions(database: Database, now: datetime) -> int:
    """Ends the sessions that are silent at `now`; returns their number."""
    total = 0
    while True:
        async with database.transaction() as transaction:
            silent = await sessions.stop_silent(transaction, now, PLAYING_S, PAUSED_S, BATCH)
            if silent:
                await log.append(transaction, [_stopped(session, now) for session in silent])
        total += len(silent)
        if len(silent) < BATCH:
            return total


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
