"""A `serve` that hangs (SIGSTOP) while it receives a resumable upload: another one goes on."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.handlers.uploads.tusing import OCTETS, VERSION, metadata, patching, send
from tests.harness.waiting import wait_until
from tests.service.several_nodes import Node, running_nodes

TAKEN_OVER_WITHIN_S = 2.0  # the contract's
KEPT_BYTES = 100_000


@pytest.fixture
def nodes(dsn: str, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    with running_nodes(dsn, tmp_path, "ab") as (first, second):
        yield first, second


async def ask(node: Node, method: str, location: str, offset: int = 0, data: bytes = b"") -> Any:
    body = BytesIO(data) if data else None
    headers = {**VERSION, **(OCTETS | {"Upload-Offset": str(offset)} if data else {})}
    async with (
        node.client("root", "admin") as session,
        session.request(method, location, headers=headers, data=body) as response,
    ):
        assert response.status in (200, 204), await response.text()
        return response.headers


async def create(node: Node, length: int) -> str:
    headers = {"Upload-Length": str(length), "Upload-Metadata": metadata(), **VERSION}
    async with (
        node.client("root", "admin") as session,
        session.post("/api/v1/uploads", headers=headers) as response,
    ):
        assert response.status == 201, await response.text()
        return response.headers["Location"]


async def test_another_node_takes_over_within_two_seconds_and_the_hung_one_spoils_nothing(
    nodes: tuple[Node, Node], film: bytes, tmp_path: Path
) -> None:
    hung, other = nodes
    lecture = film[: -(2**20)] + random.Random(2).randbytes(2**20)
    location = await create(hung, len(lecture))
    await ask(hung, "PATCH", location, 0, lecture[:KEPT_BYTES])
    async with patching(
        hung.url, hung.token("root", "admin"), location, KEPT_BYTES, len(lecture) - KEPT_BYTES
    ) as wire:
        part = tmp_path / "storage" / "tmp" / f"{location.rpartition('/')[2]}.part"
        wrong = bytes(len(lecture) - KEPT_BYTES)
        await send(wire, wrong[: 2**20 + 1000])
        await wait_until(lambda: part.stat().st_size > KEPT_BYTES, within_s=10)
        with hung.hanging():
            wire.writer.write(wrong[2**20 + 1000 :])  # lies in its buffers until it wakes
            asked_s = time.monotonic()
            offset = int((await ask(other, "HEAD", location))["Upload-Offset"])
            taken_s = time.monotonic() - asked_s
            assert KEPT_BYTES <= offset < len(lecture)
            middle = (offset + len(lecture)) // 2
            await ask(other, "PATCH", location, offset, lecture[offset:middle])
        assert (await wire.answer()).status == 423

    done = await ask(other, "PATCH", location, middle, lecture[middle:])
    path = tmp_path / "storage" / "courses" / "c1" / done["X-Video-ID"] / "original.mp4"
    counted = lecture[:KEPT_BYTES] + wrong[: offset - KEPT_BYTES]
    assert await asyncio.to_thread(path.read_bytes) == counted + lecture[offset:]
    assert taken_s < TAKEN_OVER_WITHIN_S


async def test_a_node_that_hangs_and_dies_leaves_an_upload_that_goes_on(
    nodes: tuple[Node, Node], film: bytes, tmp_path: Path
) -> None:
    hung, other = nodes
    location = await create(hung, len(film))
    await ask(hung, "PATCH", location, 0, film[:KEPT_BYTES])
    async with patching(
        hung.url, hung.token("root", "admin"), location, KEPT_BYTES, len(film) - KEPT_BYTES
    ) as wire:
        await send(wire, film[KEPT_BYTES : 2 * KEPT_BYTES])
        os.kill(hung.process.pid, signal.SIGSTOP)
        asked_s = time.monotonic()
        await ask(other, "PATCH", location, KEPT_BYTES, film[KEPT_BYTES:-1])
        assert time.monotonic() - asked_s < TAKEN_OVER_WITHIN_S + 1
        hung.process.kill()

    done = await ask(other, "PATCH", location, len(film) - 1, film[-1:])
    path = tmp_path / "storage" / "courses" / "c1" / done["X-Video-ID"] / "original.mp4"
    assert await asyncio.to_thread(path.read_bytes) == film
