"""Differences between uploads and what was made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from db.pool import Queries

# A copy that differs is not served; a conversion is made instead.
Made = Literal["copy", "conversion", "alternate"]
MADE: tuple[Made, ...] = ("copy", "conversion", "alternate")

RECORD = """
INSERT INTO media_differences (video_id, made, differences)
SELECT id, %s, %s FROM videos WHERE id = %s
ON CONFLICT (video_id, made) DO UPDATE SET
    differences = excluded.differences, found_at = excluded.found_at
RETURNING made
"""

CLEAR = "DELETE FROM media_differences WHERE video_id = %s AND made = ANY(%s) RETURNING made"

COUNT = """
SELECT d.made, count(*) AS count FROM media_differences d JOIN videos v ON v.id = d.video_id
WHERE v.deleted_at IS NULL GROUP BY d.made
"""

LIST = """
SELECT d.video_id, v.course_id, d.made, d.differences
FROM media_differences d JOIN videos v ON v.id = d.video_id
WHERE v.deleted_at IS NULL ORDER BY d.found_at, d.video_id, d.made LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class MediaDifference:
    video_id: UUID
    course_id: str
    made: Made
    names: tuple[str, ...]


async def record(queries: Queries, video_id: UUID, made: Made, differences: Sequence[str]) -> None:
    """Replaces those that were found earlier."""
    await queries.fetch_all(RECORD, (made, [*differences], video_id))


async def clear(queries: Queries, video_id: UUID, made: Sequence[Made]) -> None:
    """Deletes those of files that are made anew."""
    await queries.fetch_all(CLEAR, (video_id, [*made]))


async def count_by_made(queries: Queries) -> dict[str, int]:
    """Videos with differences, by the file that differs; deleted videos do not count."""
    return {row.made: row.count for row in await queries.fetch_all(COUNT)}


async def list_found(queries: Queries, limit: int) -> list[MediaDifference]:
    """The oldest first."""
    return [
        MediaDifference(UUID(str(row.video_id)), row.course_id, row.made, tuple(row.differences))
        for row in await queries.fetch_all(LIST, (limit,))
    ]
