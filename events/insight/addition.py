"""Addition of the changes of many commits into days and curves. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from db.insight.changes import Conditions, Piece, QualityFigures, ViewingChange
from db.insight.quality import NumberedQuality, QualityKey
from db.insight.rollups import CountedVideo, Curve, Day
from events.insight.curves import Steps, added
from events.insight.quality import QualityDay, Viewer, numbered
from events.insight.reconciliation import bits


@dataclass(slots=True)
class _Pieces:
    gained: list[Piece] = field(default_factory=list)
    lost: list[Piece] = field(default_factory=list)
    plays: list[Piece] = field(default_factory=list)


@dataclass(slots=True)
class Sums:
    """The sums of the changes of a number of commits."""

    days: dict[tuple[UUID, date], Day] = field(default_factory=dict)
    viewers: dict[tuple[UUID, date], set[str]] = field(default_factory=lambda: defaultdict(set))
    pieces: dict[UUID, _Pieces] = field(default_factory=lambda: defaultdict(_Pieces))

    qualities: dict[QualityKey, QualityDay] = field(default_factory=dict)
    # By the integers of identifiers, whose hash is a function in Python.
    _places: dict[tuple[int, date], tuple[Day, set[str], _Pieces]] = field(default_factory=dict)
    _quality_places: dict[tuple[int, date, Conditions], QualityDay] = field(default_factory=dict)

    @property
    def video_ids(self) -> Sequence[UUID]:
        return list(self.pieces.keys() | {key.video_id for key in self.qualities})

    def add(self, changes: Iterable[ViewingChange]) -> None:
        for change in changes:
            if change.quality is not None:
                self._add_quality(change, *change.quality)
                continue
            place = change.video_id.int, change.day
            sums = self._places.get(place)
            if sums is None:
                key = change.video_id, change.day
                day = self.days[key] = Day(change.day)
                sums = self._places[place] = day, self.viewers[key], self.pieces[change.video_id]
            day, viewers, pieces = sums
            day.sessions += change.sessions
            day.watched_cs += change.watched_cs
            day.completions += change.completions
            if change.plays:
                viewers.add(change.user_id)
            pieces.gained += change.gained
            pieces.lost += change.lost
            pieces.plays += change.plays

    def _add_quality(
        self, change: ViewingChange, conditions: Conditions, figures: QualityFigures
    ) -> None:
        place = change.video_id.int, change.day, conditions
        day = self._quality_places.get(place)
        if day is None:
            day = self._quality_places[place] = QualityDay()
            self.qualities[QualityKey(change.video_id, change.day, conditions)] = day
        day.add(change.user_id, figures)

    def viewers_of(self, facts: Mapping[UUID, CountedVideo]) -> set[Viewer]:
        """Returns the viewers who need numbers."""
        watching = [(video_id, users) for (video_id, _), users in self.viewers.items()]
        measured = [(key.video_id, day.users) for key, day in self.qualities.items()]
        return {
            (facts[video_id].course_id, user_id)
            for video_id, users in watching + measured
            if video_id in facts
            for user_id in users
        }

    def numbered_qualities(
        self, facts: Mapping[UUID, CountedVideo], numbers: Mapping[Viewer, int]
    ) -> list[NumberedQuality]:
        """Returns the quality of the videos that still exist, with the sets of their viewers."""
        return [
            numbered(facts[key.video_id].course_id, key, day, numbers)
            for key, day in self.qualities.items()
            if key.video_id in facts
        ]

    def numbered_days(
        self, facts: Mapping[UUID, CountedVideo], numbers: Mapping[Viewer, int]
    ) -> list[tuple[UUID, Day]]:
        """Returns the days of the videos that still exist, with the sets of their viewers."""
        for (video_id, day), users in self.viewers.items():
            if video_id in facts:
                course_id = facts[video_id].course_id
                self.days[video_id, day].viewers = bits(numbers[course_id, one] for one in users)
        return [(video_id, day) for (video_id, _), day in self.days.items() if video_id in facts]

    def curves(self, facts: Mapping[UUID, CountedVideo]) -> list[Curve]:
        return [
            _added_to(video_id, facts[video_id], pieces)
            for video_id, pieces in self.pieces.items()
            if video_id in facts
        ]


def _added_to(video_id: UUID, facts: CountedVideo, pieces: _Pieces) -> Curve:
    """A curve that was drawn for another duration begins anew, and waits for its recount."""
    duration, curve = facts.duration_cs, facts.curve
    if curve is not None and curve.duration_cs != duration:
        curve = None
    is_counted = curve is not None and curve.is_counted
    if duration is None:
        return Curve(video_id, is_counted, None, (), ())
    steps = Steps(duration)
    gained, lost = steps.counted(pieces.gained), steps.counted(pieces.lost)
    viewers = [more - less for more, less in zip(gained, lost, strict=True)]
    plays = steps.counted(pieces.plays)
    if curve is not None:
        viewers, plays = added(curve.viewers, viewers), added(curve.plays, plays)
    return Curve(video_id, is_counted, duration, viewers, plays)
