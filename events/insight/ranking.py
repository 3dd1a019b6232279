"""Students of a course in the order of a figure, in pages.

The figures are sums over all progress of the course: what was read is kept for a while, so an order
may be that many seconds old.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from typing import Literal

from db.insight import students
from db.insight.students import StudentStanding
from db.pool import Database
from events.insight.query_cache import QueryCache

Figure = Literal["enrolled", "user_id", "videos_completed", "watched_seconds", "last_seen_at"]
Place = tuple[float | str, str]
"""The figure of a student, and who it is: what a cursor holds."""
Standings = QueryCache[str, Sequence[StudentStanding]]
"""By course."""


@dataclass(frozen=True, slots=True)
class StudentOrder:
    figure: Figure = "enrolled"
    is_descending: bool = False


KEPT_COURSES = 16
KEPT_S = 5.0

NEVER_S = -1.0  # before all times


def standings(database: Database) -> Standings:
    """Returns the figures of the students of a course, some seconds old."""

    async def read(course_id: str) -> Sequence[StudentStanding]:
        return await students.list_standings(database, course_id)

    return QueryCache(read, capacity=KEPT_COURSES, least_s=KEPT_S)


def ranked(
    standings: Sequence[StudentStanding],
    order: StudentOrder,
    after: Place | None,
    limit: int,
    shown: Callable[[str], str] = str,
) -> list[tuple[Place, str]]:
    """Returns the next students behind a place: the place of each, and the user id.

    `shown` is the name by which a user is seen: of equal figures it decides, so that an order tells
    nothing of ids that are not shown.
    """
    placed = ((_place(one, order.figure, shown(one.user_id)), one.user_id) for one in standings)
    if order.is_descending:
        return nlargest(limit, (one for one in placed if after is None or one[0] < after))
    return nsmallest(limit, (one for one in placed if after is None or one[0] > after))


def _place(standing: StudentStanding, figure: Figure, shown: str) -> Place:
    match figure:
        case "user_id":
            return shown, shown
        case "videos_completed":
            return float(standing.videos_completed), shown
        case "watched_seconds":
            return standing.watched_s, shown
        case "last_seen_at":
            seen_at = standing.last_seen_at
            return seen_at.timestamp() if seen_at else NEVER_S, shown
        case "enrolled":
            return standing.created_at.timestamp(), shown
