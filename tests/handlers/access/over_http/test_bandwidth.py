"""STREAM_BANDWIDTH_LIMIT over sockets: as fast as allowed, smooth, shared by all of a user's."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.commands.tokens import mint_token
from tests.handlers.conftest import SECRET, Service, StartService, furnish
from tests.handlers.support.playing import enrolled, stream_of
from tests.harness.wire import Wire, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

IS_FULL = os.environ.get("FULL") == "1"
RATE = 4 * 2**20
# The burst at the beginning shows more in a short look.
LOOK_S, FEWEST, MOST = (10.0, 0.95, 1.05) if IS_FULL else (2.0, 0.8, 1.25)
SLICE_S = 0.25
ROLES = {"svc": ["service"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def limited(start_shared_service: StartService) -> Service:
    service: Service = await start_shared_service(STREAM_BANDWIDTH_LIMIT=str(RATE))
    await furnish(service)
    return service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(limited: Service, large_mp4: Path) -> Any:
    return await limited.ready_video(large_mp4)


@dataclass
class Received:
    """Bytes received, and after how many seconds."""

    pieces: list[tuple[float, int]] = field(default_factory=list)

    @property
    def total_bytes(self) -> int:
        return sum(size_bytes for _, size_bytes in self.pieces)

    def between(self, start_s: float, stop_s: float) -> int:
        return sum(size_bytes for at_s, size_bytes in self.pieces if start_s <= at_s < stop_s)


async def begin(wire: Wire, path: str, who: str) -> None:
    token = mint_token(SECRET, who, roles=ROLES.get(who, []))
    await wire.send(f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
    head = await wire.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head


async def watch(service: Service, path: str, who: str, started_s: float, stop_s: float) -> Received:
    """A transfer, read as fast as it comes."""
    loop, received = asyncio.get_running_loop(), Received()
    try:
        async with asyncio.timeout_at(stop_s), connected(service.url) as wire:
            await begin(wire, path, who)
            while chunk := await wire.reader.read(2**18):
                received.pieces.append((loop.time() - started_s, len(chunk)))
    except TimeoutError:
        pass
    return received


async def watched(service: Service, path: str, who: str, count: int = 1) -> list[Received]:
    """Bytes that so many concurrent transfers deliver in the measured time."""
    now_s = asyncio.get_running_loop().time()
    watching = (watch(service, path, who, now_s, now_s + LOOK_S) for _ in range(count))
    return await asyncio.gather(*watching)


async def test_a_transfer_is_as_fast_as_allowed_and_smooth(limited: Service, video: Any) -> None:
    (received,) = await watched(limited, stream_of(video), await enrolled(limited, "one"))

    assert FEWEST * RATE < received.total_bytes / LOOK_S < MOST * RATE
    slices = [received.between(n * SLICE_S, (n + 1) * SLICE_S) for n in range(1, int(LOOK_S * 4))]
    assert max(slices) < 2 * RATE * SLICE_S
    # A machine that does other things may miss a slice now and then.
    assert sum(size_bytes > 0 for size_bytes in slices) >= 0.8 * len(slices)


async def test_transfers_of_one_user_share_it(limited: Service, video: Any) -> None:
    received = await watched(limited, stream_of(video), await enrolled(limited, "several"), 4)

    total_bytes = sum(one.total_bytes for one in received)
    assert FEWEST * RATE < total_bytes / LOOK_S < MOST * RATE
    assert min(one.total_bytes for one in received) > total_bytes / 16


async def test_users_do_not_share_it(limited: Service, video: Any) -> None:
    users = [await enrolled(limited, name) for name in ("left", "right")]
    both = await asyncio.gather(*(watched(limited, stream_of(video), who) for who in users))

    for (received,) in both:
        assert FEWEST * RATE < received.total_bytes / LOOK_S < MOST * RATE


async def test_who_connects_again_and_again_gets_no_more(limited: Service, video: Any) -> None:
    who, total_bytes = await enrolled(limited, "restless"), 0
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    while loop.time() - started_s < LOOK_S:
        received = await watch(limited, stream_of(video), who, started_s, loop.time() + 0.1)
        total_bytes += received.total_bytes

    assert total_bytes / (loop.time() - started_s) < MOST * RATE


async def test_services_are_free_of_it(limited: Service, video: Any) -> None:
    started_s = asyncio.get_running_loop().time()
    answer = await limited.ask("svc", "GET", stream_of(video))

    assert len(answer.body) == video["size"]
    assert asyncio.get_running_loop().time() - started_s < video["size"] / RATE / 2
