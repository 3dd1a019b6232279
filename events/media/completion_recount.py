"""Recount of completions when the duration of a video becomes known, or changes with its film."""

from datetime import UTC, datetime

from db.pool import Transaction
from db.progress import recount
from db.videos.video import Video
from events.log.types import PlaybackCompleted


async def recount_completions(
    transaction: Transaction, video: Video, completion_ratio: float, *, cuts_watched: bool
) -> list[PlaybackCompleted]:
    """Judges all viewers by the present duration; the events are for the caller to append.

    `cuts_watched`: what lies beyond the duration is forgotten, otherwise it only does not count.
    """
    found = await recount.recount(
        transaction, video.id, completion_ratio, cuts_watched=cuts_watched
    )
    return [
        PlaybackCompleted(
            video_id=video.id,
            course_id=video.course_id,
            user_id=one.user_id,
            occurred_at=datetime.now(UTC),
            position_s=one.position_s,
            watched_ratio=one.watched_ratio,
            session_id=one.session_id or "",
        )
        for one in found
    ]
