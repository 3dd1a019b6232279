"""Measures of a session: what its reports say of the quality of playing, summed up. Pure.

Players count from the opening of their page on, so a count that has fallen began anew. What they
say is bounded: no single viewer can spoil the figures of a course.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from datetime import date, datetime
from operator import add, sub
from typing import Any

import msgspec

from db.insight.changes import Conditions, QualityFigures, ViewingChange
from db.progress.report_batch import Moment, SessionKey
from events.reports import ProgressReport

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

SAME_COUNTS = (0,) * QualityFigures.__struct_fields__.index("stalled_ms")
Growth = tuple[int, ...]  # of the figures from `stalled_ms` on
NO_GROWTH: Growth = (0,) * (len(QualityFigures.__struct_fields__) - len(SAME_COUNTS))
Noteworthy = tuple[str, dict[str, Any]]  # kind of moment, details


class SessionMeasures(msgspec.Struct, array_like=True):
    """Sums of a session; `last_*` is what its newest report said, `startup_ms` -1: not known.

    They are stored by place: another field goes to the end, and into `named_measures` of the
    database.
    """

    device: str = "other"
    browser: str = "other"
    network: str = UNKNOWN_NETWORK
    startup_ms: int = -1
    has_error: bool = False
    has_played: bool = False  # as far as its requests tell
    stalls: int = 0
    stalled_ms: int = 0
    played_ms: int = 0
    dropped_frames: int = 0
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
    def kind(self) -> tuple[int, bool, bool, int]:
        """All that the counts of its figures go by; seldom changed by a report."""
        return self.startup_ms, self.has_started, self.has_error, self.stalls

    def has_news(self, quality: dict[str, Any]) -> bool:
        """False where `add_counts` would change nothing, as of most reports."""
        said = quality.get
        return (
            said("dropped_frames", self.last_dropped_frames) != self.last_dropped_frames
            or said("stalled_ms", self.last_stalled_ms) != self.last_stalled_ms
            or said("stalls", self.last_stalls) != self.last_stalls
            or (self.startup_ms < 0 and "startup_ms" in quality)
            or "error" in quality
        )

    def add(self, quality: dict[str, Any], played_cs: int, rate: float | None) -> None:
        """Adds a report's `quality` and what it says was played."""
        self.add_counts(quality)
        if played_cs:
            self.add_time(quality, played_cs, rate)

    def add_counts(self, quality: dict[str, Any]) -> None:
        """Adds startup, errors, stalls and dropped frames."""
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

    def add_time(self, quality: dict[str, Any], played_cs: int, rate: float | None) -> Growth:
        """Adds what was played, at the bitrate and height that `quality` says; returns that."""
        played_ms = played_cs * 10
        if rate is not None and rate != 1.0:
            played_ms = round(played_ms / max(rate, LEAST_RATE))
        self.played_ms += played_ms
        bitrate_ms = bits = height_ms = height_lines = 0
        if (bitrate := quality.get("bitrate")) is not None:
            bitrate_ms, bits = played_ms, int(min(bitrate, MOST_BITRATE)) * played_ms // 1000
            self.bitrate_ms += bitrate_ms
            self.bits += bits
        if (height := quality.get("height")) is not None:
            height_ms, height_lines = played_ms, min(height, MOST_HEIGHT) * played_ms
            self.height_ms += height_ms
            self.height_lines += height_lines
        return 0, played_ms, 0, bitrate_ms, bits, height_ms, height_lines

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
_values = msgspec.structs.astuple
_GROWING = slice(
    SessionMeasures.__struct_fields__.index("stalled_ms"),
    SessionMeasures.__struct_fields__.index("height_lines") + 1,
)


def gained(before: SessionMeasures | None, now: SessionMeasures) -> QualityFigures:
    """Returns what the figures of the day change by."""
    return now.figures() if before is None else now.figures() - before.figures()


class MeasuredSession:
    """A session's measures while a batch is merged; `day` is that on which it began.

    Of most only the time played grows, which is summed up as it is added; the others are compared
    with what was stored.
    """

    __slots__ = ("_grown", "_is_compared", "_stored", "day", "had_played", "moments", "now")

    def __init__(self, stored: str | None, day: date) -> None:
        """`stored` are its measures as JSON, None before the first."""
        self.moments: Sequence[Moment] = ()
        self.day = day
        self.now = now = None if stored is None else parse_measures(stored)
        self.had_played = now is not None and now.played_ms > 0
        self._stored = stored
        self._grown = NO_GROWTH
        self._is_compared = not self.had_played

    def add(self, report: ProgressReport, played_cs: int, made_at: datetime) -> None:
        """Adds a report that has measured something, made at that time."""
        quality, now = report.quality or {}, self.now
        if now is None:
            network = quality.get("network", UNKNOWN_NETWORK)
            now = self.now = SessionMeasures(report.device, report.browser, network)
        if report.event != "progress" or now.has_news(quality):
            self._is_compared = True
            before = copy(now)
            now.add_counts(quality)
            self._note(_noteworthy(report, before, now), report, made_at)
        if played_cs:
            grown = now.add_time(quality, played_cs, report.rate)
            known = self._grown
            self._grown = grown if known is NO_GROWTH else tuple(map(add, known, grown))

    def _note(
        self, noteworthy: Iterable[Noteworthy], report: ProgressReport, made_at: datetime
    ) -> None:
        assert self.now is not None
        for kind, details in noteworthy:
            if self.now.moments < MOST_MOMENTS:
                self.now.moments += 1
                user_id, video_id, session_id = report.user_id, report.video_id, report.session_id
                moment = Moment(user_id, video_id, session_id, made_at, kind, details)
                self.moments = [*self.moments, moment]

    def growth(self) -> Growth | None:
        """Returns what it has grown by; None where it changes the counts of sessions."""
        if not self._is_compared:
            return self._grown
        before, now = self._before(), self.now
        if before is None or now is None or now.kind != before.kind:
            return None
        return tuple(map(sub, _values(now)[_GROWING], _values(before)[_GROWING]))

    def change(self, key: SessionKey) -> ViewingChange:
        assert self.now is not None  # made for a report that has measured something
        changed = self.now.conditions, gained(self._before(), self.now)
        return ViewingChange(key.video_id, key.user_id, self.day, quality=changed)

    def _before(self) -> SessionMeasures | None:
        return None if self._stored is None else parse_measures(self._stored)


def changes_of(sessions: Iterable[tuple[SessionKey, MeasuredSession]]) -> list[ViewingChange]:
    """Returns what a batch changes of the figures.

    Sessions that have only grown are one change per video, day and conditions, in the name of one
    of their viewers, who is among those of that day already.
    """
    changes: list[ViewingChange] = []
    growing: dict[tuple[int, date, str, str, str], tuple[SessionKey, list[Growth]]] = {}
    for key, session in sessions:
        growth, now = session.growth(), session.now
        if growth is None or now is None:
            changes.append(session.change(key))
            continue
        place = key.video_id.int, session.day, now.device, now.browser, now.network
        found = growing.get(place)
        if found is None:
            growing[place] = key, [growth]
        else:
            found[1].append(growth)
    for (_, day, *conditions), (key, growths) in growing.items():
        figures = QualityFigures(*SAME_COUNTS, *map(sum, zip(*growths, strict=True)))
        changed = Conditions(*conditions), figures
        changes.append(ViewingChange(key.video_id, key.user_id, day, quality=changed))
    return changes


def _noteworthy(
    report: ProgressReport, before: SessionMeasures, now: SessionMeasures
) -> Iterator[Noteworthy]:
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
    """Reads stored measures; those of CMCD, and of versions before, are stored by name."""
    return SessionMeasures(**msgspec.json.decode(text)) if text[0] == "{" else _decode(text)


def score_points(startup_ms: int) -> int:
    """Mux's Startup Time Score, 100 * 8 / (8 + seconds), in thousandths of a point."""
    return round(100_000 * SCORED_S / (SCORED_S + startup_ms / 1000))


def _growth(last: int, said: int, most: int) -> int:
    return min(said - last if said >= last else said, most)
