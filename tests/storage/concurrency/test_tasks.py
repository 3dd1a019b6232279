import asyncio

import pytest

from storage.concurrency.tasks import Periodic, end
from tests.harness.waiting import wait_until

SOON_S, NEVER_S = 0.001, 600.0


async def deaf(times: int) -> None:
    """Behaves like a statement whose answer arrives together with the cancellation."""
    for _ in range(times):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue
    await asyncio.sleep(60)


async def failing() -> None:
    raise LookupError


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_a_task_that_lost_a_cancellation_ends(times: int) -> None:
    task = asyncio.create_task(deaf(times))
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await end(task, patience_s=0.01)

    assert task.cancelled()


async def test_a_task_that_failed_has_ended() -> None:
    task = asyncio.create_task(failing())
    await asyncio.sleep(0)

    await end(task)

    assert task.done()


class Steps:
    """Counts its calls; clears `wanted` when there were enough."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self.wanted = asyncio.Event()
        self._most = most

    async def step(self) -> None:
        self.count += 1
        if self.count == self._most:
            self.wanted.clear()


async def test_a_periodic_step_is_taken_only_while_it_is_wanted() -> None:
    steps = Steps(most=3)
    periodic = Periodic("steps", steps.step, SOON_S, while_set=steps.wanted)
    periodic.start()
    try:
        await wait_until(lambda: is_waited_for(steps.wanted))
        assert steps.count == 0
        steps.wanted.set()
        await wait_until(lambda: not steps.wanted.is_set() and is_waited_for(steps.wanted))
        assert steps.count == 3
    finally:
        await periodic.stop()


async def test_a_periodic_step_is_taken_as_soon_as_it_is_wanted() -> None:
    steps = Steps(most=1)
    periodic = Periodic("steps", steps.step, NEVER_S, while_set=steps.wanted)
    periodic.start()
    try:
        await wait_until(lambda: is_waited_for(steps.wanted))
        steps.wanted.set()
        await wait_until(lambda: steps.count)
    finally:
        await periodic.stop()


def is_waited_for(event: asyncio.Event) -> bool:
    return bool(event._waiters)  # type: ignore[attr-defined]
