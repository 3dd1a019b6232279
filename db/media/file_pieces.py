"""Hashes of the pieces of published files, kept from the first time that they were computed."""

from collections.abc import Sequence
from uuid import UUID

from db.pool import Queries, Transaction

_SHA256_BYTES = 32

LIST = "SELECT file_name, sha256s FROM file_pieces WHERE video_id = %s AND file_name = ANY(%s)"

ADD = """
INSERT INTO file_pieces (video_id, file_name, sha256s)
SELECT id, %(file_name)s, %(sha256s)s FROM videos WHERE id = %(video_id)s
ON CONFLICT (video_id, file_name) DO UPDATE SET sha256s = excluded.sha256s
"""

# Files of before a replacement, or of another ladder.
DELETE_UNPUBLISHED = """
DELETE FROM file_pieces p WHERE video_id = %s AND NOT EXISTS (
    SELECT FROM representations f WHERE f.video_id = p.video_id AND f.file_name = p.file_name
    UNION ALL
    SELECT FROM thumbnails f WHERE f.video_id = p.video_id AND f.file_name = p.file_name
    UNION ALL
    SELECT FROM ladder_files f WHERE f.video_id = p.video_id AND f.file_name = p.file_name)
"""


async def list_known(
    queries: Queries, video_id: UUID, file_names: Sequence[str]
) -> dict[str, list[bytes]]:
    """The SHA-256 of each piece of those files that have them."""
    rows = await queries.fetch_all(LIST, (str(video_id), list(file_names)))
    return {row.file_name: _split(bytes(row.sha256s)) for row in rows}


async def add(
    transaction: Transaction, video_id: UUID, file_name: str, pieces: Sequence[bytes]
) -> None:
    """Keep them; those of files that are no longer published are forgotten."""
    parameters = {"video_id": video_id, "file_name": file_name, "sha256s": b"".join(pieces)}
    await transaction.execute(DELETE_UNPUBLISHED, (video_id,))
    await transaction.execute(ADD, parameters)


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[place : place + _SHA256_BYTES] for place in range(0, len(hashes), _SHA256_BYTES)]
