"""Rows of resumable uploads: owner, offset, outcome.

The row of an ended upload is kept for some time, so that an ended one and an unknown one can be
distinguished. Every statement may run twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from db.pool import Queries, Row

REMEMBERED_S = 30 * 24 * 3600.0
RESERVED_LONGER_S = 900.0  # than the upload itself: its reservation must never expire first


@dataclass(frozen=True, slots=True)
class NewUpload:
    """`replaces` is the video whose file it replaces; None for a new video."""

    id: UUID
    user_id: str
    course_id: str
    module_id: str
    title: str
    filename: str
    metadata: str
    length_bytes: int
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """`is_gone`: terminated, refused or expired. `holder` is the claim that may write.

    The bytes from the n-th of `file_starts` on are in the n-th file.
    """

    id: UUID
    user_id: str
    course_id: str
    module_id: str
    title: str
    filename: str
    metadata: str
    length_bytes: int
    offset_bytes: int
    claims: int
    holder: int
    file_starts: tuple[int, ...]
    video_id: UUID | None
    created_at: datetime
    expires_at: datetime
    is_gone: bool
    replaces: UUID | None = None

    @property
    def file_number(self) -> int:
        """The number of the newest file."""
        return len(self.file_starts) - 1


COLUMNS = """id, user_id, course_id, module_id, title, filename, metadata, length_bytes,
    offset_bytes, claims, holder, file_starts, video_id, created_at, expires_at,
    ended_at IS NOT NULL OR expires_at <= now() AS is_gone, replaces
"""

UUIDS = ("id", "video_id", "replaces")

CREATE = f"""
INSERT INTO uploads (id, user_id, course_id, module_id, title, filename, metadata, length_bytes,
    replaces, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s))
RETURNING {COLUMNS}
"""

GET = f"SELECT {COLUMNS} FROM uploads WHERE id = %s"

# A commit in progress locks the row: the state read after waiting for it is final.
GET_SETTLED = f"{GET} FOR UPDATE"

CLAIM = f"UPDATE uploads SET claims = claims + 1 WHERE id = %s RETURNING {COLUMNS}"

CLAIMS = "SELECT id, claims FROM uploads WHERE id = ANY(%s::uuid[])"

ADVANCE = f"""
WITH kept AS (
    UPDATE space_reservations SET expires_at = now() + make_interval(secs => %(reserved_s)s),
        arrived_bytes = greatest(arrived_bytes, least(%(stored)s, reserved_bytes))
    WHERE upload_id = %(id)s
        AND EXISTS (SELECT FROM uploads WHERE id = %(id)s AND holder = %(holder)s)
)
UPDATE uploads SET offset_bytes = greatest(offset_bytes, least(%(stored)s, length_bytes - 1)),
    expires_at = now() + make_interval(secs => %(life_s)s),
    completing_at = CASE WHEN %(stored)s >= length_bytes THEN now() END
WHERE id = %(id)s AND holder = %(holder)s AND ended_at IS NULL AND video_id IS NULL
RETURNING {COLUMNS}
"""

COMPLETE = """
UPDATE uploads SET offset_bytes = length_bytes, video_id = %(video_id)s WHERE id = %(id)s
"""

END = """
WITH ended AS (
    UPDATE uploads SET ended_at = now(), claims = claims + 1
    WHERE ended_at IS NULL AND {}
    RETURNING id
), released AS (
    DELETE FROM space_reservations r USING ended WHERE r.upload_id = ended.id
)
SELECT id FROM ended
"""
END_ONE = END.format("id = %s")
END_HELD = END.format("id = %s AND holder = %s")
END_OF_USER = END.format("course_id = %s AND user_id = %s AND video_id IS NULL")
END_ALL_OF_USER = END.format("user_id = %s AND video_id IS NULL")
END_OF_MODULE = END.format("module_id = %s AND video_id IS NULL")
END_OF_COURSE = END.format("course_id = %s AND video_id IS NULL")
END_EXPIRED = END.format("expires_at <= now()")

OPEN = f"""
SELECT {COLUMNS} FROM uploads
WHERE {{}} = %s AND ended_at IS NULL AND video_id IS NULL AND expires_at > now()
    AND (created_at, id) > (%s, %s)
ORDER BY created_at, id LIMIT %s
"""
OPEN_OF_COURSE, OPEN_OF_USER = OPEN.format("course_id"), OPEN.format("user_id")

UNFINISHED = """
SELECT id FROM uploads WHERE id = ANY(%s::uuid[]) AND ended_at IS NULL AND video_id IS NULL
"""

FORGET = """
DELETE FROM uploads WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM uploads WHERE ended_at < now() - make_interval(secs => %s)
    ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED
))
"""


async def create(queries: Queries, new: NewUpload, life_s: float) -> Upload:
    row = await queries.fetch_one(
        CREATE,
        (
            new.id,
            new.user_id,
            new.course_id,
            new.module_id,
            new.title,
            new.filename,
            new.metadata,
            new.length_bytes,
            new.replaces,
            life_s,
        ),
    )
    assert row is not None
    return _upload(row)


async def get(queries: Queries, upload_id: UUID) -> Upload | None:
    """Read an upload, ended ones included."""
    return optional_upload(await queries.fetch_one(GET, (upload_id,)))


async def get_settled(queries: Queries, upload_id: UUID) -> Upload | None:
    """Like `get`, after any commit in progress that might turn the upload into a video."""
    return optional_upload(await queries.fetch_one(GET_SETTLED, (upload_id,)))


async def claim(queries: Queries, upload_id: UUID) -> Upload | None:
    """Take over the upload from every earlier claimant."""
    return optional_upload(await queries.fetch_one(CLAIM, (upload_id,)))


async def read_claims(queries: Queries, upload_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Number of claims of each upload."""
    rows = await queries.fetch_all(CLAIMS, ([str(one) for one in upload_ids],))
    return {UUID(str(row.id)): row.claims for row in rows}


async def advance(
    queries: Queries, upload_id: UUID, stored_bytes: int, life_s: float, holder: int
) -> Upload | None:
    """Record the durable bytes, and extend the lifetime of the upload and its reservation.

    The last byte is counted only with the video. None when the upload has ended, is complete, or
    has another holder.
    """
    parameters: dict[str, Any] = {
        "id": upload_id,
        "stored": stored_bytes,
        "holder": holder,
        "life_s": life_s,
        "reserved_s": reservation_life_s(life_s),
    }
    return optional_upload(await queries.fetch_one(ADVANCE, parameters))


async def complete(queries: Queries, upload_id: UUID, video_id: UUID) -> None:
    """Link the upload to its video, in the video's transaction; no effect for uploads by form."""
    await queries.fetch_all(COMPLETE, {"id": upload_id, "video_id": video_id})


async def end(queries: Queries, upload_id: UUID) -> None:
    """End the upload: release its space and its claims, so that writers stop."""
    await queries.fetch_all(END_ONE, (upload_id,))


async def end_held(queries: Queries, upload_id: UUID, holder: int) -> bool:
    """Like `end`, by its holder; False when that is another one, or the upload has ended."""
    return bool(await queries.fetch_all(END_HELD, (upload_id, holder)))


async def end_for_user(queries: Queries, course_id: str, user_id: str) -> None:
    """Like `end`, for all uploads of a user who may no longer add videos to the course."""
    await queries.fetch_all(END_OF_USER, (course_id, user_id))


async def end_all_of_user(queries: Queries, user_id: str) -> None:
    """Like `end`, for all uploads of a user who is erased."""
    await queries.fetch_all(END_ALL_OF_USER, (user_id,))


async def end_for_module(queries: Queries, module_id: str) -> None:
    """Like `end`, for all uploads to a deleted module."""
    await queries.fetch_all(END_OF_MODULE, (module_id,))


async def end_for_course(queries: Queries, course_id: str) -> None:
    """Like `end`, for all uploads to a deleted course."""
    await queries.fetch_all(END_OF_COURSE, (course_id,))


async def list_of_course(
    queries: Queries, course_id: str, *, after: tuple[datetime, UUID], limit: int
) -> list[Upload]:
    """Open uploads of a course, oldest first."""
    rows = await queries.fetch_all(OPEN_OF_COURSE, (course_id, *after, limit))
    return [_upload(row) for row in rows]


async def list_of_user(
    queries: Queries, user_id: str, *, after: tuple[datetime, UUID], limit: int
) -> list[Upload]:
    """Like `list_of_course`, for a user in all courses."""
    rows = await queries.fetch_all(OPEN_OF_USER, (user_id, *after, limit))
    return [_upload(row) for row in rows]


async def end_expired(queries: Queries) -> int:
    """End expired uploads; returns their number."""
    return len(await queries.fetch_all(END_EXPIRED))


async def list_unfinished(queries: Queries, upload_ids: Sequence[UUID]) -> set[UUID]:
    """Filter for the uploads whose files are still needed."""
    rows = await queries.fetch_all(UNFINISHED, ([str(one) for one in upload_ids],))
    return {UUID(str(row.id)) for row in rows}


async def delete_old(queries: Queries, limit: int) -> None:
    """Delete up to `limit` rows of uploads that ended more than `REMEMBERED_S` ago."""
    await queries.fetch_all(FORGET, (REMEMBERED_S, limit))


def reservation_life_s(life_s: float) -> float:
    return life_s + RESERVED_LONGER_S


def optional_upload(row: Row | None) -> Upload | None:
    return _upload(row) if row else None


def _upload(row: Row) -> Upload:
    fields = row._asdict()
    uuids = {name: fields[name] and UUID(str(fields[name])) for name in UUIDS}
    return Upload(**fields | uuids | {"file_starts": (*row.file_starts,)})
