"""What is served of a video: its representations and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from db.pool import Queries


@dataclass(frozen=True, slots=True)
class RepresentationRow:
    format: str
    file_name: str
    mime_type: str
    size_bytes: int
    sha256: str
    is_primary: bool


@dataclass(frozen=True, slots=True)
class ThumbnailRow:
    size_name: str
    mime_type: str
    file_name: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


ADD_REPRESENTATION = """
INSERT INTO representations (video_id, format, file_name, mime_type, size_bytes, sha256, is_primary)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (video_id, format) DO UPDATE SET
    file_name = excluded.file_name, mime_type = excluded.mime_type,
    size_bytes = excluded.size_bytes, sha256 = excluded.sha256, is_primary = excluded.is_primary
"""

ADD_THUMBNAIL = """
INSERT INTO thumbnails (video_id, size_name, mime_type, file_name, width_px, height_px, size_bytes,
    sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (video_id, size_name, mime_type) DO UPDATE SET
    file_name = excluded.file_name, width_px = excluded.width_px, height_px = excluded.height_px,
    size_bytes = excluded.size_bytes, sha256 = excluded.sha256
"""


async def add_representation(queries: Queries, video_id: UUID, row: RepresentationRow) -> None:
    await queries.fetch_all(
        ADD_REPRESENTATION,
        (
            video_id,
            row.format,
            row.file_name,
            row.mime_type,
            row.size_bytes,
            row.sha256,
            row.is_primary,
        ),
    )


async def add_thumbnails(
    queries: Queries, video_id: UUID, thumbnails: Sequence[ThumbnailRow]
) -> None:
    for row in thumbnails:
        await queries.fetch_all(
            ADD_THUMBNAIL,
            (
                video_id,
                row.size_name,
                row.mime_type,
                row.file_name,
                row.width_px,
                row.height_px,
                row.size_bytes,
                row.sha256,
            ),
        )
