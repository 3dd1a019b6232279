"""Event log: appended in commit order, read from an id on, filtered by what one user may see."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from db.advisory_locks import AdvisoryLock, lock_until_commit
from db.log.partitions import PROGRESS
from db.pool import Queries, Row, Transaction

CHANNEL = "event_log"

# Each a statement of its own: after a fail-over the ids go on beyond those that were lost
# (`timelines`), and the insert takes the ids after the lock is held. The lock makes
# commit order equal id order, so a reader of id N has missed nothing before N.
APPEND = f"""
SELECT FROM follow_timeline();
{lock_until_commit(AdvisoryLock.EVENT_LOG_APPEND)};
NOTIFY event_log;
INSERT INTO event_log (type, video_id, course_id, user_id, occurred_at, payload)
SELECT type, video_id, course_id, user_id, occurred_at, payload
FROM ROWS FROM (json_to_recordset(%s) AS (
    type text, video_id uuid, course_id text, user_id text, occurred_at timestamptz, payload jsonb
)) WITH ORDINALITY AS told (type, video_id, course_id, user_id, occurred_at, payload, place)
ORDER BY place
"""

COLUMNS = """
id, type, video_id::text AS video_id, course_id, user_id, occurred_at, payload::text AS payload
"""

# Planned once, since planning for all partitions takes longer than reading. The plan has to do for
# partitions that were empty then: nothing but the order of the index.
PREPARE_TAIL = f"""
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
PREPARE event_log_tail (bigint, integer) AS
SELECT {COLUMNS} FROM event_log WHERE id > $1 ORDER BY id LIMIT $2
"""

READ_TAIL = "EXECUTE event_log_tail (%s, %s)"

DROPPED = """
SELECT dropped_id, greatest(dropped_id, thinned_id) AS thinned_id, packed_id
FROM event_log_retention
"""

# The newest is looked for in every partition.
BOUNDS = """
SELECT dropped_id, greatest(dropped_id, thinned_id) AS thinned_id, packed_id,
    greatest(dropped_id, thinned_id, packed_id, (SELECT max(id) FROM event_log)) AS newest_id
FROM event_log_retention
"""

ROLES = """
SELECT user_id, course_id, role, version FROM enrollments WHERE user_id = ANY(%s)
"""

RANGE = "id > %(after_id)s AND id <= %(up_to_id)s"

# Apart, since progress has partitions of its own: each part reads its partitions alone, by what may
# be seen there. Of the packed ones, only rows that hold some of them.
OTHERS = f"event_log WHERE type <> '{PROGRESS}' AND {RANGE} AND {{others}}"
UNPACKED = f"event_log WHERE type = '{PROGRESS}' AND {RANGE} AND {{progress}}"
PACKED = f"""event_log_unpacked
    WHERE last_id > %(after_id)s AND first_id <= %(up_to_id)s AND {RANGE} AND {{progress}}"""

READ_PART = f"(SELECT {COLUMNS} FROM {{part}} ORDER BY id LIMIT %(limit)s)"
READ_VISIBLE = "SELECT * FROM ({parts}) AS seen ORDER BY id LIMIT %(limit)s"

COUNT_PART = "(SELECT 1 FROM {part} LIMIT %(limit)s)"
COUNT_VISIBLE = """
SELECT count(*) AS visible FROM (SELECT FROM ({parts}) AS parts LIMIT %(limit)s) AS seen
"""

BY_INSTRUCTORS = "course_id = ANY(%(instructor_course_ids)s::text[])"
BY_ALL_STUDENTS = """
course_id = ANY(%(student_course_ids)s::text[]) AND type = ANY(%(student_types)s)
"""
OWN_PROGRESS = "user_id = %(user_id)s AND course_id = ANY(%(student_course_ids)s::text[])"
OWN = f"""
user_id = %(user_id)s AND type = %(enrollment_type)s
OR type = ANY(%(playback_types)s) AND {OWN_PROGRESS}
"""


class NewEvent(msgspec.Struct, frozen=True):
    """A row without an id, which the log assigns."""

    type: str
    video_id: UUID | None
    course_id: str
    user_id: str
    occurred_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Visibility of a reader (the upper half) and its own filter (the lower, None for all)."""

    user_id: str
    is_privileged: bool
    instructor_course_ids: Sequence[str]
    student_course_ids: Sequence[str]
    student_types: Sequence[str]
    playback_types: Sequence[str]
    enrollment_type: str

    scope_video_id: UUID | None = None
    video_id: UUID | None = None
    course_id: str | None = None
    shown_user_id: str | None = None
    types: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Highest ids up to which all was dropped, and up to which progress was, or may be packed.
    0 for none."""

    dropped_id: int
    thinned_id: int
    packed_id: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class Bounds(Dropped):
    """And the highest id that there is. 0 for none."""

    newest_id: int


async def append(transaction: Transaction, events: Sequence[NewEvent]) -> list[int]:
    """Append events; returns their ids in order. Must be the last statement before COMMIT."""
    rows = await transaction.fetch_all(f"{APPEND}RETURNING id", _encode(events))
    return [row.id for row in rows]


async def append_and_commit(
    transaction: Transaction,
    events: Sequence[NewEvent],
    first: tuple[str, Sequence[Any]] | None = None,
) -> None:
    """Append and commit in one round trip, so that other writers wait for the database alone.

    `first` is a statement with its parameters that is run before the lock is taken.
    """
    sql, parameters = first or ("", ())
    before = f"{sql};" if sql else ""
    await transaction.finish(before + APPEND, (*parameters, *_encode(events)))


async def prepare_tail(queries: Queries) -> None:
    """Prepare `read_tail` on a connection that does nothing else."""
    await queries.fetch_all(PREPARE_TAIL)


async def read_tail(queries: Queries, after_id: int, limit: int) -> list[Row]:
    """Returns the next events after `after_id` that are there, on a prepared connection."""
    return await queries.fetch_all(READ_TAIL, (after_id, limit))


async def read_dropped(queries: Queries) -> Dropped:
    row = await queries.fetch_one(DROPPED)
    assert row is not None  # inserted by the migration
    return Dropped(row.dropped_id, row.thinned_id, packed_id=row.packed_id)


async def read_bounds(queries: Queries) -> Bounds:
    row = await queries.fetch_one(BOUNDS)
    assert row is not None  # inserted by the migration
    return Bounds(row.dropped_id, row.thinned_id, row.newest_id, packed_id=row.packed_id)


async def list_roles(queries: Queries, user_ids: list[str]) -> list[Row]:
    """(user_id, course_id, role, version) of every enrolment, withdrawn ones with role None."""
    return await queries.fetch_all(ROLES, (user_ids,))


async def read_visible(
    queries: Queries,
    event_filter: EventFilter,
    after_id: int,
    up_to_id: int,
    limit: int,
    *,
    with_packed: bool = False,
) -> list[Row]:
    """Returns the events of (after_id, up_to_id] that `event_filter` shows, oldest first.

    `with_packed` is needed where `after_id` is below `packed_id`.
    """
    return await queries.fetch_all(
        READ_VISIBLE.format(parts=_build_parts(READ_PART, event_filter, with_packed=with_packed)),
        _build_parameters(event_filter, after_id, up_to_id, limit),
    )


async def count_visible(
    queries: Queries,
    event_filter: EventFilter,
    after_id: int,
    up_to_id: int,
    limit: int,
    *,
    with_packed: bool = False,
) -> int:
    """Counts the events of (after_id, up_to_id] that `event_filter` shows, up to `limit`."""
    row = await queries.fetch_one(
        COUNT_VISIBLE.format(parts=_build_parts(COUNT_PART, event_filter, with_packed=with_packed)),
        _build_parameters(event_filter, after_id, up_to_id, limit),
    )
    return int(row.visible) if row else 0


def _encode(events: Sequence[NewEvent]) -> tuple[str]:
    return (msgspec.json.encode(events).decode(),)


def _build_parts(select: str, event_filter: EventFilter, *, with_packed: bool) -> str:
    # What is packed comes last: where the others are too many to count, nothing is unpacked.
    parts = [OTHERS]
    if event_filter.types is None or PROGRESS in event_filter.types:
        parts += [UNPACKED, PACKED] if with_packed else [UNPACKED]
    # Only the arms that apply, so that each can use its index.
    arms = [BY_INSTRUCTORS, OWN]
    if event_filter.shown_user_id is None:
        arms.append(BY_ALL_STUDENTS)  # shows no user, so no filter by user matches
    others = _build_condition(event_filter, arms)
    progress = _build_condition(event_filter, [BY_INSTRUCTORS, OWN_PROGRESS])
    return " UNION ALL ".join(
        select.format(part=part.format(others=others, progress=progress)) for part in parts
    )


def _build_condition(event_filter: EventFilter, arms: Sequence[str]) -> str:
    conditions = ["TRUE" if event_filter.is_privileged else f"({' OR '.join(arms)})"]
    if event_filter.scope_video_id is not None:
        conditions.append("video_id = %(scope_video_id)s")
    if event_filter.video_id is not None:
        conditions.append("video_id = %(video_id)s")
    if event_filter.course_id is not None:
        conditions.append("course_id = %(course_id)s")
    if event_filter.shown_user_id is not None:
        conditions.append("user_id = %(shown_user_id)s")
    if event_filter.types is not None:
        conditions.append("type = ANY(%(types)s::text[])")
    return " AND ".join(conditions)


def _build_parameters(
    event_filter: EventFilter, after_id: int, up_to_id: int, limit: int
) -> dict[str, Any]:
    values = {name: _adapt(value) for name, value in asdict(event_filter).items()}
    return values | {"after_id": after_id, "up_to_id": up_to_id, "limit": limit}


def _adapt(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
