"""Calls of one turn of the loop run in the next one."""

import asyncio

import pytest

from events.distributions import SHORT_BOUNDS_S
from handlers.connection import next_turn
from handlers.connection.next_turn import NextTurn


async def test_calls_run_in_order_in_the_next_turn():
    done, loop, turn = [], asyncio.get_running_loop(), NextTurn()
    for number in range(3):
        turn.add(loop, (lambda *given: done.append(given), number, "x"))

    assert done == []
    await asyncio.sleep(0)
    assert done == [(0, "x"), (1, "x"), (2, "x")]


async def test_what_a_call_adds_runs_a_turn_later():
    done, loop, turn = [], asyncio.get_running_loop(), NextTurn()
    turn.add(loop, (turn.add, loop, (done.append, 1)))

    await asyncio.sleep(0)
    assert done == []
    await asyncio.sleep(0)
    assert done == [1]


async def test_a_call_that_fails_keeps_none_behind_it_from_running():
    done, loop, turn = [], asyncio.get_running_loop(), NextTurn()
    failures = []
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    for call in ((done.append, 1), (done.append,), (done.append, 2), (done.append, 3)):
        turn.add(loop, call)

    for _ in range(3):
        await asyncio.sleep(0)

    assert done == [1, 2, 3]
    assert [type(one) for one in failures] == [TypeError]


async def test_each_call_is_counted_with_the_time_of_its_turn(monkeypatch):
    loop, turn = asyncio.get_running_loop(), NextTurn()
    now_s = 100.0
    monkeypatch.setattr(next_turn, "monotonic", lambda: now_s)

    def takes_20_ms():
        nonlocal now_s
        now_s += 0.02

    for call in ((takes_20_ms,), (takes_20_ms,), (list,)):
        turn.add(loop, call)
    await asyncio.sleep(0)

    counted = dict(zip(SHORT_BOUNDS_S, turn.durations_s.counts, strict=False))
    assert counted[0.05] == sum(turn.durations_s.counts) == 3
    assert turn.durations_s.total == pytest.approx(0.12)
