"""Switches modules between their two sources: the object in S3 and the local video.

A module keeps both references; only the active source switches.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from db.pool import Queries, Transaction

# NULL for the modules: all of them.
SWITCHABLE = """
SELECT m.object_id, array_agg(m.module_id ORDER BY m.module_id) AS module_ids
FROM s3_modules m JOIN s3_objects o ON o.id = m.object_id
WHERE m.taken_at IS NOT NULL AND m.is_local <> %(is_local)s
  AND (%(module_ids)s::text[] IS NULL OR m.module_id = ANY(%(module_ids)s::text[]))
  AND (%(bucket)s::text IS NULL OR o.bucket = %(bucket)s) AND starts_with(o.key, %(prefix)s)
GROUP BY m.object_id ORDER BY m.object_id
"""

SWITCH = """
WITH switched AS (
    UPDATE s3_modules SET is_local = %(is_local)s
    WHERE object_id = %(object_id)s AND module_id = ANY(%(module_ids)s)
      AND taken_at IS NOT NULL AND is_local <> %(is_local)s
    RETURNING module_id, video_id
)
SELECT t.module_id, v.id AS video_id
FROM switched t LEFT JOIN videos v ON v.id = t.video_id AND v.deleted_at IS NULL
ORDER BY t.module_id
"""


@dataclass(frozen=True, slots=True)
class SwitchedModule:
    """`video_id` is None where the video has been deleted."""

    module_id: str
    video_id: UUID | None


async def switchable(
    queries: Queries,
    *,
    is_local: bool,
    module_ids: Collection[str] | None = None,
    bucket: str | None = None,
    prefix: str = "",
) -> list[tuple[UUID, list[str]]]:
    """The taken modules whose active source is the other one, by object."""
    parameters = {
        "is_local": is_local,
        "module_ids": None if module_ids is None else list(module_ids),
        "bucket": bucket,
        "prefix": prefix,
    }
    rows = await queries.fetch_all(SWITCHABLE, parameters)
    return [(UUID(str(row.object_id)), row.module_ids) for row in rows]


async def switch(
    transaction: Transaction, object_id: UUID, module_ids: Sequence[str], *, is_local: bool
) -> list[SwitchedModule]:
    """Switch the active source; returns the modules for which that was a change."""
    parameters = {
        "is_local": is_local,
        "object_id": str(object_id),
        "module_ids": list(module_ids),
    }
    rows = await transaction.fetch_all(SWITCH, parameters)
    return [
        SwitchedModule(row.module_id, UUID(str(row.video_id)) if row.video_id else None)
        for row in rows
    ]
