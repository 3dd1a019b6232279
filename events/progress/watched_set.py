"""Sets of watched seconds, in centiseconds, and the seconds that a claim adds to one. Pure.

Counts exactly as `watched_union` of the database does: rounded to 10 ms, gaps up to 0.25 s closed.
Does not limit the number of pieces, as that function does at the end.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter

Piece = tuple[int, int]  # [start, stop) in centiseconds

CLOSED_GAP = 25  # centiseconds
NEAR_S = 0.26
_start, _stop = itemgetter(0), itemgetter(1)


def claimed_pieces(
    intervals: Iterable[tuple[float, float]], duration_s: float | None
) -> list[Piece]:
    """Returns the intervals in ascending order, cut to the duration, without empty ones."""
    pieces = _rounded(intervals)
    if duration_s is not None:
        end = max(int(duration_s * 100 + 0.5), 1)
        pieces = [(start, min(stop, end)) for start, stop in pieces]
    if len(pieces) > 1:
        pieces.sort()
    return [piece for piece in pieces if piece[0] < piece[1]]


def length(pieces: Iterable[Piece]) -> int:
    total = 0
    for start, stop in pieces:
        total += stop - start
    return total


class WatchedSet:
    """Ascending pieces with more than a closed gap between them.

    Most sets are asked once, for what one claim adds: only the pieces near it are converted then.
    """

    __slots__ = ("_intervals", "_waiting")

    def __init__(self, intervals: Sequence[tuple[float, float]]) -> None:
        self._intervals = intervals
        self._waiting: list[Piece] = []

    @property
    def pieces(self) -> list[Piece]:
        self._settle()
        return _rounded(self._intervals)

    def added_by(self, claim: list[Piece]) -> list[Piece]:
        """Returns the pieces that the set would grow by, closed gaps included, in order."""
        if not claim:
            return []
        self._settle()
        touched = self._near(claim)
        if touched:
            return _missing(touched, claim)
        return claim if len(claim) == 1 else _closed(claim)

    def add(self, pieces: Iterable[Piece]) -> None:
        self._waiting += pieces

    def earliest(self, added: Sequence[Piece], limit: int) -> list[Piece]:
        """Returns the first pieces of `added_by`, by which the set grows by at most `limit`."""
        taken = []
        begins = {start for start, _ in self._near(added)}
        for start, stop in added:
            cut = start + min(limit, stop - start)
            if cut < stop and stop in begins:  # a small rest would be closed as a gap
                cut = max(start, min(cut, stop - CLOSED_GAP - 1))
            if start < cut:
                taken.append((start, cut))
            if cut < stop:
                break
            limit -= cut - start
        return taken

    def _settle(self) -> None:
        if self._waiting:
            united = _closed(_rounded(self._intervals) + self._waiting)
            self._intervals = [(start / 100, stop / 100) for start, stop in united]
            self._waiting = []

    def _near(self, claim: Sequence[Piece]) -> list[Piece]:
        """Returns all pieces that an ascending claim reaches, and perhaps some more."""
        if not claim:
            return []
        intervals, claim_stop = self._intervals, max(map(_stop, claim))
        first = bisect_left(intervals, claim[0][0] / 100 - NEAR_S, key=_stop)
        last = bisect_right(intervals, claim_stop / 100 + NEAR_S, first, key=_start)
        return _rounded(intervals[first:last])


def _rounded(intervals: Iterable[tuple[float, float]]) -> list[Piece]:
    return [(int(start * 100 + 0.5), int(stop * 100 + 0.5)) for start, stop in intervals]


def _missing(touched: list[Piece], claim: list[Piece]) -> list[Piece]:
    """Returns what the union of both, gaps closed, has beyond the first."""
    added, place = [], 0
    for start, stop in _closed(touched + claim):
        while place < len(touched) and touched[place][0] < stop:
            known_start, known_stop = touched[place]
            if start < known_start:
                added.append((start, known_start))
            start = known_stop
            place += 1
        if start < stop:
            added.append((start, stop))
    return added


def _closed(pieces: list[Piece]) -> list[Piece]:
    """Returns the union, gaps closed."""
    closed: list[Piece] = []
    for start, stop in sorted(pieces):
        if closed and start - closed[-1][1] <= CLOSED_GAP:
            if stop > closed[-1][1]:
                closed[-1] = (closed[-1][0], stop)
        else:
            closed.append((start, stop))
    return closed
