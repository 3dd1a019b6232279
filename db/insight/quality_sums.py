"""Quality of courses by day, summed up in advance: over conditions, and over videos.

Triggers mark each day that has changed. Readers take marked days from `quality_days`, the others
from here, so both together are exact in every snapshot, and summing up only makes reading cheaper.
"""

from dataclasses import dataclass
from datetime import date

from db.insight import rollups
from db.insight.quality import COLUMNS, PARTS, sums_of
from db.pool import Queries, Transaction

# Whoever deletes or restores a video holds a lock of this table that this one waits for.
LOCK = "LOCK TABLE quality_unsummed IN SHARE ROW EXCLUSIVE MODE"

IN_SUMS = f"course_id, day, video_id, device, browser, network, viewers, {COLUMNS}"

COUNTED = f"""
SELECT d.course_id, d.day, q.video_id, q.device, q.browser, q.network, q.viewers, {COLUMNS}
FROM {{days}} AS d CROSS JOIN LATERAL (
    SELECT {PARTS}, viewers_union(q.viewers) AS viewers, {sums_of("q")}
    FROM quality_days q
    JOIN videos v ON v.id = q.video_id AND v.course_id = q.course_id AND v.deleted_at IS NULL
    WHERE q.course_id = d.course_id AND q.day = d.day
    GROUP BY GROUPING SETS ((q.device, q.browser, q.network), (q.video_id))
) AS q
"""

# Days before yesterday: later ones still change with most reports.
SUM_UP = f"""
WITH chosen AS MATERIALIZED (
    SELECT DISTINCT course_id, day FROM quality_unsummed
    WHERE day < (now() AT TIME ZONE 'UTC')::date - 1 LIMIT %s
), unmarked AS (
    DELETE FROM quality_unsummed u USING chosen c WHERE (u.course_id, u.day) = (c.course_id, c.day)
), removed AS (
    DELETE FROM quality_sums s USING chosen c WHERE (s.course_id, s.day) = (c.course_id, c.day)
), added AS (
    INSERT INTO quality_sums ({IN_SUMS}) {COUNTED.format(days="chosen")}
)
SELECT count(*) AS days FROM chosen
"""

NEXT_DAY = """
SELECT course_id, day FROM (
    (SELECT course_id, day FROM quality_days WHERE (course_id, day) > (%(course_id)s, %(day)s)
     ORDER BY course_id, day LIMIT 1)
    UNION ALL
    (SELECT course_id, day FROM quality_sums WHERE (course_id, day) > (%(course_id)s, %(day)s)
     ORDER BY course_id, day LIMIT 1)
) AS following ORDER BY course_id, day LIMIT 1
"""

DIFFERS = f"""
WITH counted AS MATERIALIZED (
    {COUNTED.format(days="(SELECT %(course_id)s::text AS course_id, %(day)s::date AS day)")}
), recorded AS MATERIALIZED (
    SELECT {IN_SUMS} FROM quality_sums WHERE course_id = %(course_id)s AND day = %(day)s
)
SELECT NOT EXISTS (
        SELECT FROM quality_unsummed WHERE course_id = %(course_id)s AND day = %(day)s)
    AND (EXISTS (TABLE counted EXCEPT ALL TABLE recorded)
        OR EXISTS (TABLE recorded EXCEPT ALL TABLE counted)) AS differs
"""

MARK = "INSERT INTO quality_unsummed (course_id, day) VALUES (%s, %s)"


@dataclass(frozen=True, slots=True)
class CourseDay:
    course_id: str
    day: date


BEFORE_ALL = CourseDay("", date.min)


async def sum_up(transaction: Transaction, limit: int) -> int:
    """Sums up to `limit` of the marked days; returns their number. The transaction's first call."""
    await rollups.lock(transaction)
    await transaction.execute(LOCK)
    [row] = await transaction.fetch_all(SUM_UP, (limit,))
    return int(row.days)


async def next_day(queries: Queries, after: CourseDay) -> CourseDay | None:
    """The next day, by course, that has quality or sums."""
    row = await queries.fetch_one(NEXT_DAY, {"course_id": after.course_id, "day": after.day})
    return CourseDay(row.course_id, row.day) if row else None


async def differs(queries: Queries, day: CourseDay) -> bool:
    """Returns whether a day is not marked, and yet its sums are not those of its videos."""
    row = await queries.fetch_one(DIFFERS, {"course_id": day.course_id, "day": day.day})
    return row is not None and bool(row.differs)


async def mark(transaction: Transaction, day: CourseDay) -> None:
    """Has a day summed up anew."""
    await transaction.execute(MARK, (day.course_id, day.day))
