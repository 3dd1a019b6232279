"""The watch on running transfers: once a second, what each of them waits for."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from concurrency.tasks import Periodic
from events.insight.observations import Observations, Window
from handlers.transfers.figures import Doing
from handlers.transfers.transfers import STREAMS, Outcome, Tally, Transfer, Transfers

INTERVAL_S = 1.0
LEAST_LAG_S = 0.2  # less is nothing that a viewer notices


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
        seen: dict[Transfer, int] = {}
        running = [one for one in self._transfers if one.purpose in STREAMS]
        viewers = len({one.user_id for one in running})
        for transfer in running:
            window = self._observations.window((transfer.user_id, transfer.video_id), now)
            window.viewers = max(window.viewers, viewers)
            seen[transfer] = transfer.sent_bytes
            window.sent_bytes += transfer.sent_bytes - self._seen_bytes.get(transfer, 0)
            _add(window, transfer, elapsed_s, lag_s)
        self._seen_bytes = seen

    def finished(self, ended: Transfer | Tally) -> None:
        """Notes a transfer that the server ended: withdrawn, deleted, stopping."""
        if isinstance(ended, Transfer) and ended.outcome is Outcome.ENDED:
            self._observations.refuse((ended.user_id, ended.video_id), "ended")


def _add(window: Window, transfer: Transfer, elapsed_s: float, lag_s: float) -> None:
    window.watched_s += elapsed_s
    if lag_s > LEAST_LAG_S:
        window.lag_s = max(window.lag_s, lag_s)
    state = transfer.state
    if state is Doing.DISK:
        window.disk_s += elapsed_s
    elif state is Doing.PACED:
        window.paced_s += elapsed_s
    else:  # there is something to send, and the client's socket takes it when it takes it
        window.client_s += elapsed_s
