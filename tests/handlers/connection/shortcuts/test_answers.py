"""Answers of one turn of the loop: admitted, sent and counted in the next, step by step."""

import asyncio
from collections import Counter
from types import SimpleNamespace

import pytest

from events.distributions import SHORT_BOUNDS_S
from handlers.connection.shortcuts import answers
from handlers.connection.shortcuts.answers import AnswerBatch, ShortcutAnswer
from handlers.delivery.ranges import ByteSpan

LIMIT = 3
SPAN = ByteSpan(0, 10)


class File:
    def __init__(self):
        self.holders = 0

    def hold(self):
        self.holders += 1

    def release(self):
        self.holders -= 1


class Users:
    """The streams that run, and who is admitted: no more than `LIMIT` of a user."""

    def __init__(self):
        self.running = Counter()

    def admits(self, answer, begun):
        viewer = answer.claim.limited_viewer
        return not viewer or self.running[viewer] + begun < LIMIT


class Connection:
    """Takes `room_bytes` at once; what is left becomes a stream."""

    def __init__(self, world, name, room_bytes=10):
        self.world, self.name, self.room_bytes = world, name, room_bytes
        self.loop = asyncio.get_running_loop()
        self.transport = object()
        self.is_closed = False

    def begin(self, answer, settings):
        self.world.steps.append(f"begin {self.name}")
        if self.room_bytes is None:
            self.world.users.running[answer.claim.limited_viewer] += 1
            return None
        return self._send

    def _send(self):
        self.world.steps.append(f"send {self.name}")
        return self.room_bytes

    def conclude(self, answer, settings, sent_bytes):
        self.world.steps.append(f"conclude {self.name}")
        if sent_bytes < 10:
            self.world.users.running[answer.claim.limited_viewer] += 1

    def decline(self, data):
        self.world.steps.append(f"decline {self.name}")

    def force_close(self):
        self.is_closed = True


class World:
    def __init__(self):
        self.users, self.file, self.steps = Users(), File(), []
        self.batch = AnswerBatch(self.users.admits, settings=None)

    def ask(self, name, viewer="", room_bytes=10):
        connection = Connection(self, name, room_bytes)
        claim = SimpleNamespace(limited_viewer=viewer)
        series = ("GET", "/v", 206)
        answer = ShortcutAnswer(b"", SPAN, self.file, claim, series, None)
        self.batch.add(connection, answer, b"")
        return connection

    async def turn(self):
        await asyncio.sleep(0)
        steps, self.steps = self.steps, []
        return steps


@pytest.fixture
async def world():
    return World()


async def test_each_step_is_taken_for_all_before_the_next(world):
    for name in "abc":
        world.ask(name)

    assert world.steps == []
    assert await world.turn() == [
        *("begin a", "begin b", "begin c"),
        *("send a", "send b", "send c"),
        *("conclude a", "conclude b", "conclude c"),
    ]
    assert world.file.holders == 0


async def test_what_goes_by_a_transfer_is_neither_sent_nor_concluded(world):
    world.ask("a", room_bytes=None)
    world.ask("b")

    assert await world.turn() == ["begin a", "begin b", "send b", "conclude b"]
    assert world.file.holders == 0


async def test_lost_connection_is_not_answered(world):
    world.ask("a").transport = None
    world.ask("b")

    assert await world.turn() == ["begin b", "send b", "conclude b"]
    assert world.file.holders == 0


async def test_streams_of_one_turn_do_not_exceed_the_limit(world):
    """Each takes less than all at once, so each becomes a stream."""
    for name in "abcde":
        world.ask(name, viewer="ada", room_bytes=4)

    steps = await world.turn()

    assert world.users.running["ada"] == LIMIT
    assert [step for step in steps if step.startswith("decline")] == ["decline d", "decline e"]
    assert world.file.holders == 0


async def test_transfers_that_begin_count_at_once(world):
    for name in "abcde":
        world.ask(name, viewer="ada", room_bytes=None)

    steps = await world.turn()

    assert world.users.running["ada"] == LIMIT
    assert steps[LIMIT:] == ["decline d", "decline e"]


async def test_answers_that_go_at_once_are_no_streams(world):
    """More of them than a user may have streams: those before are sent first, to be sure."""
    for name in "abcdefgh":
        world.ask(name, viewer="ada")

    steps = await world.turn()

    assert sum(step.startswith("conclude") for step in steps) == 8
    assert world.users.running["ada"] == 0


async def test_streams_of_one_user_are_not_those_of_another(world):
    for name, viewer in zip("abcdef", ["ada", "bob"] * 3, strict=True):
        world.ask(name, viewer=viewer, room_bytes=4)

    steps = await world.turn()

    assert world.users.running == {"ada": LIMIT, "bob": LIMIT}
    assert not any(step.startswith("decline") for step in steps)


async def test_answers_added_meanwhile_go_a_turn_later(world):
    connection = world.ask("a")
    connection.conclude = lambda *_: world.ask("b")

    assert await world.turn() == ["begin a", "send a"]
    assert await world.turn() == ["begin b", "send b", "conclude b"]


@pytest.mark.parametrize("step", ["begin", "conclude"])
async def test_a_failure_closes_its_connection_and_no_other(world, step):
    failures = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    first, failing, last = (world.ask(name) for name in "abc")
    setattr(failing, step, lambda *_: [].pop())

    steps = await world.turn()

    assert (first.is_closed, failing.is_closed, last.is_closed) == (False, True, False)
    assert steps[-2:] == ["conclude a", "conclude c"]
    assert [type(one) for one in failures] == [IndexError]
    assert world.file.holders == 0


async def test_each_answer_is_counted_with_the_time_of_its_turn(world, monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(answers, "monotonic", lambda: now_s)

    def takes_20_ms():
        nonlocal now_s
        now_s += 0.02
        return 10

    for name in "abc":
        world.ask(name)._send = takes_20_ms
    await world.turn()

    durations_s = world.batch.durations_s
    counted = dict(zip(SHORT_BOUNDS_S, durations_s.counts, strict=False))
    assert counted[0.1] == sum(durations_s.counts) == 3
    assert durations_s.total == pytest.approx(0.18)
