"""Merging of a batch of progress reports into row changes and events. Pure.

Decides which reports are late or duplicates, which one sets the position, what was watched, and
which events follow. Reports are applied in the order of their arrival.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from db.progress.progress import ProgressState
from db.progress.report_batch import (
    PlaybackState,
    ProgressChange,
    SessionChange,
    SessionKey,
    Standing,
    VideoKey,
)
from events.log.types import (
    PlaybackCompleted,
    PlaybackEvent,
    PlaybackProgressed,
    PlaybackStarted,
    PlaybackStopped,
)
from events.progress.reports import ProgressReport

EVENT_OF_REPORT: Mapping[str, type[PlaybackEvent]] = {
    "started": PlaybackStarted,
    "stopped": PlaybackStopped,
}
STATE_OF_REPORT: Mapping[str, PlaybackState] = {"paused": "paused", "stopped": "stopped"}


def to_database_clock(
    reports: Sequence[ProgressReport], standings: Mapping[SessionKey, Standing], now: datetime
) -> Sequence[ProgressReport]:
    """Converts `received_at` from our clock, now at `now`, to the database's, shared by all hosts.

    No report is dated later than the database's clock was read.
    """
    if not standings:
        return reports
    read_at = next(iter(standings.values())).read_at
    ahead = now - read_at
    return [
        msgspec.structs.replace(report, received_at=min(report.received_at - ahead, read_at))
        for report in reports
    ]


def session_key(report: ProgressReport) -> SessionKey:
    return SessionKey(report.user_id, report.video_id, report.session_id)


def effective_at(report: ProgressReport) -> datetime:
    """Returns when the report was made: its arrival minus the time it waited in the client."""
    if not report.delayed_s:
        return report.received_at
    return report.received_at - timedelta(seconds=report.delayed_s)


def multirange(pieces: Iterable[tuple[float, float]]) -> str:
    """Returns a nummultirange literal without the empty intervals."""
    return "{" + ",".join(f"[{start!r},{stop!r})" for start, stop in pieces if start < stop) + "}"


@dataclass(slots=True)
class _Session:
    """One playback session's state while a batch is merged."""

    last_sequence: int | None
    started_at: datetime
    last_report_at: datetime
    latest: ProgressReport | None = None  # neither late nor a duplicate
    rate: float | None = None
    quality: dict[str, Any] = field(default_factory=dict)

    def apply(self, report: ProgressReport) -> bool:
        """Applies a report; False when it is late or a duplicate."""
        if self.last_sequence is not None and report.sequence <= self.last_sequence:
            return False
        self.last_sequence = report.sequence
        self.last_report_at = max(self.last_report_at, report.received_at)
        self.latest = report
        self.rate = self.rate if report.rate is None else report.rate
        self.quality |= report.quality or {}
        return True

    def change(self, key: SessionKey) -> SessionChange | None:
        if self.latest is None:
            return None
        return SessionChange(
            user_id=key.user_id,
            video_id=key.video_id,
            session_id=key.session_id,
            last_sequence=self.latest.sequence,
            state=STATE_OF_REPORT.get(self.latest.event, "playing"),
            position_s=self.latest.position_s,
            rate=self.rate,
            quality=self.quality,
            started_at=self.started_at,
            last_report_at=self.last_report_at,
        )


@dataclass(slots=True)
class _Video:
    """One user's progress in one video while a batch is merged."""

    position_at: datetime | None
    position_session_id: str | None
    received_at: datetime
    holder: ProgressReport | None = None  # the report that sets the position
    watched: list[tuple[float, float]] = field(default_factory=list)

    def apply(self, report: ProgressReport, is_new: bool) -> None:
        self.received_at = max(self.received_at, report.received_at)
        self.watched.extend(report.watched)
        if is_new:
            self._move(report, effective_at(report))

    def _move(self, report: ProgressReport, at: datetime) -> None:
        # Reports are ordered by sequence within a session, by time across sessions.
        is_same_session = report.session_id == self.position_session_id
        if self.position_at is None or is_same_session or at >= self.position_at:
            self.position_at = max(at, self.position_at) if self.position_at else at
            self.position_session_id = report.session_id
            self.holder = report

    def change(self, key: VideoKey) -> ProgressChange:
        is_moved = self.holder is not None
        return ProgressChange(
            user_id=key.user_id,
            video_id=key.video_id,
            position_s=self.holder.position_s if self.holder else None,
            position_at=self.position_at if is_moved else None,
            position_session_id=self.position_session_id if is_moved else None,
            watched=multirange(self.watched),
            received_at=self.received_at,
        )


class AppliedReport(msgspec.Struct, frozen=True):
    """A report with the standing before it; `is_new`: neither late nor a duplicate."""

    report: ProgressReport
    video: VideoKey
    standing: Standing
    is_new: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """Row changes of a batch."""

    progress: Sequence[ProgressChange]
    sessions: Sequence[SessionChange]
    applied: Sequence[AppliedReport]

    def events(self, states: Mapping[VideoKey, ProgressState]) -> Iterator[PlaybackEvent]:
        """Yields one event per new report, and completions, given the states after the write."""
        completing = self._completing(states)
        for applied in self.applied:
            report, state = applied.report, states[applied.video]
            if applied.is_new:
                kind = EVENT_OF_REPORT.get(report.event, PlaybackProgressed)
                yield _event(kind, report, applied.standing.course_id, state)
            if completing.get(applied.video) is report:
                yield _event(PlaybackCompleted, report, applied.standing.course_id, state)

    def _completing(
        self, states: Mapping[VideoKey, ProgressState]
    ) -> dict[VideoKey, ProgressReport]:
        """Returns, per video completed by the batch, the last report with watched intervals."""
        completing: dict[VideoKey, ProgressReport] = {}
        for applied in self.applied:
            is_completed_now = (
                applied.standing.completed_at is None and states[applied.video].completed
            )
            if is_completed_now and (applied.report.watched or applied.video not in completing):
                completing[applied.video] = applied.report
        return completing


def merge(reports: Sequence[ProgressReport], standings: Mapping[SessionKey, Standing]) -> Merged:
    """Merges the batch; reports without a standing, whose video is gone, change nothing."""
    sessions: dict[SessionKey, _Session] = {}
    videos: dict[VideoKey, _Video] = {}
    all_applied = []
    for report in reports:
        key = session_key(report)
        standing = standings.get(key)
        if standing is None:
            continue
        video_key = key.video
        session, video = sessions.get(key), videos.get(video_key)
        if session is None:
            session = sessions[key] = _session(standing, report)
        if video is None:
            video = videos[video_key] = _video(standing, report)
        is_new = session.apply(report)
        video.apply(report, is_new)
        all_applied.append(AppliedReport(report, video_key, standing, is_new))
    changes = (session.change(key) for key, session in sorted(sessions.items()))
    return Merged(
        progress=[video.change(key) for key, video in sorted(videos.items())],
        sessions=[change for change in changes if change],
        applied=all_applied,
    )


def _session(standing: Standing, first: ProgressReport) -> _Session:
    return _Session(standing.last_sequence, first.received_at, first.received_at)


def _video(standing: Standing, first: ProgressReport) -> _Video:
    return _Video(standing.position_at, standing.position_session_id, first.received_at)


def _event(
    kind: type[PlaybackEvent], report: ProgressReport, course_id: str, state: ProgressState
) -> PlaybackEvent:
    return kind(
        video_id=report.video_id,
        course_id=course_id,
        user_id=report.user_id,
        occurred_at=effective_at(report),
        position_s=report.position_s,
        watched_ratio=state.watched_ratio,
        session_id=report.session_id,
    )
