"""Figures of viewing as teachers read them: brought up to date, then read at one moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from db.insight import figures, rollups
from db.insight.figures import NO_VIEWING, Figures, Period, PopularVideo, VideoTitle
from db.insight.rollups import Curve
from db.pool import Database, Transaction
from db.processes import clock
from events.insight.curves import Steps
from events.insight.disclosure import FEWEST_VIEWERS
from events.insight.folding import settle_all, settle_course

MOST_POPULAR = 50


@dataclass(frozen=True, slots=True)
class VideoFigures:
    video: VideoTitle
    viewers: int
    sessions: int
    watched_cs: int
    completions: int

    @property
    def seen_durations(self) -> float:
        """The sum of the watched ratios of all viewers."""
        duration_cs = self.video.duration_cs
        return min(self.watched_cs / duration_cs, self.viewers) if duration_cs else 0.0

    @property
    def average_watched_ratio(self) -> float:
        return average_watched_ratio([self])


@dataclass(frozen=True, slots=True)
class RetentionCurve:
    """The curve of a video; None where it would show what single viewers did."""

    curve: Curve | None
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class ViewingReport:
    """Viewing of a course, or of one video; `bytes_by_day` is what was sent."""

    figures: Figures
    videos: Sequence[VideoFigures]
    bytes_by_day: dict[date, int]
    active_now: int


def average_watched_ratio(videos: Iterable[VideoFigures]) -> float:
    """Returns the mean over all pairs of a video and one of its viewers."""
    counted = [video for video in videos if video.video.duration_cs]
    pairs = sum(video.viewers for video in counted)
    return sum(video.seen_durations for video in counted) / pairs if pairs else 0.0


async def read_course(database: Database, course_id: str, period: Period) -> ViewingReport:
    """Raises: FiguresNotReady, DatabaseError."""
    await settle_course(database, course_id)
    async with database.transaction() as transaction:
        await transaction.execute(figures.AT_ONE_MOMENT)
        return await _read(transaction, course_id, period, None)


async def read_video(
    database: Database, course_id: str, video_id: UUID, period: Period
) -> tuple[ViewingReport, RetentionCurve]:
    """Raises: FiguresNotReady, DatabaseError."""
    await settle_course(database, course_id)
    async with database.transaction() as transaction:
        await transaction.execute(figures.AT_ONE_MOMENT)
        viewing = await _read(transaction, course_id, period, video_id)
        return viewing, await _read_retention(transaction, video_id)


async def read_popular(database: Database, days: int, course_id: str | None) -> list[PopularVideo]:
    """Videos by their viewers of the last days, today included.

    Raises: FiguresNotReady, DatabaseError.
    """
    await (settle_all(database) if course_id is None else settle_course(database, course_id))
    tomorrow = (await clock.now(database)).date() + timedelta(days=1)
    period = Period(tomorrow - timedelta(days=days), tomorrow)
    return await figures.list_popular(database, period, course_id, MOST_POPULAR)


async def _read(
    transaction: Transaction, course_id: str, period: Period, video_id: UUID | None
) -> ViewingReport:
    found = await figures.read_viewing(transaction, course_id, period, video_id)
    titles = await figures.list_videos(transaction, course_id)
    return ViewingReport(
        found,
        [
            _video_figures(title, found)
            for title in titles
            if video_id is None or title.video_id == video_id
        ],
        await figures.read_bytes(transaction, course_id, period, video_id),
        await figures.count_active(transaction, course_id, video_id),
    )


async def _read_retention(transaction: Transaction, video_id: UUID) -> RetentionCurve:
    """Withheld by all viewers there ever were: the curve is of them, whatever the period."""
    viewers = await figures.count_viewers(transaction, video_id)
    if 0 < viewers < FEWEST_VIEWERS:
        return RetentionCurve(None, is_withheld=True)
    facts = (await rollups.read_facts(transaction, [video_id])).get(video_id)
    if facts is None or facts.duration_cs is None:
        return RetentionCurve(None, is_withheld=False)
    if facts.curve is not None:
        return RetentionCurve(facts.curve, is_withheld=False)
    nobody = [0] * Steps(facts.duration_cs).count
    return RetentionCurve(
        Curve(video_id, False, facts.duration_cs, nobody, nobody), is_withheld=False
    )


def _video_figures(title: VideoTitle, found: Figures) -> VideoFigures:
    seen = found.videos.get(title.video_id, NO_VIEWING)
    return VideoFigures(title, seen.viewers, seen.sessions, seen.watched_cs, seen.completions)
