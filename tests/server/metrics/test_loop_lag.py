"""The lag of the event loop, measured while something blocks it."""

import time

from events.distributions import SHORT_BOUNDS_S
from server.metrics.loop_lag import LoopLag
from tests.harness.waiting import wait_until

INTERVAL_S = 0.01
BLOCKED_S = 0.2


async def test_loop_that_is_blocked_is_late() -> None:
    lag = LoopLag(INTERVAL_S)
    lag.start()
    try:
        await wait_until(lambda: sum(lag.seconds.counts) >= 3)
        late = SHORT_BOUNDS_S.index(0.1)
        before = sum(lag.seconds.counts[late + 1 :])
        lag.take_longest_s()

        until_s = time.monotonic() + BLOCKED_S
        while time.monotonic() < until_s:
            pass
        await wait_until(lambda: sum(lag.seconds.counts[late + 1 :]) > before)
    finally:
        lag.stop()

    assert lag.seconds.total > BLOCKED_S - 2 * INTERVAL_S
    assert lag.take_longest_s() > BLOCKED_S - 2 * INTERVAL_S
    assert lag.take_longest_s() == 0.0
