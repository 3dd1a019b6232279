"""One timer for many: who is looked at, and when."""

import asyncio

from storage.concurrency.shared_timer import SharedTimer
from tests.harness.waiting import wait_until

INTERVAL_S = 0.08


async def test_each_is_looked_at_an_interval_after_it_was_added_and_again():
    loop = asyncio.get_running_loop()
    looks: list[tuple[str, float]] = []
    timer = SharedTimer(INTERVAL_S, lambda member: looks.append((member, loop.time())))
    began_s = loop.time()
    timer.add("first")
    await asyncio.sleep(INTERVAL_S / 2)  # the second's turn is later by so much
    second_s = loop.time()
    timer.add("second")
    await wait_until(lambda: len(looks) >= 4)

    assert [member for member, _ in looks[:4]] == ["first", "second"] * 2
    assert looks[0][1] - began_s >= INTERVAL_S
    assert looks[1][1] - second_s >= INTERVAL_S
    assert looks[2][1] - looks[0][1] >= INTERVAL_S


async def test_who_was_discarded_is_not_looked_at():
    looks: list[str] = []
    timer = SharedTimer(INTERVAL_S, looks.append)
    timer.add("gone")
    timer.add("left")
    timer.discard("gone")
    timer.discard("gone")
    await wait_until(lambda: looks)

    assert looks == ["left"]


async def test_it_rests_while_it_has_nobody_and_begins_anew():
    looks: list[str] = []
    timer = SharedTimer(INTERVAL_S, looks.append)
    timer.add("gone")
    timer.discard("gone")
    await wait_until(lambda: timer._timer is None)
    timer.add("later")
    await wait_until(lambda: looks)

    assert looks == ["later"]
