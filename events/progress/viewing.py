"""Changes of viewing figures that follow from a batch of reports. Pure.

What a user has seen is compared before and after the batch, as the database stored it, so the
figures follow it to the centisecond, whatever it was cut or joined to. Those who only play on are
one change per video and day, in the name of one of them, as long as all are viewers of that day.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from db.insight.changes import ViewingChange
from db.progress.progress import ProgressState
from db.progress.report_batch import Standing, VideoKey
from events.progress.watched_set import Piece, length

Intervals = Sequence[tuple[float, float]]


@dataclass(slots=True)
class BatchViewing:
    """One user's reports on one video in a batch.

    `played` is what the reports claim that are neither late nor duplicates, and that may count;
    `begun` are the days of the sessions that began with them; `counted_on` is a day that has the
    user among its viewers by a change of an earlier batch.
    """

    standing: Standing
    played: list[Piece] = field(default_factory=list)
    begun: list[date] = field(default_factory=list)
    counted_on: date | None = None

    def can_be_joined(self, today: date, state: ProgressState, lost: Sequence[Piece]) -> bool:
        """True where the day needs no more than what was gained and played."""
        return (
            self.counted_on == today
            and not (self.begun or lost)
            and (state.completed_at is None or self.standing.completed_at is not None)
            and self.has_counting_seconds
        )

    @property
    def has_counting_seconds(self) -> bool:
        """False where a recount knows no viewer: after a film that was longer."""
        watched, duration_s = self.standing.watched, self.standing.duration_s
        return bool(watched) and (duration_s is None or watched[0][0] < duration_s)


def changes(
    viewings: Mapping[VideoKey, BatchViewing], states: Mapping[VideoKey, ProgressState]
) -> list[ViewingChange]:
    """Returns the changes of the batch, given the states after its write."""
    found: list[ViewingChange] = []
    playing_on: dict[tuple[int, date], _PlayingOn] = {}
    for key, viewing in viewings.items():
        state, today = states[key], viewing.standing.read_at.date()
        gained, lost = _difference(viewing.standing.watched, state.watched)
        plays = viewing.played
        if gained and gained != plays:  # by a late report, or by a small gap that was closed
            plays = plays + without(gained, united(sorted(plays)))
        if not viewing.can_be_joined(today, state, lost):
            found += _changes_of(key, viewing, state, today, gained, lost, plays)
        elif plays:
            place = key.video_id.int, today
            joined = playing_on.get(place)
            if joined is None:
                joined = playing_on[place] = _PlayingOn(key, [], [])
            joined.gained.extend(gained)
            joined.plays.extend(plays)
    for (_, day), joined in playing_on.items():
        found.append(joined.change(day))
    return found


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


class _PlayingOn(NamedTuple):
    """Viewers of a video, among those of its day already; `first` is one of them."""

    first: VideoKey
    gained: list[Piece]
    plays: list[Piece]

    def change(self, day: date) -> ViewingChange:
        video_id, user_id = self.first.video_id, self.first.user_id
        watched_cs = length(self.gained)
        return ViewingChange(
            video_id, user_id, day, watched_cs, gained=self.gained, plays=self.plays
        )


def _changes_of(
    key: VideoKey,
    viewing: BatchViewing,
    state: ProgressState,
    today: date,
    gained: Sequence[Piece],
    lost: Sequence[Piece],
    plays: Sequence[Piece],
) -> Iterator[ViewingChange]:
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
    if before[first + 1 :] == after[first + 1 :] and first < most:
        (start, stop), (new_start, new_stop) = before[first], after[first]
        if start == new_start and stop < new_stop:
            return [(round(stop * 100), round(new_stop * 100))], []
    last = 0
    while last < most - first and before[-1 - last] == after[-1 - last]:
        last += 1
    old = _pieces(before[first : len(before) - last])
    new = _pieces(after[first : len(after) - last])
    return without(new, old), without(old, new)


def _pieces(intervals: Intervals) -> list[Piece]:
    return [(round(start * 100), round(stop * 100)) for start, stop in intervals]
