"""Videos that were deleted longer ago than they can be restored, and what hangs on them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Transaction

# Skipping locked rows gives each video to one process. A worker that was at the video when it was
# deleted would put files where they have just been removed; one that comes later finds no video.
TAKE = """
SELECT v.id, v.course_id FROM videos v
WHERE v.deleted_at <= %s
  AND NOT EXISTS (
      SELECT FROM procrastinate_jobs j WHERE j.lock = v.id::text AND j.status = 'doing')
ORDER BY v.deleted_at, v.id LIMIT 1 FOR UPDATE OF v SKIP LOCKED
"""

DELETE_PROGRESS = """
DELETE FROM progress WHERE (user_id, video_id) IN (
    SELECT user_id, video_id FROM progress WHERE video_id = %s LIMIT %s
)
RETURNING 1
"""

DELETE_JOBS = "DELETE FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'"

DELETE_VIDEO = "DELETE FROM videos WHERE id = %s"


@dataclass(frozen=True, slots=True)
class TrashedVideo:
    id: UUID
    course_id: str


async def take_expired(transaction: Transaction, expired_at: datetime) -> TrashedVideo | None:
    """One that was deleted by then, locked until the transaction ends."""
    row = await transaction.fetch_one(TAKE, (expired_at,))
    return TrashedVideo(UUID(str(row.id)), row.course_id) if row else None


async def delete_progress(transaction: Transaction, video_id: UUID, limit: int) -> int:
    """How many users' progress in it went, with their playbacks."""
    return len(await transaction.fetch_all(DELETE_PROGRESS, (str(video_id), limit)))


async def delete_video(transaction: Transaction, video_id: UUID) -> None:
    """Its files' rows and waiting jobs go with it."""
    await transaction.execute(DELETE_JOBS, (str(video_id),))
    await transaction.execute(DELETE_VIDEO, (str(video_id),))
