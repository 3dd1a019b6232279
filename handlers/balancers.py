"""Notes when a balancer last asked for the health of this process."""

import time

WATCHING_S = 10.0  # Kubernetes asks every 10 s by default, HAProxy every 2 s


class Balancers:
    """Knows of those that ask again and again."""

    def __init__(self) -> None:
        self._asked_s: float | None = None

    def note(self) -> None:
        self._asked_s = time.monotonic()

    def are_watching(self) -> bool:
        """True if one asked within the last ten seconds."""
        return self._asked_s is not None and time.monotonic() - self._asked_s < WATCHING_S
