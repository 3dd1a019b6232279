"""Reconciliation of a video's figures with a recount of its progress and sessions. Pure.

Progress holds no days, so seconds that the days lack are given to the day of their viewer's newest
report, or to the newest day; what they have too much is taken from the newest days.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from operator import or_

from db.insight.recount import ViewerCount
from db.insight.rollups import Day


@dataclass(frozen=True, slots=True)
class Recount:
    """A video counted anew; `numbers` are those of the viewers in its course.

    Sessions that began before `sessions_kept_since` may have been deleted since; None: any may.
    """

    viewers: Sequence[ViewerCount]
    numbers: Mapping[str, int]
    sessions: Mapping[date, int]
    sessions_kept_since: date | None = None

    @property
    def watched_cs(self) -> int:
        return sum(viewer.watched_cs for viewer in self.viewers)

    @property
    def viewer_bits(self) -> int:
        return bits(self.numbers[one.user_id] for one in self.viewers if one.watched_cs)


def bits(numbers: Iterable[int]) -> int:
    """Returns the set as the bits of an integer."""
    taken = bytearray()
    for number in numbers:
        if number // 8 >= len(taken):
            taken.extend(bytes(number // 8 + 1 - len(taken)))
        taken[number // 8] |= 1 << number % 8
    return int.from_bytes(taken, "little")


def reconciled(days: Sequence[Day], recount: Recount) -> list[Day]:
    """Returns the days with the least changes that make them agree with the recount."""
    by_day = {day.day: replace(day) for day in days}
    _count_viewers(by_day, recount)
    _count_sessions(by_day, recount)
    _count_completions(by_day, recount)
    _balance(by_day, recount)
    return [day for _, day in sorted(by_day.items()) if _has_figures(day)]


def _day(by_day: dict[date, Day], day: date) -> Day:
    return by_day.setdefault(day, Day(day))


def _has_figures(day: Day) -> bool:
    return bool(day.viewers or day.sessions or day.watched_cs or day.completions)


def _count_viewers(by_day: dict[date, Day], recount: Recount) -> None:
    """Removes whom the progress does not know, and adds who is missing, with what they saw."""
    expected = recount.viewer_bits
    recorded = reduce(or_, (day.viewers for day in by_day.values()), 0)
    for day in by_day.values():
        day.viewers &= expected
    for viewer in recount.viewers:
        number = recount.numbers.get(viewer.user_id)
        if number is not None and viewer.watched_cs and not recorded >> number & 1:
            day = _day(by_day, viewer.seen_on)
            day.viewers |= 1 << number
            day.watched_cs += viewer.watched_cs


def _count_sessions(by_day: dict[date, Day], recount: Recount) -> None:
    since = recount.sessions_kept_since
    for day in by_day.values():
        if since is not None and day.day >= since:
            day.sessions = recount.sessions.get(day.day, 0)
    for found, sessions in recount.sessions.items():
        day = _day(by_day, found)
        day.sessions = max(day.sessions, sessions)


def _count_completions(by_day: dict[date, Day], recount: Recount) -> None:
    completions = Counter(one.completed_on for one in recount.viewers if one.completed_on)
    for day in by_day.values():
        day.completions = 0
    for found, count in completions.items():
        _day(by_day, found).completions = count


def _balance(by_day: dict[date, Day], recount: Recount) -> None:
    missing = recount.watched_cs - sum(day.watched_cs for day in by_day.values())
    if missing > 0:
        newest = max([one.seen_on for one in recount.viewers], default=max(by_day, default=None))
        assert newest is not None  # or no viewer has watched what is missing
        _day(by_day, newest).watched_cs += missing
    for found in sorted(by_day, reverse=True):
        taken = min(-missing, max(by_day[found].watched_cs, 0))
        if taken > 0:
            by_day[found].watched_cs -= taken
            missing += taken
