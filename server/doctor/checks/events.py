"""Event streams for as long as a quiet one must last: at once, whole, and never cut."""

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp
from aiohttp import hdrs

from server.doctor.checks.astray import astray
from server.doctor.client import SeenReply, Unanswered
from server.doctor.findings import Observation, fault, ok, remark
from server.doctor.installation import Installation

QUIET = "?types=video.failed"  # heartbeats alone, as a rule
NO_PLACE = "none"  # of the log: the service answers with a reset at once
GRACE_S = 5.0
MOST_BYTES = 2**20


@dataclass(slots=True)
class Heard:
    """Bytes of a stream and when they came, in seconds since it was asked for."""

    text: bytes = b""
    arrivals_s: list[float] = field(default_factory=list)
    ended_s: float | None = None

    @property
    def longest_gap_s(self) -> float:
        pairs = zip(self.arrivals_s, self.arrivals_s[1:], strict=False)
        return max((later - earlier for earlier, later in pairs), default=0.0)


async def examine_events(inst: Installation) -> list[Observation]:
    """Both addresses at once: by token and, where there is a video, by grant."""
    asked = [_examine(inst, f"/api/v1/events{QUIET}", "/api/v1/events", False)]
    if inst.video is not None:
        asked.append(_examine(inst, f"{inst.video.events_path}{QUIET}", "/play/.../events", True))
    found = [one for findings in await asyncio.gather(*asked) for one in findings]
    if found:
        return found
    lasted = f"{inst.waits.listen_s:g} s"
    return [ok(f"events arrive at once, and a quiet stream lasted {lasted}")]


async def _examine(inst: Installation, path: str, name: str, is_grant: bool) -> list[Observation]:
    heard = Heard()
    headers = {"Last-Event-ID": NO_PLACE, hdrs.ACCEPT_ENCODING: "gzip, br"}
    quiet_s = inst.waits.listen_s + inst.waits.first_event_s
    try:
        async with asyncio.timeout(inst.waits.first_event_s) as opening:
            async with inst.client.open(
                "GET", path, headers=headers, is_anonymous=is_grant, quiet_s=quiet_s
            ) as response:
                opening.reschedule(None)
                if (refused := _refused(response, name, inst)) is not None:
                    return [refused]
                await _hear(response, heard, inst)
    except TimeoutError:
        return [_held_back(inst, name)]
    except Unanswered as exc:
        if not heard.arrivals_s:
            return [fault("events-cut", f"{name}: {exc}")]
    return _judge(inst, name, heard)


def _refused(response: aiohttp.ClientResponse, name: str, inst: Installation) -> Observation | None:
    if response.status != 200:
        return astray(SeenReply(response.status, response.headers, b""), f"GET {name}", inst)
    if encoding := response.headers.get(hdrs.CONTENT_ENCODING):
        return fault("compressed", f"{name} is compressed ({encoding}): events wait for more bytes")
    return None


async def _hear(response: aiohttp.ClientResponse, heard: Heard, inst: Installation) -> None:
    """Until the time is over, or the stream."""
    started_s, waits = time.monotonic(), inst.waits
    try:
        while len(heard.text) < MOST_BYTES:
            passed_s = time.monotonic() - started_s
            patience_s = (waits.listen_s if heard.arrivals_s else waits.first_event_s) - passed_s
            async with asyncio.timeout(max(patience_s, 0.0)):
                piece = await response.content.readany()
            if not piece:
                break
            heard.text += piece
            heard.arrivals_s.append(time.monotonic() - started_s)
    except TimeoutError:
        response.close()
        return
    except aiohttp.ClientError:
        pass  # cut: an end as well
    heard.ended_s = time.monotonic() - started_s


def _judge(inst: Installation, name: str, heard: Heard) -> list[Observation]:
    if heard.ended_s is None and not heard.arrivals_s:
        return [_held_back(inst, name)]
    if heard.ended_s is not None:
        quiet_s = heard.ended_s - (heard.arrivals_s or [0.0])[-1]
        sentence = f"{name}: the stream ended after {heard.ended_s:.1f} s"
        return [
            fault(
                "events-cut",
                f"{sentence}, {quiet_s:.1f} s without a byte, {inst.behind}; heartbeats come every"
                f" {inst.waits.heartbeat_s:g} s",
            )
        ]
    if heard.longest_gap_s > inst.waits.heartbeat_s + GRACE_S:
        sentence = f"{name}: {heard.longest_gap_s:.0f} s without a heartbeat: they are held back"
        return [fault("events-buffered", f"{sentence} {inst.behind}")]
    if b"event: reset" not in heard.text:
        return [remark(f"{name}: Last-Event-ID is lost {inst.behind}", "event-id-lost")]
    return []


def _held_back(inst: Installation, name: str) -> Observation:
    sentence = f"{name}: nothing within {inst.waits.first_event_s:g} s, though the service sends"
    return fault("events-buffered", f"{sentence} at once: it is held back {inst.behind}")
