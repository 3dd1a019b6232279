"""Simulated players, and the server that their reports meet: hours pass in milliseconds.

An honest player reports what it played, as the pages do: new seconds since the last report, the
greatest rate since then, a queue that waits for the line and is merged when it is full, delays by
its own clock. Everything about it may be odd but what it claims to have played.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from msgspec.structs import replace

from db.progress.progress import parse_pieces
from db.progress.report_batch import ClaimAccount, LateChange, SessionChange, SessionKey, Standing
from events.progress.merging import merge, session_key
from events.progress.watched_set import WatchedSet, claimed_pieces, length
from events.reports import ProgressReport

T0 = datetime(2026, 11, 30, tzinfo=UTC)
VIDEO = UUID("00000000-0000-4000-8000-000000000001")
MAX_QUEUED = 64
MAX_DELAY_S = 30 * 86400.0
JITTER_S = 0.03  # by which a report may be dated wrongly


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@dataclass
class Server:
    """State of one user and video as the server stores it."""

    duration_s: float | None = 3600.0
    named: dict[str, float] = field(default_factory=dict)
    watched: WatchedSet = field(default_factory=lambda: WatchedSet([]))
    accounts: dict[SessionKey, ClaimAccount] = field(default_factory=dict)
    sequences: dict[SessionKey, int] = field(default_factory=dict)
    capped_s: float = 0.0

    @property
    def watched_s(self) -> float:
        return length(self.watched.pieces) / 100

    def take(self, *reports: ProgressReport) -> float:
        """Stores a batch; returns the seconds that it claimed and that were not counted."""
        standings = {session_key(report): self._standing(report) for report in reports}
        merged = merge(reports, standings, self._named_at)
        for change in merged.progress:
            self.watched.add(claimed_pieces(parse_pieces(change.watched), self.duration_s))
        for session in merged.sessions:
            self.sequences[self._key(session.session_id)] = session.last_sequence
        changes: list[SessionChange | LateChange] = [*merged.sessions, *merged.late]
        for changed in changes:
            if not isinstance(changed, LateChange) and changed.claims_since is None:
                continue  # a report that is believed
            self.accounts[self._key(changed.session_id)] = _account(changed)
        capped_s = sum(applied.capped_s for applied in merged.applied)
        self.capped_s += capped_s
        return capped_s

    def _standing(self, report: ProgressReport) -> Standing:
        key = session_key(report)
        intervals = [(start / 100, stop / 100) for start, stop in self.watched.pieces]
        return Standing(
            "c",
            None,
            None,
            None,
            self.sequences.get(key),
            report.received_at,
            self.duration_s,
            tuple(intervals),
            None,
            self.accounts.get(key),
        )

    def _named_at(self, key: SessionKey) -> datetime | None:
        named_s = self.named.get(key.session_id)
        return None if named_s is None else at(named_s)

    def _key(self, session_id: str) -> SessionKey:
        return SessionKey("u", VIDEO, session_id)


def _account(changed: SessionChange | LateChange) -> ClaimAccount:
    assert changed.claims_since is not None
    assert changed.claims_until is not None
    assert changed.allowed_s is not None
    assert changed.counted_s is not None
    return ClaimAccount(
        changed.claims_since, changed.claims_until, changed.allowed_s, changed.counted_s
    )


def report(
    received_s: float,
    sequence: int,
    watched: Sequence[tuple[float, float]] = (),
    **changes: object,
) -> ProgressReport:
    made = ProgressReport(
        user_id="u",
        video_id=VIDEO,
        course_id="c",
        session_id="s",
        sequence=sequence,
        position_s=0.0,
        watched=tuple(watched),
        event="progress",
        received_at=at(received_s),
    )
    return replace(made, **changes) if changes else made


@dataclass(frozen=True)
class Habits:
    """Habits of a simulated viewer, its device and its line. Chances are those of one step."""

    rates: Sequence[float] = (1.0,)
    step_s: tuple[float, float] = (0.2, 5.5)
    seeks: float = 0.02
    replays: float = 0.0
    pauses: float = 0.02
    pause_s: tuple[float, float] = (1.0, 600.0)
    goes_offline: float = 0.0
    offline_s: tuple[float, float] = (10.0, 3600.0)
    sets_clock: float = 0.0
    clock_jump_s: tuple[float, float] = (-7200.0, 7200.0)
    is_named: bool = True
    repeats: float = 0.0  # a retry of what had arrived
    shuffles: bool = False  # beacons overtake each other
    tells_rate: bool = True
    tells_all: bool = False  # everything played so far, each time


@dataclass
class _Queued:
    made_by_clock_s: float
    report: ProgressReport


class HonestPlayer:
    """One session; `steps` plays on and yields after each step."""

    def __init__(self, server: Server, habits: Habits, random: Random, session_id: str) -> None:
        self._server, self._habits, self._random = server, habits, random
        self._session_id = session_id
        self._now_s = random.uniform(0, 100)
        self._clock_s = random.uniform(-1e6, 1e6)  # by which its clock is wrong
        self._online_at_s = 0.0
        self._position_s = 0.0
        self._rate = self._top_rate = random.choice(habits.rates)
        self._played: list[tuple[float, float]] = []
        self._unreported: list[tuple[float, float]] = []
        self._queue: list[_Queued] = []
        self._sequence = 0
        if habits.is_named:
            server.named[session_id] = self._now_s
        self._report()

    def steps(self, count: int) -> Iterator[None]:
        for _ in range(count):
            self._play(self._random.uniform(*self._habits.step_s))
            self._report()
            self._deliver()
            self._act()
            yield

    def _play(self, step_s: float) -> None:
        end_s = self._server.duration_s or 1e9
        stop_s = min(end_s, self._position_s + step_s * self._rate)
        piece = (self._position_s, stop_s)
        self._played.append(piece)
        self._unreported.append(piece)
        self._now_s += step_s
        self._position_s = 0.0 if stop_s >= end_s else stop_s

    def _act(self) -> None:
        habits, chance = self._habits, self._random.random
        if chance() < habits.seeks:
            self._position_s = self._random.uniform(0, (self._server.duration_s or 1e4) * 0.99)
        if chance() < habits.replays:
            self._position_s = max(0.0, self._position_s - 30.0)
        if chance() < habits.pauses:
            self._now_s += self._random.uniform(*habits.pause_s)
        if chance() < habits.goes_offline:
            self._online_at_s = self._now_s + self._random.uniform(*habits.offline_s)
        if chance() < habits.sets_clock:
            self._clock_s += self._random.uniform(*habits.clock_jump_s)
        if chance() < 0.2:
            self._rate = self._random.choice(habits.rates)
            self._top_rate = max(self._top_rate, self._rate)

    def _report(self) -> None:
        watched = self._played[-200:] if self._habits.tells_all else self._unreported
        rate = self._top_rate if self._habits.tells_rate else None
        made = report(0.0, self._sequence, watched, session_id=self._session_id, rate=rate)
        self._queue.append(_Queued(self._now_s + self._clock_s, made))
        self._sequence += 1
        self._unreported = []
        self._top_rate = self._rate
        while len(self._queue) > MAX_QUEUED:
            self._merge_oldest()

    def _merge_oldest(self) -> None:
        oldest, second = self._queue[:2]
        merged = replace(
            second.report,
            watched=(*oldest.report.watched, *second.report.watched),
            rate=max(oldest.report.rate or 0, second.report.rate or 0),
        )
        self._queue[:2] = [_Queued(second.made_by_clock_s, merged)]

    def _deliver(self) -> None:
        if self._now_s < self._online_at_s:
            return
        latency_s = self._random.uniform(0.01, 1.5)
        jitter_s = self._random.uniform(-JITTER_S, JITTER_S)
        arrived = [
            replace(
                queued.report,
                received_at=at(self._now_s + latency_s + jitter_s),
                delayed_s=min(
                    MAX_DELAY_S, max(0.0, self._now_s + self._clock_s - queued.made_by_clock_s)
                ),
            )
            for queued in self._queue
        ]
        self._queue = []
        if self._habits.shuffles:
            self._random.shuffle(arrived)
        if self._random.random() < self._habits.repeats:
            arrived.append(arrived[0])
        self._server.take(*arrived)
