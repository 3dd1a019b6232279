"""Token bucket: the amount allowed now, and the wait for more.

Pure: the time is an argument. A call costs a fraction of a microsecond, which no maintained library
achieves.
"""


class TokenBucket:
    """A bucket that refills at `rate_per_s` up to `depth`, initially full.

    Use `take` for requests that may be refused, `owe` for transfers that are only slowed down.
    `taken` counts both, for whoever sets it back; what is `charge`d was counted elsewhere.
    """

    __slots__ = ("__weakref__", "_at_s", "_level", "depth", "rate_per_s", "taken")

    def __init__(self, rate_per_s: float, depth: float, now_s: float) -> None:
        self.rate_per_s = rate_per_s
        self.depth = depth
        self.taken = 0.0
        self._level = depth
        self._at_s = now_s

    def take(self, amount: float, now_s: float) -> float:
        """Takes the amount and returns 0.0, or takes nothing and returns the seconds to wait.

        An amount above the depth is never granted.
        """
        level = self.level(now_s)
        if level < amount:
            return (amount - level) / self.rate_per_s
        self._level = level - amount
        self.taken += amount
        return 0.0

    def owe(self, amount: float, now_s: float) -> float:
        """Takes the amount in any case; returns the seconds until the debt is refilled."""
        self._level = level = self.level(now_s) - amount
        self.taken += amount
        return -level / self.rate_per_s if level < 0.0 else 0.0

    def charge(self, amount: float, now_s: float, longest_wait_s: float) -> None:
        """Takes the amount, but for no longer than it refills in `longest_wait_s`."""
        least = -self.rate_per_s * longest_wait_s
        level = self.level(now_s)
        self._level = min(level, max(least, level - amount))

    def level(self, now_s: float) -> float:
        """Returns the current level, negative during a debt. A clock set back adds nothing."""
        if now_s > self._at_s:
            refilled = self._level + (now_s - self._at_s) * self.rate_per_s
            self._level = min(refilled, self.depth)
            self._at_s = now_s
        return self._level
