"""Holders of uploads: the claim of each upload that may write, and the files that it writes to.

A holder is followed by a newer claim, which has either the lock of its file or fences it: takes the
upload from a holder that hangs, with a new file for the bytes that are still to come. Whatever an
earlier holder does later is refused by the statements that count bytes (`uploads.advance`,
`uploads.end_held`, and the transaction that makes a video). Every statement may run twice.
"""

from collections.abc import Mapping
from uuid import UUID

from db.pool import Queries
from db.uploads import uploads
from db.uploads.uploads import COLUMNS, Upload, optional_upload

COMPLETION_SILENT_S = 2.0  # a holder that completes an upload and is silent for longer hangs
MOST_FILES = 16

HOLD = f"""
UPDATE uploads SET holder = %(claim)s, completing_at = NULL
WHERE id = %(id)s AND holder <= %(claim)s AND cardinality(file_starts) = %(files)s
RETURNING {COLUMNS}
"""

FENCE = f"""
UPDATE uploads SET holder = %(claim)s, completing_at = NULL,
    file_starts = file_starts || offset_bytes
WHERE id = %(id)s AND claims = %(claim)s AND holder < %(claim)s
    AND ended_at IS NULL AND video_id IS NULL
    AND (completing_at IS NULL OR completing_at < now() - make_interval(secs => %(silent_s)s))
    AND cardinality(file_starts) < %(most_files)s
RETURNING {COLUMNS}
"""

# Only the last file counts from now on: it begins at 0, and the earlier ones are empty.
JOINED = """
UPDATE uploads SET file_starts = array_fill(0::bigint, ARRAY[cardinality(file_starts)])
WHERE id = %s AND holder = %s RETURNING id
"""

# A row that is locked is being completed in this moment.
COMPLETING = """
UPDATE uploads u SET completing_at = now()
FROM (
    SELECT id FROM uploads JOIN unnest(%s::uuid[], %s::bigint[]) AS held (id, claim) USING (id)
    WHERE holder = claim FOR UPDATE OF uploads SKIP LOCKED
) AS own
WHERE u.id = own.id
"""


async def hold(queries: Queries, claimed: Upload) -> Upload | None:
    """Make the claim the holder, once it has the lock of the newest file.

    None if a newer claim has fenced the upload meanwhile.
    """
    parameters = {"id": claimed.id, "claim": claimed.claims, "files": len(claimed.file_starts)}
    return optional_upload(await queries.fetch_one(HOLD, parameters))


async def fence(queries: Queries, claimed: Upload) -> Upload | None:
    """Take the upload from a holder that hangs; its next file begins at the counted bytes.

    None unless the claim is the newest, and while the holder is completing the upload.
    """
    parameters = {
        "id": claimed.id,
        "claim": claimed.claims,
        "silent_s": COMPLETION_SILENT_S,
        "most_files": MOST_FILES,
    }
    if row := await queries.fetch_one(FENCE, parameters):
        return optional_upload(row)
    # It ran twice if a connection broke over its answer.
    found = await uploads.get(queries, claimed.id)
    return found if found is not None and found.holder == claimed.claims else None


async def mark_joined(queries: Queries, upload_id: UUID, holder: int) -> bool:
    """Record that the newest file holds all bytes; False when the holder is another one."""
    return await queries.fetch_one(JOINED, (upload_id, holder)) is not None


async def refresh_completing(queries: Queries, holders: Mapping[UUID, int]) -> None:
    """Record that these holders are at work on completing their uploads."""
    ids = [str(one) for one in holders]
    await queries.fetch_all(COMPLETING, (ids, list(holders.values())))
