"""The watch on running transfers: once a second, what each of them waits for."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from events.insight.sessions.observations import Observations, Viewer, Window
from handlers.transfers.figures import Doing
from handlers.transfers.transfers import STREAMS, Outcome, Tally, Transfer, Transfers
from storage.concurrency.tasks import Periodic

INTERVAL_S = 1.0
LEAST_LAG_S = 0.2  # less is nothing that a viewer notices
WAITING_FOR_US = frozenset({Doing.DISK, Doing.PACED})


@dataclass(slots=True)
class _Seen:
    """States of a viewer's transfers at a moment, and the bytes that they sent since the last."""

    states: set[Doing] = field(default_factory=set)
    sent_bytes: int = 0


class TransferWatch:
    """Adds what transfers do to the windows of their viewers, and the lag of the loop.

    `take_lag_s` returns the longest since its last call.
    """

    def __init__(
        self, transfers: Transfers, observations: Observations, take_lag_s: Callable[[], float]
    ) -> None:
        self._transfers = transfers
        self._observations = observations
        self._take_lag_s = take_lag_s
        self._seen_bytes: dict[Transfer, int] = {}
        self._looked_s: float | None = None
        self.looking = Periodic("transfer watch", self.look, INTERVAL_S)

    async def look(self) -> None:
        now_s, now = time.monotonic(), datetime.now(UTC)
        elapsed_s = INTERVAL_S if self._looked_s is None else now_s - self._looked_s
        lag_s, self._looked_s = self._take_lag_s(), now_s
        running = [one for one in self._transfers if one.purpose in STREAMS]
        viewers = len({one.user_id for one in running})
        since = now - timedelta(seconds=elapsed_s)
        for viewer, seen in self._seen(running).items():
            window = self._observations.window(viewer, since)
            window.viewers = max(window.viewers, viewers)
            _add(window, seen, elapsed_s, lag_s)

    def _seen(self, running: Iterable[Transfer]) -> dict[Viewer, _Seen]:
        found: dict[Viewer, _Seen] = {}
        seen_bytes: dict[Transfer, int] = {}
        for transfer in running:
            viewer = (transfer.user_id, transfer.video_id, transfer.session_id)
            seen = found.get(viewer)
            if seen is None:
                seen = found[viewer] = _Seen()
            seen.states.add(transfer.state)
            seen_bytes[transfer] = transfer.sent_bytes
            seen.sent_bytes += transfer.sent_bytes - self._seen_bytes.get(transfer, 0)
        self._seen_bytes = seen_bytes
        return found

    def finished(self, ended: Transfer | Tally) -> None:
        """Notes a transfer that the server ended: withdrawn, deleted, stopping."""
        if isinstance(ended, Transfer) and ended.outcome is Outcome.ENDED:
            self._observations.refuse((ended.user_id, ended.video_id, ended.session_id), "ended")


def _add(window: Window, seen: _Seen, elapsed_s: float, lag_s: float) -> None:
    window.watched_s += elapsed_s
    window.sent_bytes += seen.sent_bytes
    if lag_s > LEAST_LAG_S:
        window.lag_s = max(window.lag_s, lag_s)
    if Doing.DISK in seen.states:
        window.disk_s += elapsed_s
    if Doing.PACED in seen.states:
        window.paced_s += elapsed_s
    if seen.states - WAITING_FOR_US:  # a client's socket takes what is there when it takes it
        window.client_s += elapsed_s
