"""A player that pauses in the middle of a transfer, and goes on."""

import asyncio
import time

import aiohttp
from aiohttp import hdrs

from server.doctor.client import Unanswered
from server.doctor.findings import Observation, fault, ok, skipped
from server.doctor.installation import Installation

# Less than this sits in the buffers of the hops, and no transfer waits for its reader.
ENOUGH_BYTES = 12 * 2**20
# Read after the pause, at most: more than the buffers held.
MORE_BYTES, MORE_WITHIN_S = 48 * 2**20, 15.0


async def examine_paused_player(inst: Installation) -> list[Observation]:
    video, pause_s = inst.video, inst.waits.pause_s
    assert video is not None
    if video.size_bytes < ENOUGH_BYTES:
        size = f"{ENOUGH_BYTES // 2**20} MiB"
        return [skipped(f"a player that pauses: needs a video of {size}, name one by --video")]
    read_bytes = 0
    try:
        async with inst.client.open(
            "GET",
            video.media_url,
            is_anonymous=True,
            is_held=True,
            headers={hdrs.RANGE: "bytes=0-"},
        ) as response:
            read_bytes += len(await response.content.readany())
            await asyncio.sleep(pause_s)
            read_bytes += await _read_on(response)
            response.close()
    except Unanswered as exc:
        sentence = f"a player that paused for {pause_s:g} s was cut off {inst.behind}"
        return [fault("transfer-cut", f"{sentence}: {exc}")]
    return [ok(f"a player that paused for {pause_s:g} s went on")]


async def _read_on(response: aiohttp.ClientResponse) -> int:
    """Bytes read until enough, for long enough, or at the end. Raises: ClientError where cut."""
    found, until_s = 0, time.monotonic() + MORE_WITHIN_S
    while found < MORE_BYTES and time.monotonic() < until_s:
        piece = await response.content.readany()
        if not piece:
            break
        found += len(piece)
    return found
