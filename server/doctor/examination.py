"""The order of the checks: what keeps players from everything first, the long ones together."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.doctor.checks.addresses import examine_addresses
from server.doctor.checks.answers import (
    examine_accept,
    examine_connections,
    examine_errors,
    examine_long_header,
    examine_methods,
    examine_query,
    examine_security,
    examine_sharing,
)
from server.doctor.checks.at_once import CODE as AT_ONCE_CODE
from server.doctor.checks.at_once import examine_at_once
from server.doctor.checks.events import examine_events
from server.doctor.checks.pages import (
    examine_frames,
    examine_other_sites,
    examine_scripts,
    examine_sign_in,
)
from server.doctor.checks.paused_player import examine_paused_player
from server.doctor.checks.ranges import examine_ranges
from server.doctor.checks.reach import examine_health, examine_sameness, examine_token
from server.doctor.checks.speed import examine_speed
from server.doctor.checks.tls import examine_tls
from server.doctor.checks.uploads import (
    examine_declared_size,
    examine_large_upload,
    examine_request_buffering,
    examine_slow_upload,
)
from server.doctor.client import Client, Unanswered
from server.doctor.findings import Observation, blocks, fault, skipped
from server.doctor.installation import Installation, Waits

Check = Callable[[Installation], Awaitable[list[Observation]]]
SHORT: tuple[Check, ...] = (
    examine_security,
    examine_query,
    examine_connections,
    examine_methods,
    examine_errors,
    examine_sharing,
    examine_long_header,
    examine_scripts,
    examine_frames,
    examine_other_sites,
    examine_sign_in,
    examine_declared_size,
    examine_request_buffering,
)


@dataclass(frozen=True, slots=True)
class Examination:
    """The answers of one examination: the proxies that were met, and what was found."""

    front: tuple[str, ...]
    findings: tuple[Observation, ...]

    @property
    def is_healthy(self) -> bool:
        return not blocks(self.findings)


@dataclass(frozen=True, slots=True)
class ExaminationOrder:
    """The installation to examine and how."""

    url: str
    token: str
    waits: Waits
    video_id: str | None = None
    makes_video: bool = False
    is_insecure: bool = False

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.is_insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


async def examine(order: ExaminationOrder) -> Examination:
    found = await examine_tls(order.url, order.context())
    if blocks(found):
        return Examination((), tuple(found))
    found += await examine_addresses(order.url)
    async with Client(order.url, order.token, order.context()).opened() as client:
        try:
            front, health = await examine_health(client)
        except Unanswered as exc:
            return Examination((), (*found, fault("", str(exc))))
        found += health
        if not blocks(health):
            found += await _examine(Installation(client, order.waits, front), order)
        shown = tuple(dict.fromkeys((*front, *client.proxies)))
    return Examination(shown, tuple(found))


async def _examine(inst: Installation, order: ExaminationOrder) -> list[Observation]:
    found: list[Observation] = []
    for check in (examine_token, examine_sameness):
        found += await _one(check, inst)
        if blocks(found):
            return found
    try:
        async with _with_video(inst, order) as furnished:
            found += await _all(furnished)
    except Unanswered as exc:
        found.append(fault("", str(exc)))
    return found


@asynccontextmanager
async def _with_video(inst: Installation, order: ExaminationOrder) -> AsyncIterator[Installation]:
    if order.makes_video:
        async with inst.with_temporary_video() as furnished:
            yield furnished
    else:
        yield await inst.with_video(order.video_id)


async def _all(inst: Installation) -> list[Observation]:
    found = [one for check in SHORT for one in await _one(check, inst)]
    long: list[Check] = [examine_events]
    if inst.video is None:
        found.append(skipped("ranges and uploads: no video that is ready; see --with-upload"))
    else:
        for check in (examine_accept, examine_ranges, examine_at_once):
            found += await _one(check, inst)
        if any(one.code == AT_ONCE_CODE for one in found):
            return [*found, skipped("what takes long: it needs several requests at once")]
        if inst.waits.watch_s:
            found += await _one(examine_speed, inst)
        if inst.waits.pause_s:
            long += [examine_slow_upload, examine_paused_player]
    together = await asyncio.gather(*(_one(check, inst) for check in long))
    found += [one for findings in together for one in findings]
    if inst.video is not None and inst.waits.body_bytes:
        found += await _one(examine_large_upload, inst)
    return found


async def _one(check: Check, inst: Installation) -> list[Observation]:
    """A check whose requests got no answer is a fault, and the others go on."""
    try:
        return await check(inst)
    except Unanswered as exc:
        return [fault("", str(exc))]
