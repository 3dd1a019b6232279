"""Files of films that were replaced, which are to be removed."""

from dataclasses import dataclass
from uuid import UUID

from db.pool import Transaction

# A video whose worker may be placing a file of the same name again waits. The lock keeps others
# from naming one while it is removed; viewers' reports do not wait for it.
TAKE_VIDEO = """
SELECT v.id, v.course_id FROM videos v
WHERE v.id IN (
    SELECT video_id FROM replaced_files
    WHERE replaced_at < now() - make_interval(secs => %(seconds)s))
  AND NOT EXISTS (
    SELECT FROM procrastinate_jobs j
    WHERE j.lock IN (v.id::text, v.id || '/ladder') AND j.status = 'doing'
      AND j.task_name <> %(harmless_task)s)
LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""

DELETE = """
DELETE FROM replaced_files
WHERE video_id = %(video_id)s AND replaced_at < now() - make_interval(secs => %(seconds)s)
RETURNING file_name
"""


@dataclass(frozen=True, slots=True)
class ReplacedVideo:
    id: UUID
    course_id: str


async def take_video(
    transaction: Transaction, after_s: float, harmless_task: str
) -> ReplacedVideo | None:
    """Lock a video with files that were replaced that long ago, until the transaction ends.

    `harmless_task` may run meanwhile: it looks at its file again before naming it.
    """
    parameters = {"seconds": after_s, "harmless_task": harmless_task}
    row = await transaction.fetch_one(TAKE_VIDEO, parameters)
    return ReplacedVideo(UUID(str(row.id)), row.course_id) if row else None


async def delete(transaction: Transaction, video_id: UUID, after_s: float) -> list[str]:
    """Delete the rows; returns the files' names, some of which other rows may name again."""
    rows = await transaction.fetch_all(DELETE, {"video_id": video_id, "seconds": after_s})
    return [row.file_name for row in rows]
