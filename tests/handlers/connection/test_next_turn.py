"""Calls of one turn of the loop run in the next one."""

import asyncio

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
