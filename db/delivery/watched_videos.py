"""Facts of videos, and of what people saw of them, for statements to a record store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from db.pool import Queries
from db.progress.progress import parse_pieces

READ = """
SELECT k.user_id, k.video_id::text, v.title, v.duration_s, p.watched::text AS watched
FROM json_to_recordset(%s) AS k (user_id text, video_id uuid)
JOIN videos v ON v.id = k.video_id
LEFT JOIN progress p ON p.user_id = k.user_id AND p.video_id = k.video_id
"""

ViewerOfVideo = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class WatchedFacts:
    """`watched` are seconds of the video; `duration_s` is None until it has been probed."""

    title: str
    duration_s: float | None
    watched: Sequence[tuple[float, float]]


async def read(
    queries: Queries, keys: Iterable[ViewerOfVideo]
) -> dict[ViewerOfVideo, WatchedFacts]:
    """Facts of videos that are there."""
    asked = [{"user_id": user_id, "video_id": video_id} for user_id, video_id in set(keys)]
    rows = await queries.fetch_all(READ, (msgspec.json.encode(asked).decode(),))
    return {
        (row.user_id, UUID(row.video_id)): WatchedFacts(
            row.title, row.duration_s, parse_pieces(row.watched or "{}")
        )
        for row in rows
    }
