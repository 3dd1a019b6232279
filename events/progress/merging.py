"""Merging of a batch of progress reports into row changes and events. Pure.

Decides which reports are late or duplicates, which one sets the position, what was watched, and
which events follow. Reports are applied in the order of their arrival. The bound on what they may
claim is plausibility.py's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from db.insight.changes import ViewingChange
from db.progress.progress import ProgressState
from db.progress.report_batch import (
    CappedChange,
    ClaimAccount,
    LateChange,
    Moment,
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
from events.progress.database_clock import ClockDifference
from events.progress.measures import MeasuredSession, changes_of
from events.progress.plausibility import NamedAt, account_of, count
from events.progress.viewing import BatchViewing, united, without
from events.progress.watched_set import Piece, WatchedSet, claimed_pieces, length
from events.reports import ProgressReport

EVENT_OF_REPORT: Mapping[str, type[PlaybackEvent]] = {
    "started": PlaybackStarted,
    "stopped": PlaybackStopped,
}
STATE_OF_REPORT: Mapping[str, PlaybackState] = {"paused": "paused", "stopped": "stopped"}


def to_database_clock(
    reports: Sequence[ProgressReport],
    standings: Mapping[SessionKey, Standing],
    now: datetime,
    difference: ClockDifference,
) -> Sequence[ProgressReport]:
    """Converts `received_at` from our clock, now at `now`, to the database's, shared by all hosts.

    No report is dated later than the database's clock was read.
    """
    if not standings:
        return reports
    read_at = next(iter(standings.values())).read_at
    ahead = difference.read(read_at, now)
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


def in_seconds(pieces: Iterable[Piece]) -> Iterator[tuple[float, float]]:
    """Yields pieces in centiseconds as seconds, of which no digit is lost as text."""
    return ((start / 100, stop / 100) for start, stop in pieces)


@dataclass(slots=True)
class _SessionProgress:
    """One playback session's state while a batch is merged."""

    last_sequence: int | None
    started_at: datetime
    last_report_at: datetime
    latest: ProgressReport | None = None  # neither late nor a duplicate
    account: ClaimAccount | None = None  # None: what it claims is not bounded
    rate: float | None = None
    quality: dict[str, Any] = field(default_factory=dict)
    measures: MeasuredSession | None = None

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

    def measure(
        self, report: ProgressReport, standing: Standing, played_cs: int, made_at: datetime
    ) -> date | None:
        """Adds a report's measures; returns a day that has the user among its viewers already."""
        measures = self.measures
        if measures is None:
            day = (standing.started_at or self.started_at).date()
            measures = self.measures = MeasuredSession(standing.measures, day)
        measures.add(report, played_cs, made_at)
        return measures.day if measures.had_played else None

    def change(self, key: SessionKey) -> SessionChange | None:
        if self.latest is None:
            return None
        account = self.account
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
            claims_since=account.started_at if account else None,
            claims_until=account.reported_at if account else None,
            allowed_s=account.allowed_s if account else None,
            counted_s=account.counted_s if account else None,
            measures=self.measures.now if self.measures else None,
        )

    def late_change(self, key: SessionKey) -> LateChange | None:
        if self.latest is not None or self.account is None:
            return None
        return LateChange(
            key.user_id,
            key.video_id,
            key.session_id,
            self.account.started_at,
            self.account.reported_at,
            self.account.allowed_s,
            self.account.counted_s,
        )


@dataclass(slots=True)
class _VideoProgress:
    """One user's progress in one video while a batch is merged."""

    position_at: datetime | None
    position_session_id: str | None
    received_at: datetime
    viewing: BatchViewing
    holder: ProgressReport | None = None  # the report that sets the position
    watched: list[tuple[float, float]] = field(default_factory=list)
    capped: list[Piece] = field(default_factory=list)
    seen: WatchedSet | None = None

    def apply(self, report: ProgressReport, made_at: datetime, is_new: bool) -> None:
        self.received_at = max(self.received_at, report.received_at)
        if is_new:
            self._move(report, made_at)

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

    def capped_change(self, key: VideoKey) -> CappedChange | None:
        if not self.capped:
            return None
        return CappedChange(key.user_id, key.video_id, multirange(in_seconds(self.capped)))


class AppliedReport(msgspec.Struct, frozen=True):
    """A report with the standing before it; `is_new`: neither late nor a duplicate.

    `place` is its place in the batch; `capped_s` was claimed beyond the bound.
    """

    place: int
    report: ProgressReport
    made_at: datetime
    video: VideoKey
    standing: Standing
    is_new: bool
    capped_s: float


@dataclass(frozen=True, slots=True)
class Merged:
    """Row changes of a batch."""

    progress: Sequence[ProgressChange]
    sessions: Sequence[SessionChange]
    late: Sequence[LateChange]
    capped: Sequence[CappedChange]
    applied: Sequence[AppliedReport]
    viewings: Mapping[VideoKey, BatchViewing]
    measured: Sequence[ViewingChange] = ()
    moments: Sequence[Moment] = ()

    def events(self, states: Mapping[VideoKey, ProgressState]) -> Iterator[PlaybackEvent]:
        """Yields one event per new report, and completions, given the states after the write."""
        completing = self._completing(states)
        for applied in self.applied:
            report, state = applied.report, states[applied.video]
            if applied.is_new:
                kind = EVENT_OF_REPORT.get(report.event, PlaybackProgressed)
                yield _event(kind, applied, state)
            if completing.get(applied.video) is report:
                yield _event(PlaybackCompleted, applied, state)

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


def merge(
    reports: Sequence[ProgressReport],
    standings: Mapping[SessionKey, Standing],
    named_at: NamedAt | None = None,
) -> Merged:
    """Merges the batch; reports without a standing, whose video is gone, change nothing.

    `named_at` bounds what they claim to have watched; without it all of that counts.
    """
    batch = _Batch(named_at)
    for place, report in enumerate(reports):
        key = session_key(report)
        standing = standings.get(key)
        if standing is not None:
            batch.apply(place, key, report, standing)
    return batch.merged()


class _Batch:
    """The sessions and videos of a batch while its reports are applied."""

    def __init__(self, named_at: NamedAt | None) -> None:
        self._named_at = named_at
        self._sessions: dict[SessionKey, _SessionProgress] = {}
        self._videos: dict[VideoKey, _VideoProgress] = {}
        self._applied: list[AppliedReport] = []

    def apply(
        self, place: int, key: SessionKey, report: ProgressReport, standing: Standing
    ) -> None:
        video_key = key.video
        session, video = self._sessions.get(key), self._videos.get(video_key)
        if session is None:
            session = self._sessions[key] = _session(standing, report)
        if video is None:
            video = self._videos[video_key] = _video(standing, report)
        viewing = video.viewing
        if session.last_sequence is None:
            viewing.begun.append(report.received_at.date())
        made_at = effective_at(report)
        is_new = session.apply(report)
        video.apply(report, made_at, is_new)
        claimed = claimed_pieces(report.watched, standing.duration_s)
        capped: list[Piece] = []
        if self._named_at is None:
            video.watched.extend(report.watched)
        else:
            capped = _count(self._named_at, key, report, claimed, made_at, standing, session, video)
        played: list[Piece] = []
        if is_new and claimed:
            played = _played(claimed, capped)
            viewing.played += played
        if is_new and report.quality is not None:
            counted_on = session.measure(report, standing, length(played), made_at)
            if counted_on is not None:
                viewing.counted_on = counted_on
        capped_s = length(capped) / 100 if capped else 0.0
        self._applied.append(
            AppliedReport(place, report, made_at, video_key, standing, is_new, capped_s)
        )

    def merged(self) -> Merged:
        sessions, videos = sorted(self._sessions.items()), sorted(self._videos.items())
        changes = (session.change(key) for key, session in sessions)
        late = (session.late_change(key) for key, session in sessions)
        capped = (video.capped_change(key) for key, video in videos)
        measured = [(key, session.measures) for key, session in sessions if session.measures]
        return Merged(
            progress=[video.change(key) for key, video in videos],
            sessions=[change for change in changes if change],
            late=[change for change in late if change],
            capped=[change for change in capped if change],
            applied=self._applied,
            viewings={key: video.viewing for key, video in videos},
            measured=changes_of(measured),
            moments=[moment for _, measures in measured for moment in measures.moments],
        )


def _count(
    named_at: NamedAt,
    key: SessionKey,
    report: ProgressReport,
    claimed: list[Piece],
    made_at: datetime,
    standing: Standing,
    session: _SessionProgress,
    video: _VideoProgress,
) -> list[Piece]:
    """Adds to the video what counts of the report; returns what does not."""
    if session.account is None and not report.is_believed:
        session.account = account_of(key, standing, made_at, named_at)
    if video.seen is None:
        video.seen = WatchedSet(standing.watched)
    account = None if report.is_believed else session.account
    counted = count(account, video.seen, report, claimed, made_at)
    video.watched.extend(in_seconds(counted.pieces))
    video.capped.extend(counted.capped)
    return counted.capped


def _played(claimed: Sequence[Piece], capped: Sequence[Piece]) -> list[Piece]:
    """Returns what a report says was played, seen before or not, as far as it may count."""
    return without(united(claimed), capped) if capped else united(claimed)


def _session(standing: Standing, first: ProgressReport) -> _SessionProgress:
    return _SessionProgress(standing.last_sequence, first.received_at, first.received_at)


def _video(standing: Standing, first: ProgressReport) -> _VideoProgress:
    return _VideoProgress(
        standing.position_at,
        standing.position_session_id,
        first.received_at,
        BatchViewing(standing),
    )


def _event(
    kind: type[PlaybackEvent], applied: AppliedReport, state: ProgressState
) -> PlaybackEvent:
    report = applied.report
    return kind(
        video_id=report.video_id,
        course_id=applied.standing.course_id,
        user_id=report.user_id,
        occurred_at=applied.made_at,
        position_s=report.position_s,
        watched_ratio=state.watched_ratio,
        session_id=report.session_id,
    )
