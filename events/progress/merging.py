"""What a batch of reports changes, and what it means that they came. Pure.

Decides which reports are late or doubled, which one has the position, what was seen, and which
events follow. Reports are taken in the order in which they arrived.
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


def by_clock_of(
    reports: Sequence[ProgressReport], standings: Mapping[SessionKey, Standing], now: datetime
) -> Sequence[ProgressReport]:
    """The reports by the clock of the database, which all hosts share; it is `now` by our own.

    None came later than it was read.
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
    """When the report was true, by the server's clock and the client's own waiting time."""
    if not report.delayed_s:
        return report.received_at
    return report.received_at - timedelta(seconds=report.delayed_s)


def multirange(pieces: Iterable[tuple[float, float]]) -> str:
    """A nummultirange's text; pieces of no length are left out."""
    return "{" + ",".join(f"[{start!r},{stop!r})" for start, stop in pieces if start < stop) + "}"


@dataclass(slots=True)
class _Session:
    """One session through the batch."""

    last_sequence: int | None
    started_at: datetime
    last_report_at: datetime
    latest: ProgressReport | None = None  # of those neither late nor doubled
    rate: float | None = None
    quality: dict[str, Any] = field(default_factory=dict)

    def hear(self, report: ProgressReport) -> bool:
        """True when the report is neither late nor doubled."""
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
    """One user's progress in one video through the batch."""

    position_at: datetime | None
    position_session_id: str | None
    received_at: datetime
    holder: ProgressReport | None = None  # the report that has the position now
    watched: list[tuple[float, float]] = field(default_factory=list)

    def hear(self, report: ProgressReport, is_new: bool) -> None:
        self.received_at = max(self.received_at, report.received_at)
        self.watched.extend(report.watched)
        if is_new:
            self._move(report, effective_at(report))

    def _move(self, report: ProgressReport, at: datetime) -> None:
        # Within a session its own sequence is the order, across sessions the time is.
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


class Heard(msgspec.Struct, frozen=True):
    """A report, what was known before it, and whether it is neither late nor doubled."""

    report: ProgressReport
    video: VideoKey
    standing: Standing
    is_new: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """What to write for a batch."""

    progress: Sequence[ProgressChange]
    sessions: Sequence[SessionChange]
    heard: Sequence[Heard]

    def events(self, states: Mapping[VideoKey, ProgressState]) -> Iterator[PlaybackEvent]:
        """What happened, given what holds now: one event a new report, and completions."""
        completing = self._completing(states)
        for heard in self.heard:
            report, state = heard.report, states[heard.video]
            if heard.is_new:
                kind = EVENT_OF_REPORT.get(report.event, PlaybackProgressed)
                yield _event(kind, report, heard.standing.course_id, state)
            if completing.get(heard.video) is report:
                yield _event(PlaybackCompleted, report, heard.standing.course_id, state)

    def _completing(
        self, states: Mapping[VideoKey, ProgressState]
    ) -> dict[VideoKey, ProgressReport]:
        """The last report that showed something new to see, of each video completed by it."""
        completing: dict[VideoKey, ProgressReport] = {}
        for heard in self.heard:
            is_completed_now = heard.standing.completed_at is None and states[heard.video].completed
            if is_completed_now and (heard.report.watched or heard.video not in completing):
                completing[heard.video] = heard.report
        return completing


def merge(reports: Sequence[ProgressReport], standings: Mapping[SessionKey, Standing]) -> Merged:
    """Reports whose session has no standing, their video being gone, change nothing."""
    sessions: dict[SessionKey, _Session] = {}
    videos: dict[VideoKey, _Video] = {}
    all_heard = []
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
        is_new = session.hear(report)
        video.hear(report, is_new)
        all_heard.append(Heard(report, video_key, standing, is_new))
    changes = (session.change(key) for key, session in sorted(sessions.items()))
    return Merged(
        progress=[video.change(key) for key, video in sorted(videos.items())],
        sessions=[change for change in changes if change],
        heard=all_heard,
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
