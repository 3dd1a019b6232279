"""Sessions as media requests report them (CMCD): summed in memory, stored by one task.

Players of others send no reports; what they say with each request is summed up by session, and
what the sums gained is added to the stored ones every 15 s, in one transaction with the change of
the figures. A starved buffer is a moment of its session's timeline as well. Bounded: sessions
beyond the bound are not measured, and counted. What is in memory when a process is killed is lost;
a stop stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from db.insight import changes, cmcd, moments
from db.insight.changes import ViewingChange
from db.insight.cmcd import CmcdKey, StoredSession
from db.pool import Database, Transaction
from db.progress.report_batch import Moment
from events.errors import OUTAGES
from events.progress.measures import (
    MOST_BITRATE,
    MOST_DROPPED_FRAMES,
    MOST_MOMENTS,
    MOST_STALLED_MS,
    MOST_STALLS,
    MOST_STARTUP_MS,
    SessionMeasures,
    gained,
    parse_measures,
)
from storage.concurrency.tasks import Periodic

INTERVAL_S = 15.0
STALLED = "stalled"
MOST_SESSIONS = 10_000
SESSIONS_AT_ONCE = 200
MOST_OBJECT_MS = 60_000


class MediaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its player described it; None: not said. `bitrate` is in bits a second.

    `is_starved` and `starved_ms` are of the time since the request before; `stalls`, `stalled_ms`
    and `dropped_frames` are counts since the session began.
    """

    session_id: str
    is_picture: bool = False
    is_starved: bool = False
    has_started: bool = False
    bitrate: int | None = None
    duration_ms: int | None = None
    position_ms: int | None = None
    startup_ms: int | None = None
    starved_ms: int | None = None
    stalls: int | None = None
    stalled_ms: int | None = None
    dropped_frames: int | None = None
    has_error: bool = False


@dataclass(slots=True)
class CmcdSessions:
    """The sessions of a process that are not stored yet."""

    dropped_count: int = 0
    _sessions: dict[CmcdKey, SessionMeasures] = field(default_factory=dict)
    _stalls: dict[CmcdKey, list[Moment]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sessions)

    def note(self, key: CmcdKey, device: str, browser: str, said: MediaRequest) -> None:
        """Adds a request to its session. Never blocks, never raises."""
        measures = self._sessions.get(key)
        if measures is None:
            if len(self._sessions) >= MOST_SESSIONS:
                self.dropped_count += 1
                return
            measures = self._sessions[key] = SessionMeasures(device, browser)
        add_request(measures, said)
        if said.is_starved or said.starved_ms:
            self._note_stall(key, measures, said)

    def storing(self, database: Database) -> Periodic:
        """Returns the task that stores them."""
        return Periodic("CMCD sessions", partial(self.store, database), INTERVAL_S, OUTAGES)

    async def store(self, database: Database) -> None:
        """Stores all that is there now. Raises: DatabaseError; what is not stored stays."""
        waiting = sorted(self._sessions)
        for start in range(0, len(waiting), SESSIONS_AT_ONCE):
            keys = waiting[start:][:SESSIONS_AT_ONCE]
            taken = {key: self._sessions.pop(key) for key in keys}
            stalls = {key: self._stalls.pop(key) for key in keys if key in self._stalls}
            try:
                async with database.transaction() as transaction:
                    await _add(transaction, taken, stalls)
            except BaseException:
                self._put_back(taken, stalls)
                raise

    def _note_stall(self, key: CmcdKey, measures: SessionMeasures, said: MediaRequest) -> None:
        if measures.moments >= MOST_MOMENTS:
            return
        measures.moments += 1
        details: dict[str, Any] = {"stalls": 1, "stalled_ms": said.starved_ms or 0}
        if said.position_ms is not None:
            details["position"] = said.position_ms / 1000
        moment = Moment(
            key.user_id, key.video_id, key.session_id, datetime.now(UTC), STALLED, details
        )
        self._stalls.setdefault(key, []).append(moment)

    def _put_back(
        self,
        taken: Mapping[CmcdKey, SessionMeasures],
        stalls: Mapping[CmcdKey, list[Moment]],
    ) -> None:
        for key, measures in taken.items():
            newer = self._sessions.get(key)
            self._sessions[key] = measures if newer is None else summed(measures, newer)
        for key, found in stalls.items():
            self._stalls[key] = [*found, *self._stalls.get(key, ())]


def add_request(measures: SessionMeasures, said: MediaRequest) -> None:
    """Adds a request: a starved buffer is a stall, and a picture's bitrate lasts its duration.

    Where a player tells counts of the session, the highest holds: requests overtake each other.
    """
    if said.startup_ms is not None and measures.startup_ms < 0:
        measures.startup_ms = min(said.startup_ms, MOST_STARTUP_MS)
    measures.has_error = measures.has_error or said.has_error
    measures.has_played = measures.has_played or said.has_started
    if said.is_starved or said.stalls is not None:
        measures.last_stalls = _highest(measures.last_stalls, said.stalls, MOST_STALLS)
        measures.stalls = measures.last_stalls or measures.stalls + said.is_starved
    if said.starved_ms is not None or said.stalled_ms is not None:
        starved_ms = min(said.starved_ms or 0, MOST_STALLED_MS)
        highest_ms = _highest(measures.last_stalled_ms, said.stalled_ms, MOST_STALLED_MS)
        measures.last_stalled_ms = highest_ms
        measures.stalled_ms = highest_ms or measures.stalled_ms + starved_ms
    if said.dropped_frames is not None:
        measures.dropped_frames = measures.last_dropped_frames = _highest(
            measures.last_dropped_frames, said.dropped_frames, MOST_DROPPED_FRAMES
        )
    if said.is_picture and said.bitrate is not None and said.duration_ms is not None:
        duration_ms = min(said.duration_ms, MOST_OBJECT_MS)
        measures.bitrate_ms += duration_ms
        measures.bits += min(said.bitrate, MOST_BITRATE) * duration_ms // 1000


def _highest(known: int, said: int | None, most: int) -> int:
    """Returns the higher count; of one request no more than `most` are believed."""
    return known if said is None else max(known, min(said, known + most))


def summed(first: SessionMeasures, more: SessionMeasures) -> SessionMeasures:
    """Returns the measures of a session of which two parts were summed apart."""
    stalls = max(first.last_stalls, more.last_stalls)
    stalled_ms = max(first.last_stalled_ms, more.last_stalled_ms)
    dropped_frames = max(first.last_dropped_frames, more.last_dropped_frames)
    return msgspec.structs.replace(
        first,
        startup_ms=more.startup_ms if first.startup_ms < 0 else first.startup_ms,
        has_error=first.has_error or more.has_error,
        has_played=first.has_played or more.has_played,
        stalls=stalls or first.stalls + more.stalls,
        stalled_ms=stalled_ms or first.stalled_ms + more.stalled_ms,
        dropped_frames=dropped_frames,
        last_stalls=stalls,
        last_stalled_ms=stalled_ms,
        last_dropped_frames=dropped_frames,
        bitrate_ms=first.bitrate_ms + more.bitrate_ms,
        bits=first.bits + more.bits,
        moments=first.moments + more.moments,
    )


async def _add(
    transaction: Transaction,
    sessions: Mapping[CmcdKey, SessionMeasures],
    stalls: Mapping[CmcdKey, list[Moment]],
) -> None:
    """Sessions that report by themselves, and those of videos that are gone, are left out."""
    found = await cmcd.lock_and_read(transaction, sessions)
    stored = {key: one for key, one in found.items() if not one.has_reports}
    before = {key: _measures(one) for key, one in stored.items()}
    now = {
        key: sessions[key] if old is None else summed(old, sessions[key])
        for key, old in before.items()
    }
    await cmcd.write(transaction, now)
    changed = [
        ViewingChange(
            key.video_id,
            key.user_id,
            one.day,
            quality=(now[key].conditions, gained(before[key], now[key])),
        )
        for key, one in stored.items()
    ]
    if changed:
        await changes.add(transaction, changed)
    new = [
        moment
        for key, old in before.items()
        for moment in stalls.get(key, ())[: MOST_MOMENTS - (old.moments if old else 0)]
    ]
    if new:
        await moments.add(transaction, new)


def _measures(stored: StoredSession) -> SessionMeasures | None:
    return None if stored.measures is None else parse_measures(stored.measures)
