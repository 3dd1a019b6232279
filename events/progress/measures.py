"""Measures of a session: what its reports say of the quality of playing, summed up. Pure.

Players count from the opening of their page on, so a count that has fallen began anew. What they
say is bounded: no single viewer can spoil the figures of a course.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from db.insight.changes import Conditions, QualityFigures, ViewingChange
from db.progress.report_batch import Moment
from events.progress.reports import ProgressReport

MOST_STARTUP_MS = 120_000
MOST_STALLS = 1000  # those below are of one report
MOST_STALLED_MS = 600_000
MOST_DROPPED_FRAMES = 1_000_000
MOST_BITRATE = 1_000_000_000
MOST_HEIGHT = 16_384
MOST_MOMENTS = 300  # of a session
NOTED_DROPPED_FRAMES = 5  # of a report
LEAST_RATE = 0.1
UNKNOWN_NETWORK = "unknown"
SCORED_S = 8.0  # of startup, for half of the score


class SessionMeasures(msgspec.Struct, omit_defaults=True):
    """Sums of a session; `last_*` is what its newest report said, `startup_ms` -1: not known."""

    device: str = "other"
    browser: str = "other"
    network: str = UNKNOWN_NETWORK
    startup_ms: int = -1
    has_error: bool = False
    has_played: bool = False  # as far as its requests tell
    stalls: int = 0
    stalled_ms: int = 0
    dropped_frames: int = 0
    played_ms: int = 0
    bitrate_ms: int = 0
    bits: int = 0
    height_ms: int = 0
    height_lines: int = 0
    last_stalls: int = 0
    last_stalled_ms: int = 0
    last_dropped_frames: int = 0
    moments: int = 0

    @property
    def conditions(self) -> Conditions:
        return Conditions(self.device, self.browser, self.network)

    @property
    def has_started(self) -> bool:
        return self.startup_ms >= 0 or self.has_played or self.played_ms > 0

    @property
    def kind(self) -> tuple[int, bool, bool, bool]:
        """All that the counts of sessions in its figures go by; seldom changed by a report."""
        return self.startup_ms, self.has_started, self.has_error, self.stalls > 0

    def add(self, quality: dict[str, Any], played_cs: int, rate: float | None) -> None:
        """Adds a report's `quality` and what it says was played."""
        said = quality.get
        if (startup_ms := said("startup_ms")) is not None and self.startup_ms < 0:
            self.startup_ms = int(min(startup_ms, MOST_STARTUP_MS))
        if "error" in quality:
            self.has_error = True
        if (stalls := said("stalls")) is not None:
            self.stalls += _growth(self.last_stalls, stalls, MOST_STALLS)
            self.last_stalls = stalls
        if (stalled_ms := said("stalled_ms")) is not None:
            stalled = int(min(stalled_ms, 2**53))
            self.stalled_ms += _growth(self.last_stalled_ms, stalled, MOST_STALLED_MS)
            self.last_stalled_ms = stalled
        if (dropped := said("dropped_frames")) is not None:
            self.dropped_frames += _growth(self.last_dropped_frames, dropped, MOST_DROPPED_FRAMES)
            self.last_dropped_frames = dropped
        if played_cs:
            self._play(quality, round(played_cs * 10 / max(rate or 1.0, LEAST_RATE)))

    def _play(self, quality: dict[str, Any], played_ms: int) -> None:
        self.played_ms += played_ms
        if (bitrate := quality.get("bitrate")) is not None:
            self.bitrate_ms += played_ms
            self.bits += int(min(bitrate, MOST_BITRATE)) * played_ms // 1000
        if (height := quality.get("height")) is not None:
            self.height_ms += played_ms
            self.height_lines += min(height, MOST_HEIGHT) * played_ms

    def figures(self) -> QualityFigures:
        """Returns what the session adds to the figures of its day."""
        startup_ms, is_known = self.startup_ms, self.startup_ms >= 0
        has_started = self.has_started
        return QualityFigures(
            sessions=1,
            starts=int(has_started),
            failures=int(self.has_error and not has_started),
            errors=int(self.has_error),
            startups=int(is_known),
            startup_ms=startup_ms if is_known else 0,
            startup_points=score_points(startup_ms) if is_known else 0,
            startups_500=int(is_known and startup_ms <= 500),
            startups_1000=int(is_known and startup_ms <= 1000),
            startups_2000=int(is_known and startup_ms <= 2000),
            startups_4000=int(is_known and startup_ms <= 4000),
            startups_8000=int(is_known and startup_ms <= 8000),
            stalled_sessions=int(self.stalls > 0),
            stalls=self.stalls,
            stalled_ms=self.stalled_ms,
            played_ms=self.played_ms,
            dropped_frames=self.dropped_frames,
            bitrate_ms=self.bitrate_ms,
            bits=self.bits,
            height_ms=self.height_ms,
            height_lines=self.height_lines,
        )


_decode = msgspec.json.Decoder(SessionMeasures).decode


def gained(before: SessionMeasures | None, now: SessionMeasures) -> QualityFigures:
    """Returns what the figures of the day change by: for most reports a few sums."""
    if before is None:
        return now.figures()
    if now.kind != before.kind:
        return now.figures() - before.figures()
    return QualityFigures(
        stalls=now.stalls - before.stalls,
        stalled_ms=now.stalled_ms - before.stalled_ms,
        played_ms=now.played_ms - before.played_ms,
        dropped_frames=now.dropped_frames - before.dropped_frames,
        bitrate_ms=now.bitrate_ms - before.bitrate_ms,
        bits=now.bits - before.bits,
        height_ms=now.height_ms - before.height_ms,
        height_lines=now.height_lines - before.height_lines,
    )


class MeasuredSession:
    """A session's measures while a batch is merged; `day` is that on which it began."""

    __slots__ = ("_before", "_day", "moments", "now")

    def __init__(self, stored: str | None, day: date) -> None:
        """`stored` are its measures as JSON, None before the first."""
        self.now: SessionMeasures | None = None
        self.moments: list[Moment] = []
        self._day = day
        self._before: SessionMeasures | None = None
        if stored is not None:
            self._before = parse_measures(stored)
            self.now = msgspec.structs.replace(self._before)

    def add(self, report: ProgressReport, played_cs: int, made_at: datetime) -> None:
        """Adds a report that has measured something, made at that time."""
        quality = report.quality or {}
        if self.now is None:
            network = quality.get("network", UNKNOWN_NETWORK)
            self.now = SessionMeasures(report.device, report.browser, network)
        before = msgspec.structs.replace(self.now)
        self.now.add(quality, played_cs, report.rate)
        for kind, details in _noteworthy(report, before, self.now):
            if self.now.moments < MOST_MOMENTS:
                self.now.moments += 1
                self.moments.append(
                    Moment(
                        report.user_id, report.video_id, report.session_id, made_at, kind, details
                    )
                )

    def change(self, user_id: str, video_id: UUID) -> ViewingChange:
        assert self.now is not None  # made for a report that has measured something
        changed = self.now.conditions, gained(self._before, self.now)
        return ViewingChange(video_id, user_id, self._day, quality=changed)


def _noteworthy(
    report: ProgressReport, before: SessionMeasures, now: SessionMeasures
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields what a report says that one wants to know when playing went wrong."""
    place = {"position": report.position_s}
    if now.startup_ms != before.startup_ms:
        yield "shown", {"startup_ms": now.startup_ms}
    if now.stalls != before.stalls or now.stalled_ms != before.stalled_ms:
        waited_ms = now.stalled_ms - before.stalled_ms
        yield "stalled", {**place, "stalls": now.stalls - before.stalls, "stalled_ms": waited_ms}
    if (dropped := now.dropped_frames - before.dropped_frames) >= NOTED_DROPPED_FRAMES:
        yield "frames-dropped", {**place, "frames": dropped}
    if now.has_error and not before.has_error:
        yield "error", {**place, "message": (report.quality or {})["error"]}
    if report.event != "progress":
        yield report.event, place


def parse_measures(text: str) -> SessionMeasures:
    return _decode(text)


def score_points(startup_ms: int) -> int:
    """Mux's Startup Time Score, 100 * 8 / (8 + seconds), in thousandths of a point."""
    return round(100_000 * SCORED_S / (SCORED_S + startup_ms / 1000))


def _growth(last: int, said: int, most: int) -> int:
    return min(said - last if said >= last else said, most)
