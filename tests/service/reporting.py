"""A player that reports, and remembers what it was answered."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

STEP_S, SEEN_S = 1.0, 0.5  # apart by more than the gaps that are closed
NOT_NOW = (408, 502, 503, 504)  # a balancer's or the server's: once more


@dataclass
class Player:
    """Reports one place after the other, each as often as it takes."""

    session: aiohttp.ClientSession
    url: str
    session_id: str = field(default_factory=lambda: uuid4().hex)
    acknowledged: int = -1  # sequences are 0, 1, 2 …
    sent: int = -1

    async def step(self) -> None:
        self.sent = self.acknowledged + 1
        at_s = self.sent * STEP_S
        report = {
            "session_id": self.session_id,
            "sequence": self.sent,
            "position": at_s,
            "watched": [[at_s, at_s + SEEN_S]],
            "event": "progress",
        }
        async with self.session.post(self.url, json=report) as response:
            assert response.status in (200, *NOT_NOW), await response.text()
            if response.status == 200:
                self.acknowledged = self.sent

    def lost(self, kept: Any) -> int:
        """Counts acknowledged reports that `kept` does not show; it may show the one in doubt."""
        assert {start for start, _ in kept["watched"]} <= {n * STEP_S for n in range(self.sent + 1)}
        return lost_reports(kept, self.acknowledged)


def lost_reports(kept: Any, acknowledged: int) -> int:
    """Counts those up to the sequence `acknowledged` that `kept` does not show."""
    seen = {start for start, _ in kept["watched"]}
    wanted = {n * STEP_S for n in range(acknowledged + 1)}
    is_moved_back = acknowledged >= 0 and kept["position"] < acknowledged * STEP_S
    return len(wanted - seen) + is_moved_back
