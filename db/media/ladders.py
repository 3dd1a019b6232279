"""Ladders: the adaptive rungs that are wanted of a video, and the pieces of the work.

`work_id` changes whenever the work begins anew; whoever worked for another one finds that what was
made is no longer wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from db.pool import Queries, Transaction

State = Literal["waiting", "processing", "ready", "failed"]
PieceKind = Literal["sound", "copy", "coded"]


@dataclass(frozen=True, slots=True)
class LadderRow:
    """`plan` is JSON, None until the work was planned."""

    video_id: UUID
    work_id: UUID
    options: str
    source_sha256: str
    published_source_sha256: str | None
    state: State
    is_failure_final: bool
    plan: str | None


@dataclass(frozen=True, slots=True)
class PieceRow:
    """`facts` is JSON, None until the piece is ready."""

    kind: PieceKind
    number: int
    lane: int | None
    is_ready: bool
    size_bytes: int
    facts: str | None


COLUMNS = """
video_id, work_id, options, source_sha256, published_source_sha256, state, is_failure_final,
plan::text AS plan
"""

GET = f"SELECT {COLUMNS} FROM ladders WHERE video_id = %s"

# As a deletion does, and before the ladder's row as there: neither waits for the other for ever.
LOCK = "SELECT id FROM videos WHERE id = %s FOR NO KEY UPDATE"

BEGIN = """
INSERT INTO ladders (video_id, work_id, options, source_sha256)
VALUES (%(video_id)s, gen_random_uuid(), %(options)s, %(source_sha256)s)
ON CONFLICT (video_id) DO UPDATE SET
    work_id = excluded.work_id, options = excluded.options,
    source_sha256 = excluded.source_sha256, state = 'waiting', is_failure_final = false,
    plan = NULL, updated_at = now()
"""

SET_PLANNED = """
UPDATE ladders SET state = 'processing', plan = %(plan)s::jsonb, updated_at = now()
WHERE video_id = %(video_id)s
"""

SET_READY = """
UPDATE ladders SET state = 'ready', published_source_sha256 = source_sha256, updated_at = now()
WHERE video_id = %s
"""

SET_FAILED = """
UPDATE ladders SET state = 'failed', is_failure_final = %(is_final)s, updated_at = now()
WHERE video_id = %(video_id)s
"""

# What is under way for it finds another work_id.
ABANDON = """
UPDATE ladders SET state = 'waiting', work_id = gen_random_uuid(), plan = NULL, updated_at = now()
WHERE video_id = ANY(%s::uuid[]) AND state IN ('waiting', 'processing') RETURNING video_id
"""

# Whatever was published is there and stays; without options it is never taken for complete.
END = """
UPDATE ladders SET state = 'ready', options = '', plan = NULL, updated_at = now()
WHERE video_id = %s AND published_source_sha256 IS NOT NULL
"""

DELETE_UNPUBLISHED = "DELETE FROM ladders WHERE video_id = %s AND published_source_sha256 IS NULL"

RELEASE_LANES = "UPDATE ladder_pieces SET lane = NULL WHERE video_id = %s AND NOT is_ready"

DELETE_PIECES = "DELETE FROM ladder_pieces WHERE video_id = ANY(%s::uuid[])"

ADD_PIECE = """
INSERT INTO ladder_pieces (video_id, kind, number)
SELECT %s, kind, number FROM unnest(%s::text[], %s::integer[]) AS new (kind, number)
"""

# The piece that the lane's killed worker left, or the next one. A lane has one job at a time.
TAKE = """
UPDATE ladder_pieces p SET lane = %(lane)s
FROM (
    SELECT video_id, kind, number FROM ladder_pieces
    WHERE video_id = %(video_id)s AND NOT is_ready AND (lane IS NULL OR lane = %(lane)s)
    ORDER BY lane IS NULL, kind = 'coded', kind, number LIMIT 1 FOR UPDATE
) next
WHERE p.video_id = next.video_id AND p.kind = next.kind AND p.number = next.number
RETURNING p.kind, p.number, p.lane, p.is_ready, p.size_bytes, p.facts::text AS facts
"""

SET_PIECE_READY = """
UPDATE ladder_pieces
SET is_ready = true, lane = NULL, size_bytes = %(size_bytes)s, facts = %(facts)s::jsonb
WHERE video_id = %(video_id)s AND kind = %(kind)s AND number = %(number)s
"""

DELETE_PIECES_OF_KIND = "DELETE FROM ladder_pieces WHERE video_id = %s AND kind = %s"

LIST_PIECES = """
SELECT kind, number, lane, is_ready, size_bytes, facts::text AS facts FROM ladder_pieces
WHERE video_id = %s ORDER BY kind, number
"""

COUNT_UNFINISHED = """
SELECT count(*) FILTER (WHERE lane IS NULL) AS waiting, count(*) AS unfinished
FROM ladder_pieces WHERE video_id = %s AND NOT is_ready
"""

# One statement: a row is committed before its directory is made.
LIST_WORKED_ON = """
SELECT work_id FROM ladders WHERE state = 'processing' AND work_id = ANY(%s::uuid[])
"""

LACKING = """
SELECT v.id FROM videos v
JOIN representations r ON r.video_id = v.id AND r.is_primary
LEFT JOIN ladders l ON l.video_id = v.id
WHERE v.status = 'ready' AND v.deleted_at IS NULL AND v.id > %(after)s
  AND (l.video_id IS NULL OR l.options <> %(options)s OR l.source_sha256 <> r.sha256
       OR l.state = 'failed' AND NOT l.is_failure_final)
ORDER BY v.id LIMIT %(limit)s
"""

UNFINISHED = """
SELECT video_id FROM ladders WHERE state IN ('waiting', 'processing') ORDER BY video_id
"""

# One statement, one snapshot, as for the videos themselves. Each job of a ladder has a lock that
# begins with the video's id.
STUCK = """
SELECT l.video_id, v.course_id FROM ladders l JOIN videos v ON v.id = l.video_id
WHERE l.state IN ('waiting', 'processing') AND v.status = 'ready' AND v.deleted_at IS NULL
  AND NOT EXISTS (
    SELECT FROM procrastinate_jobs j
    WHERE (j.lock = l.video_id::text OR starts_with(j.lock, l.video_id || '/'))
      AND j.status IN ('todo', 'doing'))
ORDER BY l.video_id
"""


async def get(queries: Queries, video_id: UUID) -> LadderRow | None:
    row = await queries.fetch_one(GET, (video_id,))
    return _ladder(row) if row else None


async def lock(transaction: Transaction, video_id: UUID) -> LadderRow | None:
    """Lock the video's ladder until the transaction ends, and read it."""
    await transaction.execute(LOCK, (video_id,))
    return await get(transaction, video_id)


async def begin(transaction: Transaction, video_id: UUID, options: str, source_sha256: str) -> None:
    """Begin the work on a ladder, anew if there was one; earlier pieces are forgotten."""
    await transaction.execute(DELETE_PIECES, ([str(video_id)],))
    parameters = {"video_id": video_id, "options": options, "source_sha256": source_sha256}
    await transaction.execute(BEGIN, parameters)


async def set_planned(
    transaction: Transaction, video_id: UUID, plan: str, pieces: Sequence[tuple[PieceKind, int]]
) -> None:
    """Record the plan, as JSON, with the pieces to be made."""
    await transaction.execute(SET_PLANNED, {"video_id": video_id, "plan": plan})
    kinds, numbers = [kind for kind, _ in pieces], [number for _, number in pieces]
    await transaction.execute(ADD_PIECE, (video_id, kinds, numbers))


async def set_ready(transaction: Transaction, video_id: UUID) -> None:
    await transaction.execute(SET_READY, (video_id,))
    await transaction.execute(DELETE_PIECES, ([str(video_id)],))


async def set_failed(transaction: Transaction, video_id: UUID, *, is_final: bool) -> None:
    await transaction.execute(SET_FAILED, {"video_id": video_id, "is_final": is_final})
    await transaction.execute(DELETE_PIECES, ([str(video_id)],))


async def abandon(transaction: Transaction, video_ids: Sequence[UUID]) -> list[UUID]:
    """End the unfinished work on these videos; returns those that had any."""
    found = await transaction.fetch_all(ABANDON, ([str(one) for one in video_ids],))
    ended = [UUID(str(row.video_id)) for row in found]
    await transaction.execute(DELETE_PIECES, ([str(one) for one in ended],))
    return ended


async def end(transaction: Transaction, video_id: UUID) -> None:
    """End the work on a ladder for good; what is published stays."""
    await transaction.execute(DELETE_PIECES, ([str(video_id)],))
    await transaction.execute(END, (video_id,))
    await transaction.execute(DELETE_UNPUBLISHED, (video_id,))


async def release_lanes(transaction: Transaction, video_id: UUID) -> None:
    """Give the pieces of lanes without a job to any lane."""
    await transaction.execute(RELEASE_LANES, (video_id,))


async def take_piece(transaction: Transaction, video_id: UUID, lane: int) -> PieceRow | None:
    """The lane's next piece, which it holds until the piece is ready. Lock the ladder first."""
    row = await transaction.fetch_one(TAKE, {"video_id": video_id, "lane": lane})
    return _piece(row) if row else None


async def set_piece_ready(
    transaction: Transaction, video_id: UUID, piece: PieceRow, size_bytes: int, facts: str
) -> None:
    """Record what was made; `facts` is JSON."""
    parameters = {"video_id": video_id, "kind": piece.kind, "number": piece.number}
    made = {"size_bytes": size_bytes, "facts": facts}
    await transaction.execute(SET_PIECE_READY, parameters | made)


async def drop_pieces(transaction: Transaction, video_id: UUID, kind: PieceKind) -> None:
    await transaction.execute(DELETE_PIECES_OF_KIND, (video_id, kind))


async def list_pieces(queries: Queries, video_id: UUID) -> list[PieceRow]:
    return [_piece(row) for row in await queries.fetch_all(LIST_PIECES, (video_id,))]


async def count_unfinished(queries: Queries, video_id: UUID) -> tuple[int, int]:
    """The pieces that no lane has taken, and all that are not ready."""
    row = await queries.fetch_one(COUNT_UNFINISHED, (video_id,))
    assert row is not None
    return int(row.waiting), int(row.unfinished)


async def list_worked_on(queries: Queries, work_ids: Sequence[UUID]) -> set[UUID]:
    """The given works that are still wanted."""
    rows = await queries.fetch_all(LIST_WORKED_ON, ([str(one) for one in work_ids],))
    return {UUID(str(row.work_id)) for row in rows}


async def list_lacking(queries: Queries, options: str, after: UUID, limit: int) -> list[UUID]:
    """Ready videos without a ladder of these options, in id order."""
    parameters = {"options": options, "after": str(after), "limit": limit}
    return [UUID(str(row.id)) for row in await queries.fetch_all(LACKING, parameters)]


async def list_unfinished(queries: Queries) -> list[UUID]:
    return [UUID(str(row.video_id)) for row in await queries.fetch_all(UNFINISHED)]


async def list_stuck(queries: Queries) -> list[tuple[UUID, str]]:
    """Video and course of unfinished ladders without a job."""
    rows = await queries.fetch_all(STUCK)
    return [(UUID(str(row.video_id)), row.course_id) for row in rows]


def _ladder(row: LadderRow) -> LadderRow:
    return LadderRow(
        UUID(str(row.video_id)),
        UUID(str(row.work_id)),
        row.options,
        row.source_sha256,
        row.published_source_sha256,
        row.state,
        row.is_failure_final,
        row.plan,
    )


def _piece(row: PieceRow) -> PieceRow:
    return PieceRow(row.kind, row.number, row.lane, row.is_ready, row.size_bytes, row.facts)
