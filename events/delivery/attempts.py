"""Attempts of a delivery: what came of one, and the pauses between them. Pure but for chance."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Growing, as Standard Webhooks advises; after the last one, a day later, the event is given up.
PAUSES_S = (3.0, 30.0, 300.0, 1800.0, 7200.0, 18000.0, 28800.0, 28800.0)
SPREAD_RATIO = 0.2  # so that all that failed together does not come back together
LONGEST_WISH_S = 3600.0  # of a receiver's `Retry-After`


@dataclass(frozen=True, slots=True)
class Attempt:
    """`failure` None: it was delivered. `wish_s`: the receiver's `Retry-After`."""

    event_id: int
    failure: str | None = None
    wish_s: float = 0.0


def pause_after(
    attempts: int,
    wish_s: float = 0.0,
    pauses_s: Sequence[float] = PAUSES_S,
    chance: Callable[[], float] = random.random,
) -> float | None:
    """Returns the pause after a failed attempt, `attempts` including it; None after the last."""
    if attempts > len(pauses_s):
        return None
    pause_s = pauses_s[attempts - 1]
    return max(pause_s * (1 + SPREAD_RATIO * chance()), min(wish_s, LONGEST_WISH_S))
