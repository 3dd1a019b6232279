"""Quality of playback: sums by video, day and conditions, and their recount from sessions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from db.insight import figures as moment
from db.insight import quality, quality_sums, rollups
from db.insight.changes import QualityFigures, total
from db.insight.figures import Period
from db.insight.quality import KeptSession, NumberedQuality, QualityGroup, QualityKey
from db.pool import Database, Transaction
from events.insight.disclosure import FEWEST_VIEWERS
from events.insight.reconciliation import bits
from events.progress.measures import parse_measures

MOST_PARTS = 256  # that wait to be summed up together
DAYS_AT_ONCE = 20  # of courses; whoever reads figures meanwhile waits for them

Viewer = tuple[str, str]  # course, user


@dataclass(slots=True)
class QualityDay:
    """Figures and viewers of a key while they are summed."""

    users: set[str] = field(default_factory=set)
    _parts: list[QualityFigures] = field(default_factory=list)

    @property
    def figures(self) -> QualityFigures:
        return total(self._parts)

    def add(self, user_id: str, figures: QualityFigures) -> None:
        self.users.add(user_id)
        self._parts.append(figures)
        if len(self._parts) == MOST_PARTS:
            self._parts = [total(self._parts)]


def numbered(
    course_id: str, key: QualityKey, day: QualityDay, numbers: Mapping[Viewer, int]
) -> NumberedQuality:
    viewers = bits(numbers[course_id, user_id] for user_id in day.users)
    return NumberedQuality(course_id, key, viewers, day.figures)


def summed(video_id: UUID, sessions: Iterable[KeptSession]) -> Mapping[QualityKey, QualityDay]:
    """Returns the figures that sessions add up to."""
    days: dict[QualityKey, QualityDay] = defaultdict(QualityDay)
    for session in sessions:
        measures = parse_measures(session.measures)
        day = days[QualityKey(video_id, session.day, measures.conditions)]
        day.add(session.user_id, measures.figures())
    return days


@dataclass(frozen=True, slots=True)
class QualityRecount:
    """The figures from `since` on that sessions lead to, and whether others are recorded."""

    since: date
    days: Sequence[NumberedQuality]
    differs: bool


async def recount_quality(
    transaction: Transaction, course_id: str, video_id: UUID, since: date
) -> QualityRecount:
    """Recounts a video's quality of the days whose sessions are all kept."""
    recorded = await quality.read_days(transaction, course_id, video_id, since)
    found = summed(video_id, await quality.list_sessions(transaction, video_id, since))
    users = {(course_id, user_id) for day in found.values() for user_id in day.users}
    numbers = await rollups.number_viewers(transaction, users)
    days = [numbered(course_id, key, day, numbers) for key, day in found.items()]
    differs = {one.key: one for one in recorded} != {one.key: one for one in days}
    return QualityRecount(since, days, differs)


async def sum_up_quality(database: Database) -> bool:
    """Sums up some of the courses' days in advance; False when none is left."""
    async with database.transaction() as transaction:
        return await quality_sums.sum_up(transaction, DAYS_AT_ONCE) == DAYS_AT_ONCE


async def read_quality(
    database: Database, course_id: str, period: Period, video_id: UUID | None = None
) -> list[QualityGroup]:
    """Quality of a course or a video in every grouping. The figures must be settled."""
    async with database.transaction() as transaction:
        await transaction.execute(moment.AT_ONE_MOMENT)
        return await quality.read_groups(transaction, course_id, period, FEWEST_VIEWERS, video_id)
