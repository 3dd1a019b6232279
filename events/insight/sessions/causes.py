"""The cause of a session's stalls, from what its player said and what the server saw. Pure.

Each stall is looked at with the server's observations of the time around it. Of the server's own
waits each explains a stall that it lasted at least half as long as; that a client's socket was full
explains one only where none of them does, since every player that has read enough fills it, and
only while its viewer read: a paused or hung player takes nothing. A line is its viewer's own: of a
wait that most viewers shared the cause lies where their ways are one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Cause = Literal[
    "viewer-line",
    "viewer-device",
    "proxy",
    "edge",
    "server-disk",
    "limit",
    "server-busy",
    "gone",
    "unknown",
]

BEFORE = timedelta(seconds=10)  # a buffer runs dry some time after what it waits for
AFTER = timedelta(seconds=1)
EXPLAINING_SHARE = 0.5  # of the time stalled
LEAST_WAIT_S = 0.2
MANY_DROPPED_FRAMES = 25  # around a stall, or within `BEFORE`
LEAST_SHARING = 3  # viewers
SHARED_BY = 0.5  # of the viewers served at the time

SENTENCES: Mapping[Cause | None, str] = {
    None: "Playing did not wait, and nothing was refused.",
    "gone": "What was played was no longer there for the viewer: withdrawn, deleted or expired.",
    "limit": "The limits of this service held the viewer's bytes back.",
    "server-busy": "The server was too busy to answer in time.",
    "server-disk": "The server waited for its disk.",
    "viewer-line": "The server had bytes ready for all that time; the way to the viewer was too"
    " slow for them: their line, or a proxy on it.",
    "proxy": "The server had bytes ready for all that time, and most of its viewers waited at once:"
    " a proxy, or the network that they share on the way from it, was too slow.",
    "edge": "The viewer's bytes come by an edge, and this server held none of them back: the edge,"
    " its link to this server, or the viewer's line behind it was too slow.",
    "viewer-device": "The bytes were there in time; the viewer's device did not keep up with them.",
    "unknown": "Playing waited, and what was seen does not tell why.",
}


@dataclass(frozen=True, slots=True)
class Stall:
    """A time for which a player waited, that ended at `at` or before. `is_shared`: so many others
    waited for their bytes as well that it is no line of one viewer."""

    at: datetime
    stalled_s: float
    is_shared: bool = False

    @property
    def began_at(self) -> datetime:
        return self.at - timedelta(seconds=self.stalled_s)

    @property
    def since(self) -> datetime:
        """The beginning of what may have caused it."""
        return self.began_at - BEFORE

    @property
    def until(self) -> datetime:
        return self.at + AFTER


@dataclass(frozen=True, slots=True)
class ServedTime:
    """The server's work for the viewer between two times, in seconds; `sent_bytes` to them."""

    since: datetime
    until: datetime
    client_s: float = 0.0
    disk_s: float = 0.0
    paced_s: float = 0.0
    lag_s: float = 0.0
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SeenRefusal:
    """A request that was refused, by its problem's code, or a transfer that was ended."""

    at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class DroppedFrames:
    """Frames that were not shown in time since the report before."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """`served`: to the viewer, or to edges. `is_by_edge`: viewers fetch their bytes there.
    `is_whole`: no process that may have seen more has ended or begun meanwhile."""

    stalls: Sequence[Stall] = ()
    served: Sequence[ServedTime] = ()
    refusals: Sequence[SeenRefusal] = ()
    dropped: Sequence[DroppedFrames] = ()
    has_error: bool = False
    is_by_edge: bool = False
    is_whole: bool = True


GONE_CODES = frozenset({"ended", "not-enrolled", "not-allowed", "not-found", "invalid-token"})
LIMIT_CODES = frozenset({"rate-limited"})
BUSY_CODES = frozenset({"unavailable"})


def cause_of(evidence: Evidence) -> Cause | None:
    """Returns the cause of most of the time stalled; None where nothing went wrong."""
    refused = _refused(evidence.refusals)
    if not evidence.stalls:
        if refused is not None:
            return refused
        if any(_are_many(evidence, one.at - BEFORE, one.at) for one in evidence.dropped):
            return "viewer-device"
        return "unknown" if evidence.has_error else None
    blamed: Counter[Cause] = Counter()
    for stall in evidence.stalls:
        blamed[_cause_of_stall(stall, evidence)] += max(1, round(stall.stalled_s * 1000))
    (most, _), *_ = blamed.most_common()
    return most


def sentence_of(cause: Cause | None) -> str:
    return SENTENCES[cause]


def is_shared(waiting: int, served: int) -> bool:
    """True if so many of the viewers served at a time, who are `served`, were `waiting`."""
    return waiting >= LEAST_SHARING and waiting >= served * SHARED_BY


def _cause_of_stall(stall: Stall, evidence: Evidence) -> Cause:
    since, until = stall.since, stall.until
    refused = _refused(one for one in evidence.refusals if since <= one.at <= until)
    if refused is not None:
        return refused
    served = [one for one in evidence.served if one.since < until and one.until > since]
    waits: tuple[tuple[Cause, float], ...] = (
        ("server-disk", sum(one.disk_s for one in served)),
        ("server-busy", sum(one.lag_s for one in served)),
        ("limit", sum(one.paced_s for one in served)),
    )
    cause, waited_s = max(waits, key=lambda wait: wait[1])
    if _explains(waited_s, stall):
        return cause
    if _are_many(evidence, since, until):
        return "viewer-device"
    return _cause_on_the_way(stall, served, evidence)


def _cause_on_the_way(stall: Stall, served: Sequence[ServedTime], evidence: Evidence) -> Cause:
    were_ready = _explains(sum(one.client_s for one in served), stall)
    if evidence.is_by_edge:
        return "edge" if were_ready or evidence.is_whole else "unknown"
    if stall.is_shared:
        return "proxy" if were_ready else "unknown"
    return "viewer-line" if _explains(_waited_for_reader_s(stall, served), stall) else "unknown"


def _waited_for_reader_s(stall: Stall, served: Sequence[ServedTime]) -> float:
    """Returns for how long the socket of a viewer who read was full.

    Bytes have to move: in the same window, or for windows of the stall at any time of it, since a
    line that was cut moves some when it is back. Where none moved, the player read nothing.
    """
    during = [one for one in served if one.until > stall.began_at]
    if during and not any(one.sent_bytes for one in during):
        return 0.0
    before = [one for one in served if one.until <= stall.began_at and one.sent_bytes]
    return sum(one.client_s for one in (*before, *during))


def _are_many(evidence: Evidence, since: datetime, until: datetime) -> bool:
    frames = sum(one.count for one in evidence.dropped if since <= one.at <= until)
    return frames >= MANY_DROPPED_FRAMES


def _explains(waited_s: float, stall: Stall) -> bool:
    return waited_s >= max(LEAST_WAIT_S, stall.stalled_s * EXPLAINING_SHARE)


def _refused(refusals: Iterable[SeenRefusal]) -> Cause | None:
    codes = {one.code for one in refusals}
    if codes & GONE_CODES:
        return "gone"
    if codes & LIMIT_CODES:
        return "limit"
    return "server-busy" if codes & BUSY_CODES else None
