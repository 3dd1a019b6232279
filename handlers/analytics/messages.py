"""Message types of analytics; `docs/analytics.md` defines each figure."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from db.insight import figures
from db.insight.figures import NO_VIEWING, PopularVideo
from db.insight.rollups import Curve
from db.insight.students import Student
from events.insight.curves import Steps
from events.insight.figures import (
    RetentionCurve,
    VideoFigures,
    ViewingReport,
    average_watched_ratio,
)
from events.privacy.naming import Naming


class DayView(msgspec.Struct, frozen=True):
    """A UTC day on which something was watched, begun or sent."""

    day: date
    viewers: int
    sessions: int
    watched_seconds: float
    bytes: int


class WatchedVideoView(msgspec.Struct, frozen=True):
    video_id: UUID
    title: str
    viewers: int
    completions: int
    average_watched_ratio: float
    watched_seconds: float

    @staticmethod
    def of(seen: VideoFigures) -> "WatchedVideoView":
        return WatchedVideoView(
            seen.video.video_id,
            seen.video.title,
            seen.viewers,
            seen.completions,
            seen.average_watched_ratio,
            seen.watched_cs / 100,
        )


class CourseAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    viewers: int
    sessions: int
    watched_seconds: float
    completions: int
    average_watched_ratio: float
    active_now: int
    days: list[DayView]
    videos: list[WatchedVideoView]


class RetentionView(msgspec.Struct, frozen=True):
    """`viewers` and `plays` of each step of `step` seconds."""

    step: int
    viewers: list[int]
    plays: list[int]

    @staticmethod
    def of(curve: Curve | None) -> "RetentionView":
        """Empty while the duration is unknown."""
        if curve is None or curve.duration_cs is None:
            return RetentionView(1, [], [])
        step_s = Steps(curve.duration_cs).step_s
        return RetentionView(step_s, list(curve.viewers), list(curve.plays))


class VideoAnalytics(CourseAnalytics, frozen=True, kw_only=True):
    """`withheld` is there where `retention` is not: it would show what single viewers did."""

    retention: RetentionView | None
    withheld: Literal["too-few"] | msgspec.UnsetType = msgspec.UNSET


class StudentView(msgspec.Struct, frozen=True):
    """`last_seen_at` is null for who never watched, `stopped_in` (a video, with its title and the
    position in it) for who completed the lesson that they watched last, too."""

    user_id: str
    videos_completed: int
    videos_started: int
    watched_seconds: float
    last_seen_at: datetime | None
    stopped_in: UUID | None
    stopped_in_title: str | None
    stopped_at: float | None

    @staticmethod
    def of(student: Student, naming: Naming) -> "StudentView":
        place = student.stopped_at
        return StudentView(
            naming.shown(student.user_id),
            student.videos_completed,
            student.videos_started,
            student.watched_cs / 100,
            student.last_seen_at,
            place.video_id if place else None,
            place.title if place else None,
            place.position_s if place else None,
        )


class PopularView(msgspec.Struct, frozen=True):
    video_id: UUID
    course_id: str
    title: str
    viewers: int
    watched_seconds: float

    @staticmethod
    def of(video: PopularVideo) -> "PopularView":
        return PopularView(
            video.video_id, video.course_id, video.title, video.viewers, video.watched_cs / 100
        )


class PopularListing(msgspec.Struct, frozen=True):
    """The most watched come first; a list of one page."""

    items: list[PopularView]


def course_analytics(viewing: ViewingReport) -> CourseAnalytics:
    total = viewing.figures.total
    return CourseAnalytics(
        viewers=total.viewers,
        sessions=total.sessions,
        watched_seconds=total.watched_cs / 100,
        completions=total.completions,
        average_watched_ratio=average_watched_ratio(viewing.videos),
        active_now=viewing.active_now,
        days=day_views(viewing),
        videos=[WatchedVideoView.of(video) for video in viewing.videos],
    )


def video_analytics(viewing: ViewingReport, retention: RetentionCurve) -> VideoAnalytics:
    shown = msgspec.structs.asdict(course_analytics(viewing))
    if retention.is_withheld:
        return VideoAnalytics(**shown, retention=None, withheld="too-few")
    return VideoAnalytics(**shown, retention=RetentionView.of(retention.curve))


def day_views(viewing: ViewingReport) -> list[DayView]:
    days = viewing.figures.days
    return [
        _day_view(day, days.get(day, NO_VIEWING), viewing.bytes_by_day.get(day, 0))
        for day in sorted(days.keys() | viewing.bytes_by_day.keys())
    ]


def _day_view(day: date, seen: figures.ViewingCounts, sent_bytes: int) -> DayView:
    return DayView(day, seen.viewers, seen.sessions, seen.watched_cs / 100, sent_bytes)
