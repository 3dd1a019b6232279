import asyncio

import pytest

from storage.concurrency.tasks import end


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
