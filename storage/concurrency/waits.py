"""Waits for something of which there is too little: how many there are, and since when."""

import time


class PoolWaits:
    """The waits that are under way, the oldest first."""

    def __init__(self) -> None:
        self._since_s: dict[object, float] = {}

    def __len__(self) -> int:
        return len(self._since_s)

    def oldest_s(self) -> float:
        """Seconds since the oldest began; 0.0 while there is none."""
        # Of a snapshot: threads may end waits.
        since_s = next(iter(list(self._since_s.values())), None)
        return 0.0 if since_s is None else time.monotonic() - since_s

    def begin(self) -> object:
        wait = object()
        self._since_s[wait] = time.monotonic()
        return wait

    def end(self, wait: object) -> None:
        self._since_s.pop(wait, None)
