"""A browser's requests at the same time: films and event streams that are open, and a page's."""

import asyncio
from contextlib import AsyncExitStack

from server.doctor.client import SeenReply, Unanswered
from server.doctor.findings import Observation, fault, ok
from server.doctor.installation import Installation

CODE = "proxy-limit"
TRANSFERS = 3  # of picture, sound, and one that a seek is about to end
PAGE = "/api/v1/courses?limit=1"
TOO_MANY = 429
ALONE_TRIES = 5


async def examine_at_once(inst: Installation) -> list[Observation]:
    """Six requests, as many as a browser has connections by HTTP/1.1."""
    assert inst.video is not None
    media, events = inst.video.media_url, inst.video.events_path
    asked = [("/api/v1/events", False), (events, True), *[(media, True)] * TRANSFERS, (PAGE, False)]
    opened = 0
    async with AsyncExitStack() as held:
        for path, is_grant in asked:
            said = await _refusal(inst, path, is_grant, held)
            if said is not None:
                break
            opened += 1
    if not said:
        return [ok("requests that a browser has open at once are answered")]
    if not await _is_answered_alone(inst, path, is_grant):
        return []  # other checks tell
    shown = "/play/..." if is_grant else path
    sentence = f"{shown}: {said} while {opened} other requests are open, and is answered alone"
    return [fault(CODE, f"{sentence}: a limit {inst.behind}")]


async def _is_answered_alone(inst: Installation, path: str, is_grant: bool) -> bool:
    """Asked again for a while: proxies count a connection until they see that it is closed."""
    for _ in range(ALONE_TRIES):
        async with AsyncExitStack() as alone:
            if await _refusal(inst, path, is_grant, alone) is None:
                return True
        await asyncio.sleep(inst.waits.first_event_s / ALONE_TRIES)
    return False


async def _refusal(
    inst: Installation, path: str, is_grant: bool, held: AsyncExitStack
) -> str | None:
    """None where it is answered, and open from then on; empty for the service's own limit."""
    try:
        async with asyncio.timeout(inst.waits.first_event_s):
            response = await held.enter_async_context(
                inst.client.open("GET", path, is_anonymous=is_grant, is_held=True)
            )
    except (TimeoutError, Unanswered):
        return f"no answer within {inst.waits.first_event_s:g} s"
    held.callback(response.close)
    if response.status < 400:
        return None
    reply = SeenReply(response.status, response.headers, await response.content.readany())
    is_own = reply.is_of_service and reply.status == TOO_MANY
    return "" if is_own else f"{reply.hop} answers {reply.status}"
