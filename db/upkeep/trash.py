"""Purges videos that were deleted too long ago to be restored, with their dependent rows."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Transaction

# SKIP LOCKED gives each video to one process. A worker that was processing the video when it was
# deleted would put files where they have just been removed; one that comes later finds no video.
TAKE = """
SELECT v.id, v.course_id FROM videos v
WHERE v.deleted_at <= %s
  AND NOT EXISTS (
      SELECT FROM procrastinate_jobs j WHERE j.lock = v.id::text AND j.status = 'doing')
ORDER BY v.deleted_at, v.id LIMIT 1 FOR UPDATE OF v SKIP LOCKED
"""

# A row for each session, or more. Cascading from the video, they would all go in one statement.
DETAILS = ("session_moments", "cmcd_sessions", "playback_session_names", "quality_days")

# Planned as if all were wanted, so by the index. A few rows of a video that many have watched would
# be looked for from the beginning of the table, each time behind all those that went before.
DELETE_SOME = """
WITH those AS MATERIALIZED (SELECT ctid FROM {table} WHERE video_id = %s)
DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM those LIMIT %s))
RETURNING 1
"""

DELETE_JOBS = "DELETE FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'"

DELETE_VERSION = "DELETE FROM video_versions WHERE video_id = %s"

DELETE_VIDEO = "DELETE FROM videos WHERE id = %s"


@dataclass(frozen=True, slots=True)
class TrashedVideo:
    id: UUID
    course_id: str


async def take_expired(transaction: Transaction, expired_at: datetime) -> TrashedVideo | None:
    """Lock one video that was deleted by then, until the transaction ends."""
    row = await transaction.fetch_one(TAKE, (expired_at,))
    return TrashedVideo(UUID(str(row.id)), row.course_id) if row else None


async def delete_details(transaction: Transaction, video_id: UUID, limit: int) -> int:
    """Delete up to `limit` rows of each kind of how it was played; returns their number."""
    return sum([await _delete_some(transaction, table, video_id, limit) for table in DETAILS])


async def delete_progress(transaction: Transaction, video_id: UUID, limit: int) -> int:
    """Delete progress and sessions of up to `limit` users; returns the number of users."""
    return await _delete_some(transaction, "progress", video_id, limit)


async def delete_video(transaction: Transaction, video_id: UUID) -> None:
    """Delete the video with the rows of its files and its waiting jobs; its viewers' rows first."""
    await transaction.execute(DELETE_JOBS, (str(video_id),))
    await transaction.execute(DELETE_VERSION, (str(video_id),))
    await transaction.execute(DELETE_VIDEO, (str(video_id),))


async def _delete_some(transaction: Transaction, table: str, video_id: UUID, limit: int) -> int:
    sql = DELETE_SOME.format(table=table)
    return len(await transaction.fetch_all(sql, (str(video_id), limit)))
