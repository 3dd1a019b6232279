"""Files that rows refer to, and videos whose processing has no job."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from db.pool import Queries, Row, Transaction

Kind = Literal[
    "original",
    "representation",
    "alternate",
    "thumbnail",
    "storyboard",
    "ladder",
    "superseded",
    "replacement",
]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file that must exist; the original only until the served file does.

    A superseded one belonged to an adaptive ladder, or its playlists, before the present ones, or
    to a film that was replaced. A replacement is another film, as it arrived or as it is to be
    served.
    """

    kind: Kind
    name: str
    size_bytes: int
    sha256: str | None  # None until it was computed


@dataclass(frozen=True, slots=True)
class VideoFiles:
    """The rows of one video's files.

    `is_changing`: a worker changes the files, or is queued to. `is_failed`: files may be missing,
    which is known. `is_retryable`: failed for a reason unrelated to the film.
    `original` may exist on disk although it is not in `files`: then those can be made again from
    it. An announced video has no files.
    """

    id: UUID
    course_id: str
    is_deleted: bool
    is_failed: bool
    is_changing: bool
    is_retryable: bool
    original: FileRow
    files: tuple[FileRow, ...]

    @property
    def current_names(self) -> set[str]:
        """Names of the files that are not left over."""
        return {row.name for row in self.files if row.kind != "superseded"}


@dataclass(frozen=True, slots=True)
class StuckVideo:
    id: UUID
    course_id: str


SELECT = """
SELECT v.id, v.course_id, v.deleted_at IS NOT NULL AS is_deleted,
    v.status = 'failed' AS is_failed,
    v.status = 'processing' OR EXISTS (
        SELECT FROM procrastinate_jobs j WHERE j.lock = v.id::text AND j.status = 'doing'
    ) AS is_changing,
    v.status = 'failed' AND NOT v.is_failure_final AND v.deleted_at IS NULL AS is_retryable,
    'original.' || coalesce(v.source_format, v.container, 'mp4') AS original_name,
    v.original_size_bytes, v.original_sha256,
    v.status = 'announced' OR EXISTS (SELECT FROM representations r WHERE r.video_id = v.id)
        AS is_made,
    (SELECT json_agg(json_build_array(f.kind, f.name, f.size_bytes, f.sha256)) FROM (
        SELECT CASE WHEN r.is_primary THEN 'representation' ELSE 'alternate' END AS kind,
            r.file_name AS name, r.size_bytes, r.sha256
        FROM representations r WHERE r.video_id = v.id
        UNION ALL
        SELECT 'thumbnail', t.file_name, t.size_bytes, t.sha256
        FROM thumbnails t WHERE t.video_id = v.id
        UNION ALL
        SELECT 'storyboard', s.file_name, s.size_bytes, s.sha256
        FROM storyboard_files s WHERE s.video_id = v.id
        UNION ALL
        SELECT CASE WHEN l.superseded_at IS NULL THEN 'ladder' ELSE 'superseded' END,
            l.file_name, l.size_bytes, l.sha256
        FROM ladder_files l WHERE l.video_id = v.id
        UNION ALL
        SELECT 'superseded', o.file_name, o.size_bytes, NULL
        FROM replaced_files o WHERE o.video_id = v.id
        UNION ALL
        SELECT 'replacement', 'replacement-' || replace(r.id::text, '-', '') || '.'
            || r.source_format, r.original_size_bytes, r.original_sha256
        FROM replacements r WHERE r.video_id = v.id AND r.failure_code IS NULL
        UNION ALL
        SELECT 'replacement', r.file_name, r.size_bytes, r.sha256
        FROM replacements r WHERE r.video_id = v.id AND r.file_name IS NOT NULL
    ) f) AS files
FROM {videos} v
"""

COUNT = "SELECT count(*) AS videos FROM videos"

OF_VIDEOS = SELECT.format(videos="videos") + "WHERE v.id = ANY(%s::uuid[])"

# Cut before the files are looked up, so that the planner knows for how few videos.
AFTER = (
    SELECT.format(videos="(SELECT * FROM videos WHERE id > %s ORDER BY id LIMIT %s)")
    + "ORDER BY v.id"
)

# One statement, one snapshot: a job that ends or starts meanwhile is never missed.
STUCK = """
SELECT v.id, v.course_id FROM (
    SELECT id FROM videos WHERE status = 'processing'
    UNION
    SELECT video_id FROM replacements WHERE failure_code IS NULL
) unfinished JOIN videos v ON v.id = unfinished.id
WHERE v.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM procrastinate_jobs j
    WHERE j.lock = v.id::text AND j.status IN ('todo', 'doing'))
ORDER BY v.id
"""

# `first` is the picture type that every ready video has.
UNPICTURED = """
SELECT v.id FROM videos v
WHERE v.status = 'ready' AND v.deleted_at IS NULL
  AND EXISTS (SELECT FROM representations r WHERE r.video_id = v.id AND r.is_primary)
  AND (
    NOT EXISTS (SELECT FROM storyboard_files s WHERE s.video_id = v.id)
    AND NOT EXISTS (SELECT FROM unmakable u WHERE u.video_id = v.id AND u.what = 'storyboard')
    OR EXISTS (
        SELECT FROM thumbnails f CROSS JOIN unnest(%(further)s) AS further (mime_type)
        WHERE f.video_id = v.id AND f.mime_type = %(first)s AND NOT EXISTS (
            SELECT FROM thumbnails t WHERE t.video_id = v.id AND t.size_name = f.size_name
              AND t.mime_type = further.mime_type))
    AND NOT EXISTS (
        SELECT FROM unmakable u WHERE u.video_id = v.id AND u.what = 'further-pictures')
    OR v.audio_tracks IS NULL AND v.audio_codec IS NOT NULL)
  AND NOT EXISTS (
    SELECT FROM procrastinate_jobs j
    WHERE j.lock = v.id::text AND j.status IN ('todo', 'doing'))
ORDER BY v.id LIMIT %(limit)s
"""

WITHOUT_ALTERNATE = """
SELECT v.id FROM videos v
WHERE v.status = 'ready' AND v.deleted_at IS NULL
  AND (SELECT count(*) FROM representations r WHERE r.video_id = v.id) = 1
  AND NOT EXISTS (
    SELECT FROM unmakable u WHERE u.video_id = v.id AND u.what = 'alternate-format')
  AND NOT EXISTS (
    SELECT FROM procrastinate_jobs j
    WHERE j.lock = v.id::text AND j.status IN ('todo', 'doing'))
ORDER BY v.id LIMIT %s
"""


FORGET_STORYBOARD = "DELETE FROM storyboard_files WHERE video_id = %s"

# Those of its files that are intact stay for who is playing them.
FORGET_LADDER = """
WITH forgotten AS (DELETE FROM ladders WHERE video_id = %(id)s)
UPDATE ladder_files SET superseded_at = now() WHERE video_id = %(id)s AND superseded_at IS NULL
"""

FORGET_SUPERSEDED = (
    "DELETE FROM ladder_files WHERE video_id = %s AND file_name = %s AND superseded_at IS NOT NULL",
    "DELETE FROM replaced_files WHERE video_id = %s AND file_name = %s",
)

# An asset that existed once can be made again.
FORGET_UNMAKABLE = "DELETE FROM unmakable WHERE video_id = %s"

FORGET_ALTERNATES = "DELETE FROM representations WHERE video_id = %s AND NOT is_primary"

FORGET_MADE = "DELETE FROM representations WHERE video_id = %s"

UNMAKE = """
UPDATE videos SET status = 'processing', processing_ratio = 0, updated_at = now()
WHERE id = %s AND deleted_at IS NULL AND status = 'ready' RETURNING id
"""


async def read_videos(queries: Queries, video_ids: Sequence[UUID]) -> dict[UUID, VideoFiles]:
    """Files of the given videos, deleted ones included; missing videos are left out."""
    rows = await queries.fetch_all(OF_VIDEOS, ([str(one) for one in video_ids],))
    return {video.id: video for video in map(_video, rows)}


async def count_videos(queries: Queries) -> int:
    """Counts the videos, deleted ones included."""
    row = await queries.fetch_one(COUNT)
    return int(row.videos) if row else 0


async def read_next(queries: Queries, video_id: UUID, limit: int) -> list[VideoFiles]:
    """The next videos in id order."""
    return [_video(row) for row in await queries.fetch_all(AFTER, (str(video_id), limit))]


async def list_stuck(queries: Queries) -> list[StuckVideo]:
    """Videos in processing, or with a film that is to replace theirs, without a job."""
    rows = await queries.fetch_all(STUCK)
    return [StuckVideo(UUID(str(row.id)), row.course_id) for row in rows]


async def list_missing_pictures(
    queries: Queries, first: str, further: Sequence[str], limit: int
) -> list[UUID]:
    """Ready videos without a job that lack a storyboard, a `further` type of some picture, or the
    list of their sounds.

    Videos for which these cannot be made are left out.
    """
    parameters = {"first": first, "further": list(further), "limit": limit}
    return [UUID(str(row.id)) for row in await queries.fetch_all(UNPICTURED, parameters)]


async def clear_storyboard(transaction: Transaction, video_id: UUID) -> None:
    """Delete the storyboard's rows, so that it is made again."""
    await transaction.execute(FORGET_STORYBOARD, (str(video_id),))


async def clear_ladder(transaction: Transaction, video_id: UUID) -> None:
    """Forget the adaptive ladder, so that it is made again."""
    await transaction.execute(FORGET_LADDER, {"id": str(video_id)})


async def delete_superseded(transaction: Transaction, video_id: UUID, name: str) -> None:
    """Delete the row of a superseded file, which nothing replaces."""
    for statement in FORGET_SUPERSEDED:
        await transaction.execute(statement, (str(video_id), name))


async def clear_unmakable(transaction: Transaction, video_id: UUID) -> None:
    """Forget which assets cannot be made, so that all are tried again."""
    await transaction.execute(FORGET_UNMAKABLE, (str(video_id),))


async def clear_alternates(transaction: Transaction, video_id: UUID) -> None:
    """Delete the rows of the other formats, so that they are made again."""
    await transaction.execute(FORGET_ALTERNATES, (str(video_id),))


async def reset_to_original(transaction: Transaction, video_id: UUID) -> bool:
    """Delete the rows of everything made from the original; False when the video is not ready."""
    if await transaction.fetch_one(UNMAKE, (str(video_id),)) is None:
        return False
    await transaction.execute(FORGET_MADE, (str(video_id),))
    return True


async def list_missing_alternates(queries: Queries, limit: int) -> list[UUID]:
    """Ready videos without a job that have one format, except where a second cannot be made."""
    return [UUID(str(row.id)) for row in await queries.fetch_all(WITHOUT_ALTERNATE, (limit,))]


def _video(row: Row) -> VideoFiles:
    original = FileRow("original", row.original_name, row.original_size_bytes, row.original_sha256)
    made = tuple(FileRow(*fields) for fields in row.files or ())
    files = made if row.is_made else (original, *made)
    return VideoFiles(
        UUID(str(row.id)),
        row.course_id,
        row.is_deleted,
        row.is_failed,
        row.is_changing,
        row.is_retryable,
        original,
        files,
    )
