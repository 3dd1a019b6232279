"""The difference between this host's clock and the database's, from readings that come late. Pure.

A reading of the database's clock is as old as its answer travelled and waited for the event loop,
so each shows our clock too far ahead: the least difference of the recent ones is the nearest.
"""

from datetime import datetime, timedelta

WINDOW = timedelta(seconds=30)  # clocks drift apart by some milliseconds in that time at most


class ClockDifference:
    """Offset of our clock from the database's; positive if ahead."""

    __slots__ = ("_before", "_now", "_window_began")

    def __init__(self) -> None:
        self._window_began: datetime | None = None
        self._before: timedelta | None = None  # the least of the window before
        self._now: timedelta | None = None

    def read(self, read_at: datetime, now: datetime) -> timedelta:
        """Takes a reading, the database's `read_at` at our `now`; returns the difference."""
        self._begin_window(now)
        ahead = now - read_at
        self._now = ahead if self._now is None else min(self._now, ahead)
        return self._now if self._before is None else min(self._now, self._before)

    def _begin_window(self, now: datetime) -> None:
        if self._window_began is None:
            self._window_began = now
        elif now < self._window_began or now - self._window_began > 2 * WINDOW:
            # Our clock was set, or nobody read for long: what was known says nothing.
            self._before = self._now = None
            self._window_began = now
        elif now - self._window_began > WINDOW:
            self._before, self._now = self._now, None
            self._window_began = now
