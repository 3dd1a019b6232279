"""Quality of playback by video, day, device, browser and network: added, read and recounted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from db.insight.changes import Conditions, QualityFigures
from db.insight.figures import OF_COURSE, OF_VIDEO, WIDTH, Period
from db.insight.rollups import from_bits, to_bits
from db.pool import Queries, Row, Transaction
from db.progress.report_batch import MEASURES

FIGURES = QualityFigures.__struct_fields__
COLUMNS = ", ".join(FIGURES)

ADD = f"""
INSERT INTO quality_days AS q (
    video_id, day, device, browser, network, course_id, viewers, {COLUMNS}
)
SELECT video_id, day, device, browser, network, course_id, viewers::varbit, {COLUMNS}
FROM json_to_recordset(%(days)s) AS a (
    video_id uuid, day date, device text, browser text, network text, course_id text,
    viewers text, {", ".join(f"{name} bigint" for name in FIGURES)}
)
ON CONFLICT (video_id, day, device, browser, network) DO UPDATE SET
    viewers = viewers_united(q.viewers, excluded.viewers),
    {", ".join(f"{name} = q.{name} + excluded.{name}" for name in FIGURES)}
"""

READ_DAYS = f"""
SELECT day, device, browser, network, viewers::text AS viewers, {COLUMNS}
FROM quality_days WHERE video_id = %s AND day >= %s
"""

DELETE_DAYS = "DELETE FROM quality_days WHERE video_id = %s AND day >= %s"

# Those of reports, then those of requests. A day is of UTC, as everywhere.
SESSIONS = f"""
SELECT (started_at AT TIME ZONE 'UTC')::date AS day, user_id, {MEASURES} AS measures
FROM playback_sessions s
WHERE video_id = %(video_id)s AND started_at >= %(since)s AND {MEASURES} IS NOT NULL
UNION ALL
SELECT (started_at AT TIME ZONE 'UTC')::date AS day, user_id, measures::text AS measures
FROM cmcd_sessions
WHERE video_id = %(video_id)s AND started_at >= %(since)s AND measures IS NOT NULL
"""

PARTS = "q.video_id, q.device, q.browser, q.network"


def sums_of(table: str) -> str:
    """The columns of figures, each a sum over rows of the table."""
    return ", ".join(f"coalesce(sum({table}.{name}), 0)::bigint AS {name}" for name in FIGURES)


COUNTED = f"""
SELECT q.day, {PARTS}, bit_or(q.viewers) AS seen, {sums_of("q")}
FROM (
    SELECT day, video_id, course_id, device, browser, network,
        viewers::bit({{width}}) AS viewers, {COLUMNS}
    FROM quality_days WHERE {{chosen}} AND day >= %(since)s AND day < %(until)s
) AS q
JOIN videos v ON v.id = q.video_id AND v.course_id = q.course_id AND v.deleted_at IS NULL
WHERE v.course_id = %(course_id)s  -- or all videos would be read for those of one course
GROUP BY GROUPING SETS ((q.day, q.device, q.browser, q.network), (q.day, q.video_id))
"""

# Days that are summed up already, the others counted; or all counted, of a video.
SUMS_OF_COURSE = f"""
SELECT day, video_id, device, browser, network, viewers::bit({{width}}) AS seen, {COLUMNS}
FROM quality_sums
WHERE course_id = %(course_id)s AND day >= %(since)s AND day < %(until)s
    AND day <> ALL (ARRAY(SELECT day FROM unsummed))
UNION ALL TABLE counted
"""
UNSUMMED_OF_COURSE = f"{OF_COURSE} AND day = ANY (ARRAY(SELECT day FROM unsummed))"

# Groupings of the same days: all, by day, by video, and by each of the conditions. Parts are summed
# up once more: they are few. `few_viewers` are those of all groups of a grouping that have fewer
# than `fewest`, each viewer once.
SUMMED = f"""
WITH unsummed AS MATERIALIZED (
    SELECT DISTINCT day FROM quality_unsummed
    WHERE course_id = %(course_id)s AND day >= %(since)s AND day < %(until)s
), counted AS MATERIALIZED ({{counted}}), parts AS NOT MATERIALIZED ({{parts}}), summed AS (
    SELECT p.day, NULL AS video_id, p.device, p.browser, p.network,
        grouping(p.day, p.device, p.browser, p.network) AS grouped, bit_or(p.seen) AS seen,
        {sums_of("p")}
    FROM parts p WHERE p.video_id IS NULL
    GROUP BY GROUPING SETS ((), (p.day), (p.device), (p.browser), (p.network))
    UNION ALL
    SELECT NULL, p.video_id::text, NULL, NULL, NULL, -1 AS grouped, bit_or(p.seen) AS seen,
        {sums_of("p")}
    FROM parts p WHERE p.video_id IS NOT NULL GROUP BY p.video_id
)
SELECT day, video_id, device, browser, network, {COLUMNS},
    coalesce(bit_count(seen), 0) AS viewers,
    coalesce(bit_count(
        bit_or(seen) FILTER (WHERE bit_count(seen) < %(fewest)s) OVER (PARTITION BY grouped)
    ), 0) AS few_viewers
FROM summed
"""
OF_ONE_COURSE = SUMMED.format(
    counted=COUNTED.format(chosen=UNSUMMED_OF_COURSE, width="{width}"), parts=SUMS_OF_COURSE
)
OF_ONE_VIDEO = SUMMED.format(
    counted=COUNTED.format(chosen=OF_VIDEO, width="{width}"), parts="TABLE counted"
)
GROUPINGS = ("day", "video_id", "device", "browser", "network")


class QualityKey(msgspec.Struct, frozen=True, order=True):
    video_id: UUID
    day: date
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class NumberedQuality:
    """Figures of a key; `viewers` are the numbers of its viewers, as bits of an integer."""

    course_id: str
    key: QualityKey
    viewers: int
    figures: QualityFigures


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A session that is kept; `measures` are JSON."""

    day: date
    user_id: str
    measures: str


@dataclass(frozen=True, slots=True)
class QualityGroup:
    """The figures of what has `value` in `grouping`, one of `GROUPINGS`; None: of all.

    `few_viewers` is the number of viewers of all groups of the grouping that have few.
    """

    grouping: str | None
    value: Any
    viewers: int
    figures: QualityFigures
    few_viewers: int


async def add(transaction: Transaction, days: Iterable[NumberedQuality]) -> None:
    rows = [
        {
            "video_id": one.key.video_id,
            "day": one.key.day,
            "course_id": one.course_id,
            "viewers": to_bits(one.viewers),
            **_named(one.key.conditions),
            **_named(one.figures),
        }
        for one in days
    ]
    if rows:
        await transaction.execute(ADD, {"days": msgspec.json.encode(rows).decode()})


async def read_days(
    queries: Queries, course_id: str, video_id: UUID, since: date
) -> list[NumberedQuality]:
    """A video's figures from that day on."""
    rows = await queries.fetch_all(READ_DAYS, (str(video_id), since))
    return [
        NumberedQuality(
            course_id,
            QualityKey(video_id, row.day, Conditions(row.device, row.browser, row.network)),
            from_bits(row.viewers),
            _figures(row),
        )
        for row in rows
    ]


async def replace_days(
    transaction: Transaction, video_id: UUID, since: date, days: Iterable[NumberedQuality]
) -> None:
    """Puts others in the place of a video's figures from that day on."""
    await transaction.execute(DELETE_DAYS, (str(video_id), since))
    await add(transaction, days)


async def list_sessions(queries: Queries, video_id: UUID, since: date) -> list[KeptSession]:
    """Sessions with measures that began on that day or later."""
    rows = await queries.fetch_all(SESSIONS, {"video_id": str(video_id), "since": since})
    return [KeptSession(row.day, row.user_id, row.measures) for row in rows]


async def read_groups(
    queries: Queries, course_id: str, period: Period, fewest: int, video_id: UUID | None = None
) -> list[QualityGroup]:
    """Figures of a course, or of one of its videos, in every grouping; fewer than `fewest` viewers
    are few."""
    width = await queries.fetch_one(WIDTH, (course_id,))
    assert width is not None
    sql = (OF_ONE_COURSE if video_id is None else OF_ONE_VIDEO).format(width=width.width)
    parameters = {
        "course_id": course_id,
        "video_id": str(video_id),
        "since": period.since,
        "until": period.until,
        "fewest": fewest,
    }
    return [
        _group(row) for row in await queries.fetch_all(sql.format(width=width.width), parameters)
    ]


def _group(row: Row) -> QualityGroup:
    grouping = next((name for name in GROUPINGS if getattr(row, name) is not None), None)
    value = getattr(row, grouping) if grouping else None
    return QualityGroup(grouping, value, row.viewers, _figures(row), row.few_viewers)


def _figures(row: Row) -> QualityFigures:
    return QualityFigures(*(getattr(row, name) for name in FIGURES))


def _named(values: Conditions | QualityFigures) -> dict[str, Any]:
    return msgspec.structs.asdict(values)
