"""Message types of playback quality; `docs/analytics.md` defines each figure."""

from collections.abc import Iterable, Sequence

import msgspec

from db.insight.changes import QualityFigures
from db.insight.quality import QualityGroup
from events.insight.disclosure import Shown, Withheld, disclosed


class QualityView(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a day, a video, a kind of device, a browser or a network, whose name is `of`.

    All but `viewers` are null where they, or all other groups together, would show what single
    viewers met with, and averages of nothing are.
    """

    of: str
    viewers: int
    withheld: Withheld | None = None
    sessions: int | None = None
    exits_before_start: int | None = None
    failures_before_start: int | None = None
    sessions_with_errors: int | None = None
    startups: int | None = None
    startup_ms: float | None = None
    startup_score: float | None = None
    startups_within_500_ms: int | None = None
    startups_within_1_s: int | None = None
    startups_within_2_s: int | None = None
    startups_within_4_s: int | None = None
    startups_within_8_s: int | None = None
    sessions_with_stalls: int | None = None
    stalls: int | None = None
    stalled_seconds: float | None = None
    stall_ratio: float | None = None
    played_seconds: float | None = None
    dropped_frames: int | None = None
    bitrate: float | None = None
    height: float | None = None


class QualityAnalytics(msgspec.Struct, frozen=True):
    all: QualityView
    days: list[QualityView]
    videos: list[QualityView]
    devices: list[QualityView]
    browsers: list[QualityView]
    networks: list[QualityView]


def quality_analytics(groups: Sequence[QualityGroup]) -> QualityAnalytics:
    shown = disclosed(groups)
    (total,) = _views(shown, None)
    return QualityAnalytics(
        total,
        _views(shown, "day"),
        _views(shown, "video_id"),
        _views(shown, "device"),
        _views(shown, "browser"),
        _views(shown, "network"),
    )


def quality_views(groups: Sequence[QualityGroup], grouping: str) -> list[QualityView]:
    """Returns those of one grouping, by name."""
    return _views(disclosed(groups), grouping)


def _views(shown: Iterable[Shown], grouping: str | None) -> list[QualityView]:
    views = [_view_of(group, withheld) for group, withheld in shown if group.grouping == grouping]
    return sorted(views, key=lambda view: view.of)


def _view_of(group: QualityGroup, withheld: Withheld | None) -> QualityView:
    of = "all" if group.grouping is None else str(group.value)
    if withheld:
        return QualityView(of=of, viewers=group.viewers, withheld=withheld)
    return _view(of, group.viewers, group.figures)


def _view(of: str, viewers: int, sums: QualityFigures) -> QualityView:
    points = _average(sums.startup_points, sums.startups)
    return QualityView(
        of=of,
        viewers=viewers,
        sessions=sums.sessions,
        exits_before_start=sums.sessions - sums.starts - sums.failures,
        failures_before_start=sums.failures,
        sessions_with_errors=sums.errors,
        startups=sums.startups,
        startup_ms=_average(sums.startup_ms, sums.startups),
        startup_score=None if points is None else points / 1000,
        startups_within_500_ms=sums.startups_500,
        startups_within_1_s=sums.startups_1000,
        startups_within_2_s=sums.startups_2000,
        startups_within_4_s=sums.startups_4000,
        startups_within_8_s=sums.startups_8000,
        sessions_with_stalls=sums.stalled_sessions,
        stalls=sums.stalls,
        stalled_seconds=sums.stalled_ms / 1000,
        stall_ratio=_average(sums.stalled_ms, sums.stalled_ms + sums.played_ms),
        played_seconds=sums.played_ms / 1000,
        dropped_frames=sums.dropped_frames,
        bitrate=_average(sums.bits * 1000, sums.bitrate_ms),
        height=_average(sums.height_lines, sums.height_ms),
    )


def _average(total: int, count: int) -> float | None:
    return total / count if count else None
