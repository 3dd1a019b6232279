"""Uploads that can be resumed: whose they are, how far they are, what became of them.

Who ended one keeps its row for some time, so that its owner is told that it is gone and not that
it never was. Every statement may run twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from db.pool import Queries, Row

REMEMBERED_S = 30 * 24 * 3600.0
RESERVED_LONGER_S = 900.0  # than the upload itself: its room must never go first


@dataclass(frozen=True, slots=True)
class NewUpload:
    id: UUID
    user_id: str
    course_id: str
    module_id: str
    title: str
    filename: str
    metadata: str
    length_bytes: int


@dataclass(frozen=True, slots=True)
class Upload:
    """`is_gone`: terminated, refused or expired. `claims` tells who may write: the newest."""

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
    video_id: UUID | None
    created_at: datetime
    expires_at: datetime
    is_gone: bool


COLUMNS = """id, user_id, course_id, module_id, title, filename, metadata, length_bytes,
    offset_bytes, claims, video_id, created_at, expires_at,
    ended_at IS NOT NULL OR expires_at <= now() AS is_gone
"""

CREATE = f"""
INSERT INTO uploads (id, user_id, course_id, module_id, title, filename, metadata, length_bytes,
    expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s))
RETURNING {COLUMNS}
"""

GET = f"SELECT {COLUMNS} FROM uploads WHERE id = %s"

# A commit that nobody heard of still holds the row: what is read after the wait is final.
GET_SETTLED = f"{GET} FOR UPDATE"

CLAIM = f"UPDATE uploads SET claims = claims + 1 WHERE id = %s RETURNING {COLUMNS}"

CLAIMS = "SELECT id, claims FROM uploads WHERE id = ANY(%s::uuid[])"

ADVANCE = f"""
WITH kept AS (
    UPDATE space_reservations SET expires_at = now() + make_interval(secs => %(reserved_s)s),
        arrived_bytes = greatest(arrived_bytes, least(%(stored)s, reserved_bytes))
    WHERE upload_id = %(id)s
)
UPDATE uploads SET offset_bytes = greatest(offset_bytes, least(%(stored)s, length_bytes - 1)),
    expires_at = now() + make_interval(secs => %(life_s)s)
WHERE id = %(id)s AND ended_at IS NULL AND video_id IS NULL
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
END_OF_USER = END.format("course_id = %s AND user_id = %s AND video_id IS NULL")
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

FORGET = "DELETE FROM uploads WHERE ended_at < now() - make_interval(secs => %s)"


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
            life_s,
        ),
    )
    assert row is not None
    return _upload(row)


async def get(queries: Queries, upload_id: UUID) -> Upload | None:
    """Also one that is gone."""
    return _optional_upload(await queries.fetch_one(GET, (upload_id,)))


async def get_settled(queries: Queries, upload_id: UUID) -> Upload | None:
    """As `get`, once no commit is under way that might make it a video."""
    return _optional_upload(await queries.fetch_one(GET_SETTLED, (upload_id,)))


async def claim(queries: Queries, upload_id: UUID) -> Upload | None:
    """Have everybody end who claimed it before."""
    return _optional_upload(await queries.fetch_one(CLAIM, (upload_id,)))


async def read_claims(queries: Queries, upload_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How often each was claimed."""
    rows = await queries.fetch_all(CLAIMS, ([str(one) for one in upload_ids],))
    return {UUID(str(row.id)): row.claims for row in rows}


async def advance(
    queries: Queries, upload_id: UUID, stored_bytes: int, life_s: float
) -> Upload | None:
    """Note how much is on the disk for sure, and let it live on; its room, too.

    The last byte counts once there is a video. None when it is gone, or complete.
    """
    parameters: dict[str, Any] = {
        "id": upload_id,
        "stored": stored_bytes,
        "life_s": life_s,
        "reserved_s": reservation_life_s(life_s),
    }
    return _optional_upload(await queries.fetch_one(ADVANCE, parameters))


async def complete(queries: Queries, upload_id: UUID, video_id: UUID) -> None:
    """In the transaction that makes it a video; nothing for uploads that were sent whole."""
    await queries.fetch_all(COMPLETE, {"id": upload_id, "video_id": video_id})


async def end(queries: Queries, upload_id: UUID) -> None:
    """It is gone, its room is free, and who writes to it stops."""
    await queries.fetch_all(END_ONE, (upload_id,))


async def end_for_user(queries: Queries, course_id: str, user_id: str) -> None:
    """As `end`, all of a user who may no longer add videos to the course."""
    await queries.fetch_all(END_OF_USER, (course_id, user_id))


async def end_for_module(queries: Queries, module_id: str) -> None:
    """As `end`, all for a module that goes."""
    await queries.fetch_all(END_OF_MODULE, (module_id,))


async def end_for_course(queries: Queries, course_id: str) -> None:
    """As `end`, all for a course that goes."""
    await queries.fetch_all(END_OF_COURSE, (course_id,))


async def list_of_course(
    queries: Queries, course_id: str, *, after: tuple[datetime, UUID], limit: int
) -> list[Upload]:
    """Those that are open, the oldest first."""
    rows = await queries.fetch_all(OPEN_OF_COURSE, (course_id, *after, limit))
    return [_upload(row) for row in rows]


async def list_of_user(
    queries: Queries, user_id: str, *, after: tuple[datetime, UUID], limit: int
) -> list[Upload]:
    """As `list_of_course`, of a user in all courses."""
    rows = await queries.fetch_all(OPEN_OF_USER, (user_id, *after, limit))
    return [_upload(row) for row in rows]


async def end_expired(queries: Queries) -> int:
    """How many went."""
    return len(await queries.fetch_all(END_EXPIRED))


async def list_unfinished(queries: Queries, upload_ids: Sequence[UUID]) -> set[UUID]:
    """Those of them whose files are still needed."""
    rows = await queries.fetch_all(UNFINISHED, ([str(one) for one in upload_ids],))
    return {UUID(str(row.id)) for row in rows}


async def delete_old(queries: Queries) -> None:
    """What ended long ago."""
    await queries.fetch_all(FORGET, (REMEMBERED_S,))


def reservation_life_s(life_s: float) -> float:
    return life_s + RESERVED_LONGER_S


def _optional_upload(row: Row | None) -> Upload | None:
    return _upload(row) if row else None


def _upload(row: Row) -> Upload:
    fields = row._asdict()
    video_id = row.video_id and UUID(str(row.video_id))
    return Upload(**{**fields, "id": UUID(str(row.id)), "video_id": video_id})
