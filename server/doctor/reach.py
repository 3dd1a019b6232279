"""Health addresses through the proxies, and what keeps an examination from beginning."""

import json
from collections.abc import Sequence
from uuid import uuid4

from aiohttp import hdrs

from server.doctor.client import Client, SeenReply
from server.doctor.findings import Observation, fault, ok, remark
from server.doctor.installation import Installation

AWAY = (502, 503, 504)
WITHOUT_TOKEN = "This needs `Authorization"  # how the service's refusal of no token begins


async def examine_health(client: Client) -> tuple[tuple[str, ...], list[Observation]]:
    """Names of the proxies, and findings; a fault among them ends the examination."""
    health = await client.ask("GET", "/healthz", is_anonymous=True)
    unknown = await client.ask("GET", f"/healthz/{uuid4()}", is_anonymous=True)
    front = tuple(dict.fromkeys((*health.proxies, *unknown.proxies)))
    if (found := _unhealthy(health)) is not None:
        return front, [found]
    return front, [
        ok(f"the service answers{f' through {chr(44).join(front)}' if front else ''}"),
        *await _readiness(client),
    ]


def _unhealthy(health: SeenReply) -> Observation | None:
    if health.status in (301, 302, 307, 308):
        there = health.headers.get(hdrs.LOCATION, "")
        return fault("", f"{health.hop} redirects to {there.removesuffix('/healthz')}: ask there")
    if health.status in AWAY:
        return fault("upstream-away", f"{health.hop} answered {health.status}: it gets no answer")
    if health.status != 200 or b'"status"' not in health.body:
        return fault("", f"/healthz is answered {health.status} by {health.hop}: another service?")
    return None


async def _readiness(client: Client) -> list[Observation]:
    ready = await client.ask("GET", "/readyz", is_anonymous=True)
    draining = await client.ask("GET", "/drainz", is_anonymous=True)
    found = []
    if ready.status == 200:
        found += [ok("readyz: all is in order"), *map(remark, _details(ready))]
    elif ready.status == 503 and b'"checks"' in ready.body:
        found.append(fault("", f"readyz: not in order: {', '.join(_broken(ready))}"))
    else:
        found.append(remark(f"/readyz is answered {ready.status} by {ready.hop}"))
    if draining.status != 200:
        found.append(remark(f"/drainz is answered {draining.status} by {draining.hop}"))
    return found


def _details(ready: SeenReply) -> list[str]:
    details = json.loads(ready.body).get("details", {})
    return [f"readyz: {name}: {text}" for name, text in details.items()]


def _broken(ready: SeenReply) -> list[str]:
    checks = json.loads(ready.body)["checks"]
    return [f"{name} {state}" for name, state in checks.items() if state != "ok"]


async def examine_token(inst: Installation) -> list[Observation]:
    """A fault among the findings ends the examination."""
    reply = await inst.client.ask("GET", "/api/v1/courses?limit=1")
    if reply.status == 401 and WITHOUT_TOKEN.encode() in reply.body:
        return [fault("authorization-lost", f"Authorization is removed {inst.behind}")]
    if reply.status == 401 and reply.is_of_service:
        return [fault("", "the service does not accept this token: give one by --token")]
    if reply.status != 200:
        return [fault("", f"{reply.hop} answered {reply.status} to GET /api/v1/courses")]
    return [ok("the token arrives and is accepted")]


def blocks(findings: Sequence[Observation]) -> bool:
    return any(one.severity.name == "FAULT" for one in findings)
