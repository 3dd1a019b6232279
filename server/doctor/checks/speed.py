"""The speed of a film, next to that at which it plays."""

import asyncio
import time
from itertools import pairwise

from aiohttp import hdrs

from server.doctor.findings import Observation, fault, ok, remark
from server.doctor.installation import Installation

ENOUGH_BYTES = 64 * 2**20
BITS = 8e-6  # of a byte, in Mbit
SEVERAL = 2
PARTIAL = 206
IS_EACH = 1.5  # times the speed of one, where each connection has a limit of its own


async def examine_speed(inst: Installation) -> list[Observation]:
    """Films come faster than they play, after what proxies let pass at once."""
    video = inst.video
    assert video is not None
    if not video.duration_s:
        return []
    needed = video.size_bytes / video.duration_s
    alone = await _speed(inst)
    if alone is None:
        return []  # other checks tell
    if alone >= needed:
        return [ok(f"films come at {_of(alone)}, this one plays at {_of(needed)}")]
    several = await asyncio.gather(*(_speed(inst) for _ in range(SEVERAL)))
    together = sum(speed or 0.0 for speed in several)
    sentence = f"a film that plays at {_of(needed)} comes at {_of(alone)}"
    if together >= alone * IS_EACH:
        sentence = f"{sentence}, two at once at {_of(together)}"
        return [fault("too-slow", f"{sentence}: a limit of each connection {inst.behind}")]
    return [
        remark(
            f"{sentence}: the line from here, or a limit of the proxy's or of"
            " COURSESTREAM_STREAM_BANDWIDTH_LIMIT"
        )
    ]


async def _speed(inst: Installation) -> float | None:
    """Bytes a second in the second half of the time, or of all; None where no film comes."""
    assert inst.video is not None
    started_s, read_bytes = time.monotonic(), 0
    arrived = [(started_s, 0)]
    async with inst.client.open(
        "GET", inst.video.media_url, is_anonymous=True, headers={hdrs.RANGE: "bytes=0-"}
    ) as response:
        if response.status != PARTIAL:
            return None
        while read_bytes < ENOUGH_BYTES and time.monotonic() < started_s + inst.waits.watch_s:
            piece = await response.content.readany()
            if not piece:
                break
            read_bytes += len(piece)
            arrived.append((time.monotonic(), read_bytes))
        response.close()
    return _rate(arrived)


def _rate(arrived: list[tuple[float, int]]) -> float:
    """Bytes a second from the first arrival in the second half of the time on."""
    (begun_s, _), (ended_s, total_bytes) = arrived[0], arrived[-1]
    middle_s = (begun_s + ended_s) / 2
    pairs = (one for one, later in pairwise(arrived) if later[0] >= middle_s)
    since_s, before_bytes = next(pairs, arrived[0])  # nothing came: the speed is 0
    return (total_bytes - before_bytes) / max(ended_s - since_s, 1e-6)


def _of(bytes_per_s: float) -> str:
    return f"{bytes_per_s * BITS:.1f} Mbit/s"
