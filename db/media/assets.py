"""Served assets of a video: representations, pictures and storyboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
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


@dataclass(frozen=True, slots=True)
class StoryboardRow:
    """A file of a storyboard: the WebVTT index, or a sheet."""

    file_name: str
    size_bytes: int
    sha256: str


# Assets that are made after a video is ready.
Extra = Literal["further-pictures", "storyboard", "alternate-format"]

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


ADD_STORYBOARD_FILE = """
INSERT INTO storyboard_files (video_id, part, file_name, size_bytes, sha256)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (video_id, part) DO UPDATE SET
    file_name = excluded.file_name, size_bytes = excluded.size_bytes, sha256 = excluded.sha256
"""

NOTE_UNMAKABLE = """
INSERT INTO unmakable (video_id, what, code) SELECT id, %s, %s FROM videos WHERE id = %s
ON CONFLICT DO NOTHING RETURNING what
"""

UNMAKABLE = "SELECT what FROM unmakable WHERE video_id = %s"

REMOVE_REPRESENTATIONS = """
DELETE FROM representations WHERE video_id = %s RETURNING file_name
"""


async def remove_representations(queries: Queries, video_id: UUID) -> list[str]:
    """Delete the rows; returns the names of the files that no row refers to any more."""
    return [row.file_name for row in await queries.fetch_all(REMOVE_REPRESENTATIONS, (video_id,))]


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


async def remove_thumbnails(queries: Queries, video_id: UUID) -> None:
    await queries.fetch_all("DELETE FROM thumbnails WHERE video_id = %s RETURNING 1", (video_id,))


async def add_storyboard(
    queries: Queries, video_id: UUID, cues: StoryboardRow, sheets: Sequence[StoryboardRow]
) -> None:
    for part, row in enumerate([cues, *sheets]):
        await queries.fetch_all(
            ADD_STORYBOARD_FILE, (video_id, part, row.file_name, row.size_bytes, row.sha256)
        )


async def record_unmakable(queries: Queries, video_id: UUID, what: Extra, code: str) -> None:
    """Record that an asset cannot be made, to keep it from being tried again."""
    await queries.fetch_all(NOTE_UNMAKABLE, (what, code, video_id))


async def list_unmakable(queries: Queries, video_id: UUID) -> set[Extra]:
    return {row.what for row in await queries.fetch_all(UNMAKABLE, (video_id,))}
