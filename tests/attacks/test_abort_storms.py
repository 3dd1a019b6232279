"""Clients that reset their connection at every point of what they do, by the dozen.

Afterwards there are as many tasks, descriptors and connections as before, and no unfinished file.
"""

import asyncio
import os
import random
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from handlers import keys
from handlers.transfers.transfers import PURPOSES
from tests.handlers.conftest import Service
from tests.handlers.uploads.uploading import AFTER, BEFORE
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

IS_FULL = os.environ.get("FULL") == "1"
STORM = 2_000 if IS_FULL else 120
AT_ONCE = 24
RETURN_TIMEOUT_S = 20.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
REPORT = b'{"session_id":"s","sequence":1,"position":1,"watched":[[0,1]],"event":"progress"}'


@dataclass(frozen=True)
class Held:
    """Descriptors, tasks and transfers that a process holds for its clients."""

    connections: int
    descriptors: int
    tasks: int
    subscribers: int
    transfers: int

    @staticmethod
    def by(service: Service) -> "Held":
        runner = service.server._runner
        assert runner.server is not None
        transfers = service.app[keys.TRANSFERS]
        return Held(
            connections=len(runner.server.connections),
            descriptors=len(os.listdir("/proc/self/fd")),
            tasks=len(asyncio.all_tasks()),
            subscribers=len(service.app[keys.HUB]),
            transfers=sum(map(transfers.count, PURPOSES)),
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def requests(shared_service: Service, video: Any, film: bytes) -> AsyncIterator[Any]:
    """Whole requests by name, as they go over the wire."""
    asked = (await shared_service.ask("ada", "POST", f"videos/{video['id']}/playback", {})).json
    teacher = f"Authorization: {shared_service.teacher.headers['Authorization']}"
    form = BEFORE + film + AFTER
    yield {
        "range": request(f"GET {asked['stream_url']}", "Range: bytes=0-9999"),
        "whole": request(f"GET {asked['stream_url']}"),
        "events": request(f"GET {asked['events_url']}"),
        "report": request(f"POST /play/{asked['grant']}/{video['id']}/progress", body=REPORT),
        "form": request(
            "POST /api/v1/modules/m1/videos",
            teacher,
            "Content-Type: multipart/form-data; boundary=a",
            body=form[: len(form) // 2],
            length=len(form),
        ),
        "bad": request("GET /healthz", "A: \0"),
        "packed": request("GET /healthz", "Content-Encoding: gzip", body=b"x" * 9999),
    }


def request(line: str, *fields: str, body: bytes = b"", length: int | None = None) -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: x", *fields]
    if body:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    "kind", ["range", "whole", "events", "report", "form", "bad", "packed", "all of them"]
)
async def test_everything_returns_after_a_storm_of_resets(
    shared_service: Service, requests: dict[str, bytes], kind: str
) -> None:
    texts = list(requests.values()) if kind == "all of them" else [requests[kind]]
    async with connected(shared_service.url) as wire:  # what is made once is there before
        await (await after(wire, requests["range"])).answer()
    await asyncio.sleep(0)
    before = Held.by(shared_service)
    at_once = asyncio.Semaphore(AT_ONCE)

    async def leave(number: int) -> None:
        rng = random.Random(f"{kind} {number}")
        async with at_once, connected(shared_service.url) as wire:
            text = rng.choice(texts)
            await after(wire, text[: rng.randrange(len(text) + 1)])
            if rng.random() < 0.5:
                await some_answer(wire, rng.choice([0.0, 0.001, 0.01]))
            reset(wire)

    await asyncio.gather(*(leave(number) for number in range(STORM)))

    await until_returned(shared_service, before)


async def after(wire: Wire, text: bytes) -> Wire:
    wire.writer.write(text)
    await wire.writer.drain()
    return wire


async def some_answer(wire: Wire, patience_s: float) -> None:
    """A byte of it, if it comes in time."""
    try:
        async with asyncio.timeout(patience_s):
            await wire.reader.read(1)
    except TimeoutError:
        pass


def reset(wire: Wire) -> None:
    own: socket.socket = wire.writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    wire.writer.transport.abort()


async def until_returned(service: Service, before: Held) -> None:
    await wait_until(
        lambda: Held.by(service),
        lambda held: is_within(held, before),
        within_s=RETURN_TIMEOUT_S,
    )
    storage = service.app[keys.STORAGE]
    await wait_until(
        lambda: list(storage.unfinished.iterdir()),
        lambda unfinished: not unfinished,
        within_s=RETURN_TIMEOUT_S,
    )


def is_within(now: Held, before: Held) -> bool:
    """A pool may have opened a connection to the database, and each has a task or two."""
    return (
        now.connections <= before.connections
        and now.subscribers <= before.subscribers
        and now.transfers <= before.transfers
        and now.descriptors <= before.descriptors + 12
        and now.tasks <= before.tasks + 4
    )
