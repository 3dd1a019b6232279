"""Shared bandwidth limit of threads that fetch parts."""

import threading

import pytest

from storage.s3 import object_fetch
from storage.s3.object_fetch import CHUNK_BYTES, FetchControl

LIMIT_BYTES_PER_S = 10 * CHUNK_BYTES


class Clock(threading.Event):
    """Fakes the clock and the event to wait on: waiting advances it."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self.now_s += timeout
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(object_fetch, "time", made)
    return made


def limited(clock: Clock, bytes_per_s: int | None) -> FetchControl:
    shared = FetchControl(lambda _: None, bytes_per_s)
    shared.stopping = clock
    return shared


def test_so_many_bytes_take_so_long(clock: Clock) -> None:
    shared = limited(clock, LIMIT_BYTES_PER_S)
    for _ in range(50):
        shared.count(CHUNK_BYTES)
    assert clock.now_s - 1000.0 == pytest.approx(5.0)


def test_what_a_slow_store_left_unused_is_not_made_up_for(clock: Clock) -> None:
    shared = limited(clock, LIMIT_BYTES_PER_S)
    clock.now_s += 3600.0
    shared.count(CHUNK_BYTES)
    shared.count(CHUNK_BYTES)
    assert clock.waits == pytest.approx([0.1, 0.1])


def test_threads_wait_behind_each_other(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wait", clock.waits.append)
    shared = limited(clock, LIMIT_BYTES_PER_S)
    for _ in range(3):
        shared.count(CHUNK_BYTES)
    assert clock.waits == pytest.approx([0.1, 0.2, 0.3])


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    shared = limited(clock, None)
    shared.count(CHUNK_BYTES)
    assert clock.waits == []
