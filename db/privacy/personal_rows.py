"""One person's rows: read page by page, renamed or deleted in steps that hold no lock for long."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from uuid import UUID

from db.pool import Database, Queries, Row, Transaction
from db.privacy.personal_columns import PERSONAL_COLUMNS, Erasing, PersonalColumn

ROWS_AT_ONCE = 500

PAGE = """
SELECT (to_jsonb(t) - %(hidden)s::text[])::text AS shown, {texts}
FROM {table} t WHERE {column} = %(user_id)s{after}
ORDER BY {order} LIMIT %(limit)s
"""

# By their key, since a table of days may hold a ctid more than once.
SOME = """
{verb} {table} t {change} WHERE ({names}) IN (
    SELECT {names} FROM {table} WHERE {column} = %(user_id)s LIMIT %(limit)s
) AND {column} = %(user_id)s RETURNING 1 AS one
"""

# As whoever replaces a film: the video first, then its viewers. Figures refer to the videos.
LOCK_VIDEOS = """
SELECT FROM videos WHERE id IN (SELECT video_id FROM progress WHERE user_id = %s)
ORDER BY id FOR KEY SHARE
"""

# A statement of its own: the next one sees the sessions of reports that held these rows.
LOCK_PROGRESS = """
SELECT video_id::text AS video_id FROM progress WHERE user_id = %s ORDER BY video_id LIMIT %s
FOR UPDATE
"""

# One statement, at whose end the foreign key holds again.
RENAME_PROGRESS = """
WITH sessions AS (
    UPDATE playback_sessions SET user_id = %(name)s
    WHERE user_id = %(user_id)s AND video_id = ANY(%(video_ids)s::uuid[])
)
UPDATE progress SET user_id = %(name)s
WHERE user_id = %(user_id)s AND video_id = ANY(%(video_ids)s::uuid[])
"""

# An earlier erasure of the same person gives way; versions go on rising.
FORGET_EARLIER = """
DELETE FROM enrollments e WHERE user_id = %(name)s AND EXISTS (
    SELECT FROM enrollments n WHERE n.course_id = e.course_id AND n.user_id = %(user_id)s
)
"""

WITHDRAW = """
WITH before AS MATERIALIZED (
    SELECT course_id, role FROM enrollments WHERE user_id = %(user_id)s
    ORDER BY course_id FOR UPDATE
)
UPDATE enrollments e SET user_id = %(name)s, sealed_user_id = %(sealed)s, role = NULL,
    version = e.version + 1, updated_at = now()
FROM before WHERE e.course_id = before.course_id AND e.user_id = %(user_id)s
RETURNING e.course_id, e.version, before.role IS NOT NULL AS was_enrolled
"""

HAS_UPLOADED = """
SELECT EXISTS (SELECT FROM videos WHERE uploaded_by = %(user_id)s) OR EXISTS (
    SELECT FROM event_log WHERE user_id = %(user_id)s AND type LIKE 'video.%%'
) AS has_uploaded
"""

RENAME_UPLOADS = """
UPDATE videos SET uploaded_by = %(name)s
WHERE id IN (SELECT id FROM videos WHERE uploaded_by = %(user_id)s LIMIT %(limit)s)
RETURNING id
"""

# `uploaded_by` in the copies of a video that its events carry.
RENAME_IN_EVENTS = """
UPDATE event_log SET payload = jsonb_set(payload, '{video,uploaded_by}', to_jsonb(%(name)s::text))
WHERE id > %(after)s AND id <= %(last)s AND type LIKE 'video.%%'
  AND payload -> 'video' ->> 'uploaded_by' = %(user_id)s
"""

# By the events that there are: after a fail-over their ids go on far above.
STEP = """
SELECT max(id) AS last, count(*) AS count
FROM (SELECT id FROM event_log WHERE id > %s ORDER BY id LIMIT %s) AS step
"""

RENAME_IN_DELIVERIES = """
UPDATE webhook_deliveries
SET payload = jsonb_set(payload, '{video,uploaded_by}', to_jsonb(%(name)s::text))
WHERE type LIKE 'video.%%' AND payload -> 'video' ->> 'uploaded_by' = %(user_id)s
"""

FORGET_ERASED = """
WITH old AS (
    SELECT course_id, user_id FROM enrollments
    WHERE sealed_user_id IS NOT NULL AND updated_at < now() - make_interval(secs => %s)
)
DELETE FROM enrollments WHERE (course_id, user_id) IN (SELECT course_id, user_id FROM old)
"""

EVENTS_AT_ONCE = 20_000
OF_FIGURES = ("progress", "course_viewers")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """An enrolment that was ended; `version` is the one that ends its grants."""

    course_id: str
    version: int


async def read_all(database: Database, user_id: str) -> AsyncIterator[tuple[str, str]]:
    """Yields (kind, JSON) of every row of the person, a page at a time."""
    for personal in (one for one in PERSONAL_COLUMNS if one.is_shown):
        key: Sequence[str] | None = None
        while key is None or key:
            rows = await _page(database, personal, user_id, key)
            for row in rows:
                yield personal.kind, row.shown
            key = rows[-1][1:] if len(rows) == ROWS_AT_ONCE else ()


async def withdraw(
    transaction: Transaction, user_id: str, name: str, sealed: str
) -> list[Withdrawal]:
    """End all enrolments and put `name` in their place; returns those that were not over."""
    parameters = {"user_id": user_id, "name": name, "sealed": sealed}
    await transaction.execute(FORGET_EARLIER, parameters)
    rows = await transaction.fetch_all(WITHDRAW, parameters)
    return [Withdrawal(row.course_id, row.version) for row in rows if row.was_enrolled]


async def rename_progress(transaction: Transaction, user_id: str, name: str) -> None:
    """Rename the person's progress and sessions; their videos stay as they are until the end of
    the transaction."""
    await transaction.execute(LOCK_VIDEOS, (user_id,))
    video_ids: list[str] | None = None
    while video_ids is None or len(video_ids) == ROWS_AT_ONCE:
        rows = await transaction.fetch_all(LOCK_PROGRESS, (user_id, ROWS_AT_ONCE))
        video_ids = [row.video_id for row in rows]
        parameters = {"user_id": user_id, "name": name, "video_ids": video_ids}
        await transaction.execute(RENAME_PROGRESS, parameters)


async def rename_viewer(transaction: Transaction, user_id: str, name: str) -> None:
    """Give the person's numbers in the figures of courses to `name`."""
    [viewer] = [one for one in PERSONAL_COLUMNS if one.table == "course_viewers"]
    sql = _step(viewer, "UPDATE", f"SET {viewer.column} = %(name)s")
    parameters = {"user_id": user_id, "name": name, "limit": ROWS_AT_ONCE}
    while len(await transaction.fetch_all(sql, parameters)) == ROWS_AT_ONCE:
        pass


async def erase(database: Database, user_id: str, name: str) -> int:
    """Rename or delete the person's rows but for enrolments and what figures are made of; returns
    how many there were.

    Each step is a transaction of its own, so it can be repeated after any of them.
    """
    erased = 0
    for personal in PERSONAL_COLUMNS:
        if personal.erasing is Erasing.RENAME and personal.table not in OF_FIGURES:
            change = f"SET {personal.column} = %(name)s"
            erased += await _in_steps(database, _step(personal, "UPDATE", change), user_id, name)
        elif personal.erasing is Erasing.DELETE:
            erased += await _in_steps(database, _step(personal, "DELETE FROM", ""), user_id, name)
    return erased


async def has_uploaded(queries: Queries, user_id: str) -> bool:
    """True if copies of a video in events may name the person; ask before `erase`."""
    row = await queries.fetch_one(HAS_UPLOADED, {"user_id": user_id})
    return bool(row and row.has_uploaded)


async def rename_uploads(transaction: Transaction, user_id: str, name: str) -> list[UUID]:
    """Rename the uploader of some of the person's videos; none when all are renamed."""
    parameters = {"user_id": user_id, "name": name, "limit": ROWS_AT_ONCE}
    rows = await transaction.fetch_all(RENAME_UPLOADS, parameters)
    return [UUID(str(row.id)) for row in rows]


async def rename_in_copies(database: Database, user_id: str, name: str) -> None:
    """Replace the person in the copies of videos that events carry: looks through the whole log."""
    after, count = 0, EVENTS_AT_ONCE
    while count == EVENTS_AT_ONCE:
        async with database.transaction() as transaction:
            [step] = await transaction.fetch_all(STEP, (after, EVENTS_AT_ONCE))
            parameters = {"user_id": user_id, "name": name, "after": after, "last": step.last}
            await transaction.execute(RENAME_IN_EVENTS, parameters)
        after, count = step.last, step.count
    async with database.transaction() as transaction:
        await transaction.execute(RENAME_IN_DELIVERIES, {"user_id": user_id, "name": name})


async def forget_erased_enrollments(transaction: Transaction, older_than_s: float) -> None:
    """Delete erased enrolments whose grants have all expired."""
    await transaction.execute(FORGET_ERASED, (older_than_s,))


async def _page(
    database: Database, personal: PersonalColumn, user_id: str, key: Sequence[str] | None
) -> list[Row]:
    columns = personal.key
    names = ", ".join(name for name, _ in columns)
    given = ", ".join(f"%({name})s::{kind}" for name, kind in columns)
    sql = PAGE.format(
        texts=", ".join(f"{name}::text" for name, _ in columns),
        table=personal.shown or personal.table,
        column=personal.column,
        order=", ".join(f"t.{name}" for name, _ in columns),  # not its text
        after=f" AND ({names}) > ({given})" if key else "",
    )
    parameters: dict[str, Any] = {
        "user_id": user_id,
        "hidden": list(personal.hidden),
        "limit": ROWS_AT_ONCE,
    }
    parameters |= dict(zip((name for name, _ in columns), key or repeat(None), strict=False))
    return await database.fetch_all(sql, parameters)


def _step(personal: PersonalColumn, verb: str, change: str) -> str:
    names = ", ".join(name for name, _ in personal.key)
    return SOME.format(
        verb=verb, table=personal.table, column=personal.column, names=names, change=change
    )


async def _in_steps(database: Database, sql: str, user_id: str, name: str) -> int:
    parameters = {"user_id": user_id, "name": name, "limit": ROWS_AT_ONCE}
    total, count = 0, ROWS_AT_ONCE
    while count >= ROWS_AT_ONCE:
        async with database.transaction() as transaction:
            count = len(await transaction.fetch_all(sql, parameters))
        total += count
    return total
