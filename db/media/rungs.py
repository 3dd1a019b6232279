"""Rungs of a video's ladder and their published files, playlists included."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from db.media.ladders import State
from db.pool import Queries, Transaction

RungKind = Literal["video", "sound"]
FileKind = Literal["rung", "captions", "playlist", "hls", "dash"]


@dataclass(frozen=True, slots=True)
class RungFile:
    """The published file of a rung; `codecs` as in RFC 6381."""

    name: str
    size_bytes: int
    codecs: str


@dataclass(frozen=True, slots=True)
class RungRow:
    """A picture size, or a track of sound; what was made of it is None until it is ready.

    `bitrate` is the average, in bits a second.
    """

    name: str
    kind: RungKind
    state: State
    failure_code: str | None = None
    failure_detail: str | None = None
    height: int | None = None
    width: int | None = None
    bitrate: int | None = None
    codecs: str | None = None
    file_name: str | None = None
    size_bytes: int | None = None

    @property
    def file(self) -> RungFile | None:
        """None until it is published."""
        if self.file_name is None or self.size_bytes is None or self.codecs is None:
            return None
        return RungFile(self.file_name, self.size_bytes, self.codecs)


@dataclass(frozen=True, slots=True)
class MadeRung:
    """A ready rung; `details` is the JSON from which its playlists can be written again."""

    row: RungRow
    details: str

    @property
    def file(self) -> RungFile:
        assert self.row.file is not None
        return self.row.file


@dataclass(frozen=True, slots=True)
class LadderFile:
    file_name: str
    kind: FileKind
    size_bytes: int
    sha256: str


CLEAR_UNMADE = "DELETE FROM rungs WHERE video_id = %s AND state <> 'ready'"

CLEAR_UNFAILED = "DELETE FROM rungs WHERE video_id = %s AND state <> 'failed'"

CLEAR = "DELETE FROM rungs WHERE video_id = %s"

ADD = """
INSERT INTO rungs (video_id, name, kind, position, state, failure_code, failure_detail, height,
    width, bitrate, codecs, file_name, size_bytes, details)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)
ON CONFLICT (video_id, name) DO NOTHING
"""

FAIL = """
UPDATE rungs SET state = 'failed', failure_code = %(code)s, failure_detail = %(detail)s
WHERE video_id = %(video_id)s AND state IN ('waiting', 'processing')
  AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s::text[]))
"""

LIST_MADE = """
SELECT name, kind, state, failure_code, failure_detail, height, width, bitrate, codecs, file_name,
    size_bytes, details::text AS details
FROM rungs WHERE video_id = %s AND state = 'ready' ORDER BY position, name
"""

ADD_FILE = """
INSERT INTO ladder_files (video_id, file_name, kind, size_bytes, sha256)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (video_id, file_name) DO UPDATE SET kind = excluded.kind, superseded_at = NULL
"""

SUPERSEDE = """
UPDATE ladder_files SET superseded_at = now() WHERE video_id = %s AND superseded_at IS NULL
"""

SUPERSEDE_TEXTS = SUPERSEDE + " AND kind <> 'rung'"

LIST_NAMES = "SELECT file_name FROM ladder_files WHERE video_id = %s"

LIST_PLAYLISTS = """
SELECT file_name, kind, size_bytes, sha256 FROM ladder_files
WHERE video_id = %s AND kind = 'playlist' AND superseded_at IS NULL ORDER BY file_name
"""

GET_SIZE = "SELECT size_bytes FROM ladder_files WHERE video_id = %s AND file_name = %s"

# A file whose video is about to be purged goes with it.
TAKE_SUPERSEDED = """
DELETE FROM ladder_files WHERE (video_id, file_name) IN (
    SELECT video_id, file_name FROM ladder_files
    WHERE superseded_at < now() - make_interval(secs => %(seconds)s)
    ORDER BY superseded_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING video_id, file_name,
    (SELECT v.course_id FROM videos v WHERE v.id = ladder_files.video_id) AS course_id
"""

DELETE_FILE = "DELETE FROM ladder_files WHERE video_id = %s AND file_name = %s"


async def add(transaction: Transaction, video_id: UUID, rungs: Sequence[RungRow]) -> None:
    """Add rungs that are to be made; those of the same name stay as they are."""
    for position, row in enumerate(rungs):
        await transaction.execute(ADD, _parameters(video_id, position, MadeRung(row, "null")))


async def set_planned(transaction: Transaction, video_id: UUID, rungs: Sequence[RungRow]) -> None:
    """Replace the rungs that are not made by these."""
    await transaction.execute(CLEAR_UNMADE, (video_id,))
    await add(transaction, video_id, rungs)


async def publish(
    transaction: Transaction,
    video_id: UUID,
    rungs: Sequence[MadeRung],
    files: Sequence[LadderFile],
) -> None:
    """Replace rungs and files; failed rungs stay, and the files of before are superseded."""
    await transaction.execute(CLEAR_UNFAILED, (video_id,))
    for position, made in enumerate(rungs):
        await transaction.execute(ADD, _parameters(video_id, position, made))
    await supersede(transaction, video_id)
    await add_files(transaction, video_id, files)


async def add_files(transaction: Transaction, video_id: UUID, files: Sequence[LadderFile]) -> None:
    """Add files, or make superseded ones current again."""
    for file in files:
        await transaction.execute(
            ADD_FILE, (video_id, file.file_name, file.kind, file.size_bytes, file.sha256)
        )


async def replace_texts(
    transaction: Transaction, video_id: UUID, files: Sequence[LadderFile]
) -> None:
    """Replace playlists and captions; those of before are superseded."""
    await transaction.execute(SUPERSEDE_TEXTS, (video_id,))
    await add_files(transaction, video_id, files)


async def supersede(transaction: Transaction, video_id: UUID) -> None:
    """Mark the current files as superseded."""
    await transaction.execute(SUPERSEDE, (video_id,))


async def clear(transaction: Transaction, video_id: UUID) -> None:
    """Forget all rungs; their files are superseded."""
    await transaction.execute(CLEAR, (video_id,))
    await supersede(transaction, video_id)


async def set_failed(
    transaction: Transaction,
    video_id: UUID,
    code: str,
    detail: str,
    names: Sequence[str] | None = None,
) -> None:
    """Fail the rungs that are not made; `names` limits which."""
    parameters = {"video_id": video_id, "code": code, "detail": detail}
    await transaction.execute(FAIL, parameters | {"names": None if names is None else list(names)})


async def list_made(queries: Queries, video_id: UUID) -> list[MadeRung]:
    rows = await queries.fetch_all(LIST_MADE, (video_id,))
    return [MadeRung(RungRow(*row[:-1]), row.details) for row in rows]


async def list_file_names(queries: Queries, video_id: UUID) -> set[str]:
    """Names of all files of the ladder, superseded ones included."""
    return {row.file_name for row in await queries.fetch_all(LIST_NAMES, (video_id,))}


async def list_playlists(queries: Queries, video_id: UUID) -> list[LadderFile]:
    """Playlists of single renditions, the current ones."""
    rows = await queries.fetch_all(LIST_PLAYLISTS, (video_id,))
    return [LadderFile(*row) for row in rows]


async def get_size(queries: Queries, video_id: UUID, file_name: str) -> int | None:
    """Bytes of a file of the ladder, superseded or not; None if there is no such file."""
    row = await queries.fetch_one(GET_SIZE, (video_id, file_name))
    return int(row.size_bytes) if row else None


async def take_superseded(
    transaction: Transaction, after_s: float, limit: int
) -> list[tuple[str, UUID, str]]:
    """Delete the rows of files superseded for that long: course, video and name of each."""
    rows = await transaction.fetch_all(TAKE_SUPERSEDED, {"seconds": after_s, "limit": limit})
    return [(row.course_id, UUID(str(row.video_id)), row.file_name) for row in rows]


async def delete_file(transaction: Transaction, video_id: UUID, file_name: str) -> None:
    await transaction.execute(DELETE_FILE, (video_id, file_name))


def _parameters(video_id: UUID, position: int, made: MadeRung) -> tuple[object, ...]:
    row = made.row
    return (
        video_id,
        row.name,
        row.kind,
        position,
        row.state,
        row.failure_code,
        row.failure_detail,
        row.height,
        row.width,
        row.bitrate,
        row.codecs,
        row.file_name,
        row.size_bytes,
        made.details,
    )
