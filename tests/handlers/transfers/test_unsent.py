"""Detection of clients that have stopped reading."""

import asyncio

from handlers.transfers.unsent import LOOKS_A_TIMEOUT, StallWatch
from tests.harness.waiting import wait_until

TIMEOUT_S = 0.08


class Client:
    """Each look finds the next of its `taken`, and the last from then on."""

    def __init__(self, stalls: StallWatch, taken: list[int], waiting: int = 1) -> None:
        self._stalls = stalls
        self._taken = taken
        self._waiting = waiting
        self.looks = 0
        self.ends: list[Client] = []
        self.stalled_at_s: float | None = None
        self.began_s = asyncio.get_running_loop().time()
        stalls.add(self)

    def taken_and_waiting(self) -> tuple[int, int]:
        self.looks += 1
        return self._taken[min(self.looks, len(self._taken)) - 1], self._waiting

    def stall(self) -> None:
        self.stalled_at_s = asyncio.get_running_loop().time()
        for other in self.ends:
            self._stalls.discard(other)

    @property
    def is_stalled(self) -> bool:
        return self.stalled_at_s is not None


async def test_a_client_that_takes_nothing_stalls_after_the_timeout():
    client = Client(StallWatch(TIMEOUT_S), [7])
    await wait_until(lambda: client.is_stalled)

    assert client.stalled_at_s - client.began_s >= TIMEOUT_S
    # The first look cannot know for how long nothing was taken.
    assert client.looks > LOOKS_A_TIMEOUT // 2


async def test_a_client_that_takes_anything_or_owes_nothing_does_not_stall():
    stalls = StallWatch(TIMEOUT_S)
    slow, quick = Client(stalls, list(range(1000))), Client(stalls, [7], waiting=0)
    await wait_until(lambda: min(slow.looks, quick.looks) > 3 * LOOKS_A_TIMEOUT)

    assert not slow.is_stalled
    assert not quick.is_stalled


async def test_who_has_gone_is_not_looked_at():
    stalls = StallWatch(TIMEOUT_S)
    gone, left = Client(stalls, [7]), Client(stalls, [7])
    stalls.discard(gone)
    stalls.discard(gone)
    await wait_until(lambda: left.is_stalled)

    assert gone.looks == 0


async def test_one_that_ends_another_is_no_harm():
    stalls = StallWatch(TIMEOUT_S)
    first, second = Client(stalls, [7]), Client(stalls, [7])
    first.ends, second.ends = [second], [first]
    last = Client(stalls, [7])
    await wait_until(lambda: last.is_stalled)

    assert [first.is_stalled, second.is_stalled] == [True, False]


class Failing(Client):
    def taken_and_waiting(self) -> tuple[int, int]:
        raise OSError


async def test_one_that_fails_keeps_none_from_being_looked_at():
    stalls, failures = StallWatch(TIMEOUT_S), []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(context["exception"])
    )
    Failing(stalls, [7])
    other = Client(stalls, [7])
    await wait_until(lambda: other.is_stalled)

    assert {type(one) for one in failures} == {OSError}


async def test_who_comes_when_all_have_gone_is_watched():
    stalls = StallWatch(TIMEOUT_S)
    stalls.discard(Client(stalls, [7]))
    other = Client(stalls, [7])
    await wait_until(lambda: other.is_stalled)
    later = Client(stalls, [7])
    await wait_until(lambda: later.is_stalled)
