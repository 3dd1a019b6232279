"""Changes of viewing figures that follow from a batch of reports. Pure.

What a user has seen is compared before and after the batch, as the database stored it, so the
figures follow it to the centisecond, whatever it was cut or joined to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from db.insight.changes import ViewingChange
from db.progress.progress import ProgressState
from db.progress.report_batch import Standing, VideoKey
from events.progress.watched_set import Piece, length

Intervals = Sequence[tuple[float, float]]


@dataclass(slots=True)
class BatchViewing:
    """One user's reports on one video in a batch.

    `played` is what the reports claim that are neither late nor duplicates, and that may count;
    `begun` are the days of the sessions that began with them.
    """

    standing: Standing
    played: list[Piece] = field(default_factory=list)
    begun: list[date] = field(default_factory=list)


def changes(
    viewings: Mapping[VideoKey, BatchViewing], states: Mapping[VideoKey, ProgressState]
) -> list[ViewingChange]:
    """Returns the changes of the batch, given the states after its write."""
    return [
        change
        for key, viewing in viewings.items()
        for change in _changes_of(key, viewing, states[key])
    ]


def united(pieces: Sequence[Piece]) -> list[Piece]:
    """Returns ascending pieces without their overlaps."""
    if len(pieces) < 2:
        return list(pieces)
    joined = [pieces[0]]
    for start, stop in pieces[1:]:
        if start > joined[-1][1]:
            joined.append((start, stop))
        elif stop > joined[-1][1]:
            joined[-1] = (joined[-1][0], stop)
    return joined


def without(pieces: Iterable[Piece], taken: Sequence[Piece]) -> list[Piece]:
    """Returns what of the first is not in the second; both ascending and without overlaps."""
    rest, place = [], 0
    for start, stop in pieces:
        while place < len(taken) and taken[place][1] <= start:
            place += 1
        at = place
        while at < len(taken) and taken[at][0] < stop:
            if start < taken[at][0]:
                rest.append((start, taken[at][0]))
            start = taken[at][1]
            at += 1
        if start < stop:
            rest.append((start, stop))
    return rest


def _changes_of(
    key: VideoKey, viewing: BatchViewing, state: ProgressState
) -> Iterator[ViewingChange]:
    today = viewing.standing.read_at.date()
    gained, lost = _difference(viewing.standing.watched, state.watched)
    plays = viewing.played
    if gained and gained != plays:  # by a late report, or by a small gap that was closed
        plays = plays + without(gained, united(sorted(plays)))
    completed_on = None
    if state.completed_at is not None and viewing.standing.completed_at is None:
        completed_on = state.completed_at.date()
    begun = viewing.begun.count(today)
    completions = int(completed_on == today)
    if begun or completions or plays or lost:
        watched_cs = length(gained) - length(lost)
        yield ViewingChange(
            key.video_id, key.user_id, today, watched_cs, begun, completions, gained, lost, plays
        )
    for day in viewing.begun:
        if day != today:  # a report that waited beyond midnight
            yield ViewingChange(key.video_id, key.user_id, day, sessions=1)
    if completed_on not in (None, today):
        yield ViewingChange(key.video_id, key.user_id, completed_on, completions=1)


def _difference(before: Intervals, after: Intervals) -> tuple[list[Piece], list[Piece]]:
    """Returns what was gained and what was lost; most often the end of one piece has moved."""
    first, most = 0, min(len(before), len(after))
    while first < most and before[first] == after[first]:
        first += 1
    last = 0
    while last < most - first and before[-1 - last] == after[-1 - last]:
        last += 1
    old = _pieces(before[first : len(before) - last])
    new = _pieces(after[first : len(after) - last])
    return without(new, old), without(old, new)


def _pieces(intervals: Intervals) -> list[Piece]:
    return [(round(start * 100), round(stop * 100)) for start, stop in intervals]
