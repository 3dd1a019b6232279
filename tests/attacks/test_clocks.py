"""A host whose clock jumps: a grant opens what it opens by the clock of now, on the fast path as on
the full one, and nothing is remembered of another time.
"""

import time
from datetime import timedelta
from typing import Any

import pytest

from handlers import keys
from tests.handlers.conftest import Service
from tests.harness.wire import Wire, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_S = timedelta(days=1).total_seconds()
JUMPS_S = (0.0, DAY_S, 0.0, -DAY_S, 10_000 * DAY_S, 0.0, -10_000 * DAY_S, 0.0)
REPEATS = 3  # the full way teaches, the others may be the fast one


@pytest.fixture
def jump(shared_service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    now_s = time.time

    def jumping(by_s: float) -> None:
        monkeypatch.setattr(time, "time", lambda: now_s() + by_s)
        monkeypatch.setattr(shared_service.app[keys.GRANTS], "_clock", time.time)

    return jumping


async def test_grant_is_judged_by_the_clock_of_now(
    shared_service: Service, video: Any, jump: Any
) -> None:
    asked = await shared_service.ask("ada", "POST", f"videos/{video['id']}/playback", {})
    shortcut = shared_service.app[keys.RANGE_SHORTCUT]
    async with connected(shared_service.url) as wire:
        for by_s in JUMPS_S:
            jump(by_s)
            answered_before = shortcut.answered.total()

            said = [await status_of_range(wire, asked.json["stream_url"]) for _ in range(REPEATS)]

            is_over = by_s > shared_service.config.grant_ttl_s
            assert set(said) == {401 if is_over else 206}
            assert (shortcut.answered.total() > answered_before) is not is_over


async def status_of_range(wire: Wire, target: str) -> int:
    return (await wire.ask(f"GET {target} HTTP/1.1", "Host: x", "Range: bytes=0-9")).status
