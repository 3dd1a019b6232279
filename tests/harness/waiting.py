"""Waiting for what a test wants: the one place where the tests look again and again."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast, overload

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.05

Seen = TypeVar("Seen")


@overload
async def wait_until(
    look: Callable[[], Awaitable[Seen]],
    is_right: Callable[[Seen], object] = bool,
    *,
    within_s: float = 10.0,
) -> Seen: ...


@overload
async def wait_until(
    look: Callable[[], Seen],
    is_right: Callable[[Seen], object] = bool,
    *,
    within_s: float = 10.0,
) -> Seen: ...


async def wait_until(
    look: Callable[[], Seen | Awaitable[Seen]],
    is_right: Callable[[Seen], object] = bool,
    *,
    within_s: float = 10.0,
) -> Seen:
    """Returns the result of `look`, or of its coroutine, once it `is_right`: true by default.

    Raises: AssertionError when it is not in time, with what was seen last.
    """
    pause_s, seen = FIRST_PAUSE_S, cast(Seen, "nothing")
    try:
        async with asyncio.timeout(within_s):
            while not is_right(seen := await _seen(look)):
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s; last seen: {seen!r}") from None
    return seen


async def _seen(look: Callable[[], Seen | Awaitable[Seen]]) -> Seen:
    found = look()
    return await found if inspect.isawaitable(found) else found
