"""A token bucket: how much may pass now, and how long to wait for more.

Pure: it is told the time. One bucket costs a fraction of a microsecond, which no kept library does.
"""


class TokenBucket:
    """Refilled at `rate_per_s` up to `depth`; full at first.

    `take` suits what is refused when there is too little, `owe` what is merely slowed down.
    """

    __slots__ = ("__weakref__", "_at_s", "_level", "depth", "rate_per_s")

    def __init__(self, rate_per_s: float, depth: float, now_s: float) -> None:
        self.rate_per_s = rate_per_s
        self.depth = depth
        self._level = depth
        self._at_s = now_s

    def take(self, amount: float, now_s: float) -> float:
        """Take all of it and return 0.0, or nothing and return the seconds until there is enough.

        An amount above the depth is never given.
        """
        level = self.level(now_s)
        if level < amount:
            return (amount - level) / self.rate_per_s
        self._level = level - amount
        return 0.0

    def owe(self, amount: float, now_s: float) -> float:
        """Take it in any case; returns the seconds until what was taken too much is made up."""
        self._level = level = self.level(now_s) - amount
        return -level / self.rate_per_s if level < 0.0 else 0.0

    def level(self, now_s: float) -> float:
        """What there is now, below zero while something is owed. A clock set back adds nothing."""
        if now_s > self._at_s:
            refilled = self._level + (now_s - self._at_s) * self.rate_per_s
            self._level = min(refilled, self.depth)
            self._at_s = now_s
        return self._level
