"""Text tracks of a video: captions by language, and chapters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from db.pool import Queries, Transaction

Kind = Literal["captions", "chapters"]


@dataclass(frozen=True, slots=True)
class TrackName:
    """Key of a text track within its video; chapters have no language."""

    kind: Kind
    language: str = ""


@dataclass(frozen=True, slots=True)
class TextTrack:
    content: str
    sha256: str
    updated_at: datetime


GET = """
SELECT content, sha256, updated_at FROM text_tracks
WHERE video_id = %s AND kind = %s AND language = %s
"""

LIST_CAPTIONS = """
SELECT language, content FROM text_tracks
WHERE video_id = %s AND kind = 'captions' ORDER BY language
"""

LOCK_VIDEO = "SELECT id FROM videos WHERE id = %s AND deleted_at IS NULL FOR UPDATE"

COUNT = "SELECT count(*) AS count FROM text_tracks WHERE video_id = %s"

PUT = """
INSERT INTO text_tracks (video_id, kind, language, content, sha256) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (video_id, kind, language) DO UPDATE SET
    content = excluded.content, sha256 = excluded.sha256, updated_at = excluded.updated_at
"""

DELETE = "DELETE FROM text_tracks WHERE video_id = %s AND kind = %s AND language = %s"

TOUCH_VIDEO = "UPDATE videos SET updated_at = now() WHERE id = %s"


async def get(queries: Queries, video_id: UUID, name: TrackName) -> TextTrack | None:
    row = await queries.fetch_one(GET, (video_id, name.kind, name.language))
    return TextTrack(row.content, row.sha256, row.updated_at) if row else None


async def list_captions(queries: Queries, video_id: UUID) -> list[tuple[str, str]]:
    """Language and WebVTT of all captions, by language."""
    rows = await queries.fetch_all(LIST_CAPTIONS, (video_id,))
    return [(row.language, row.content) for row in rows]


async def lock_video(transaction: Transaction, video_id: UUID) -> bool:
    """Lock the video's tracks until the transaction ends. False when it was deleted."""
    return await transaction.fetch_one(LOCK_VIDEO, (video_id,)) is not None


async def count(queries: Queries, video_id: UUID) -> int:
    row = await queries.fetch_one(COUNT, (video_id,))
    assert row is not None
    return int(row.count)


async def put(
    transaction: Transaction, video_id: UUID, name: TrackName, content: str, sha256: str
) -> None:
    await transaction.execute(PUT, (video_id, name.kind, name.language, content, sha256))
    await transaction.execute(TOUCH_VIDEO, (video_id,))


async def delete(transaction: Transaction, video_id: UUID, name: TrackName) -> None:
    await transaction.execute(DELETE, (video_id, name.kind, name.language))
    await transaction.execute(TOUCH_VIDEO, (video_id,))
