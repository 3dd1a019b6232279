"""The hottest videos: what was played here, and what is played most in all processes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

MOST_COUNTED = 10_000  # videos between two exchanges; of others nobody keeps count


class Ranking(Protocol):
    """Plays of all processes, the older the less they count. Its calls never fail."""

    async def exchange(self, plays: Mapping[UUID, int]) -> Sequence[UUID] | None:
        """Adds plays; returns the hottest, the first first. None while it is away."""
        ...


class Plays:
    """Plays in this process since they were taken."""

    def __init__(self) -> None:
        self._counts: Counter[UUID] = Counter()

    def note(self, video_id: UUID) -> None:
        if video_id in self._counts or len(self._counts) < MOST_COUNTED:
            self._counts[video_id] += 1

    def take(self) -> Mapping[UUID, int]:
        taken, self._counts = self._counts, Counter()
        return taken
