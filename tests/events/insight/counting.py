"""Figures of a video counted second by second in plain Python, from rows and from reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.insight import figures, rollups
from db.insight.figures import Figures, Period
from db.pool import Database
from db.progress.progress import parse_pieces
from events.insight.folding import settle
from handlers.analytics.periods import FIRST, LAST

EVER = Period(FIRST, LAST)
PROGRESS = """
SELECT user_id, watched::text AS watched, watched_s, completed_at FROM progress WHERE video_id = %s
"""
SESSIONS = "SELECT started_at FROM playback_sessions WHERE video_id = %s"


@dataclass
class Counted:
    viewers: int
    sessions_by_day: dict[Any, int]
    watched_s: float
    completions_by_day: dict[Any, int]
    curve: list[int]


async def count_rows(database: Database, video_id: UUID, duration_s: int) -> Counted:
    """Counts progress and sessions; steps are seconds, as of any video of up to ten minutes."""
    rows = await database.fetch_all(PROGRESS, (str(video_id),))
    sessions = await database.fetch_all(SESSIONS, (str(video_id),))
    seen = [parse_pieces(row.watched) for row in rows]
    middles = [second + 0.5 for second in range(duration_s)]
    return Counted(
        viewers=sum(row.watched_s > 0 for row in rows),
        sessions_by_day=_by_day(row.started_at for row in sessions),
        watched_s=round(sum(row.watched_s for row in rows), 2),
        completions_by_day=_by_day(row.completed_at for row in rows if row.completed_at),
        curve=[
            sum(any(start <= middle < stop for start, stop in pieces) for pieces in seen)
            for middle in middles
        ],
    )


async def read(database: Database, video_id: UUID, course_id: str = "c1") -> Figures:
    await settle(database)
    return await figures.read_viewing(database, course_id, EVER, video_id)


async def read_curve(database: Database, video_id: UUID) -> tuple[list[int], list[int]]:
    await settle(database)
    curve = (await rollups.read_facts(database, [video_id]))[video_id].curve
    assert curve is not None
    return list(curve.viewers), list(curve.plays)


async def counted_from_figures(database: Database, video_id: UUID) -> Counted:
    found = await read(database, video_id)
    viewers, _ = await read_curve(database, video_id)
    days = found.days.items()
    assert found.total.sessions == sum(day.sessions for _, day in days)
    assert found.total.watched_cs == sum(day.watched_cs for _, day in days)
    return Counted(
        viewers=found.total.viewers,
        sessions_by_day={day: seen.sessions for day, seen in days if seen.sessions},
        watched_s=found.total.watched_cs / 100,
        completions_by_day={day: seen.completions for day, seen in days if seen.completions},
        curve=viewers,
    )


def _by_day(moments: Iterable[Any]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for moment in moments:
        found[moment.date()] = found.get(moment.date(), 0) + 1
    return found
