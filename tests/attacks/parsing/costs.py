"""Processor time of a piece of work: of this thread alone, so that neighbours, pauses and the disk
count nothing."""

import gc
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 5
MOST_S = 0.005  # what one input may cost everybody else on the loop
GROWTH = 4  # the sizes compared: a quarter, and the whole
SLACK = 2.5  # caches, and what the small size does not pay; a square would be four times GROWTH
NOISE_S = 0.0002


def cost_s(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """The least of several times; the collector of garbage keeps out of it."""
    gc.disable()
    try:
        return min(_once_s(work) for _ in range(rounds))
    finally:
        gc.enable()


def grows_faster_than_its_input(small_s: float, large_s: float) -> bool:
    """Of two costs, the second of an input that is `GROWTH` times as large."""
    return large_s > SLACK * GROWTH * small_s + NOISE_S


def _once_s(work: Callable[[], Any]) -> float:
    began_s = time.thread_time()
    work()
    return time.thread_time() - began_s
