"""Evidence beside a user's claims of what was seen of a video."""

from uuid import UUID

from db.pool import Queries

CAPPED_S = """
SELECT coalesce(sum(upper(piece) - lower(piece)), 0)::float8 AS capped_s
FROM progress, unnest(capped) AS piece WHERE user_id = %s AND video_id = %s
"""


async def capped_s(queries: Queries, user_id: str, video_id: UUID) -> float:
    """Returns the seconds that were claimed beyond the bound."""
    row = await queries.fetch_one(CAPPED_S, (user_id, str(video_id)))
    return float(row.capped_s) if row else 0.0
