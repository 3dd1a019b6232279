"""Health addresses through the proxies, and what keeps an examination from beginning."""

import json
from itertools import pairwise
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

from aiohttp import hdrs

from server.doctor.checks.astray import astray
from server.doctor.client import Client, SeenReply
from server.doctor.findings import Observation, fault, ok, remark
from server.doctor.installation import Installation

AWAY = (502, 503, 504)
LIMITED = (429, 503)  # of proxies that answered just before
TIMES = 8
COURSES = "GET /api/v1/courses"
WITHOUT_TOKEN = "This needs `Authorization"  # how the service's refusal of no token begins


async def examine_health(client: Client) -> tuple[tuple[str, ...], list[Observation]]:
    """Names of the proxies, and findings; a fault among them ends the examination."""
    health = await client.ask("GET", "/healthz", is_anonymous=True)
    unknown = await client.ask("GET", f"/healthz/{uuid4()}", is_anonymous=True)
    front = tuple(dict.fromkeys((*health.proxies, *unknown.proxies)))
    if (found := _unhealthy(health, client.url)) is not None:
        return front, [found]
    return front, [
        ok(f"the service answers{f' through {chr(44).join(front)}' if front else ''}"),
        *await _readiness(client),
    ]


def _redirected(health: SeenReply, there: str, url: str) -> Observation:
    """The service redirects /healthz nowhere."""
    target, here = urlsplit(urljoin(f"{url}/", there)), urlsplit(url)
    if (target.scheme, target.netloc.lower()) != (here.scheme, here.netloc.lower()):
        place = there.removesuffix("/healthz")
        return fault("", f"{health.proxy} redirects to {place}: ask there")
    if target.path == "/healthz":
        sentence = f"{health.proxy} redirects {url}/healthz to itself: browsers go round for ever"
        return fault("redirect-loop", sentence)
    return fault("path-changed", f"{health.proxy} makes {target.path} of /healthz")


def _unhealthy(health: SeenReply, url: str) -> Observation | None:
    if health.status in (301, 302, 307, 308):
        there = health.headers.get(hdrs.LOCATION, "")
        return _redirected(health, there, url)
    if health.status == 401:
        sentence = f"{health.proxy} wants a password of its own: tokens have no room beside it"
        return fault("authorization-lost", sentence)
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
    if reply.status in (401, 403) and reply.is_of_service:
        return [fault("", "the service does not accept this token: give one by --token")]
    if reply.status != 200:
        return [_unserved(reply, inst)]
    return [ok("the token arrives and is accepted")]


def _unserved(reply: SeenReply, inst: Installation) -> Observation:
    if reply.status in LIMITED and not reply.is_of_service:
        sentence = f"{reply.proxy} answered {reply.status} to {COURSES}"
        return fault("proxy-limit", f"{sentence}, though /healthz is answered: a limit of its own?")
    return astray(reply, COURSES, inst)


async def examine_sameness(inst: Installation) -> list[Observation]:
    """One answer to one question: what comes, goes and comes again is of several installations."""
    asked = [await inst.client.ask("GET", "/api/v1/courses?limit=200") for _ in range(TIMES)]
    limited = [reply for reply in asked if reply.status in LIMITED and not reply.is_of_service]
    if limited:
        return [_unserved(limited[0], inst)]
    seen = [(reply.status, reply.body if reply.status == 200 else b"") for reply in asked]
    changes = sum(before != after for before, after in pairwise(seen))
    if changes < 2:  # one is a course that was made meanwhile
        return [ok("each answer is of the same installation")]
    statuses = sorted({reply.status for reply in asked})
    sentence = f"courses are others each time ({', '.join(map(str, statuses))}) {inst.behind}"
    return [fault("installations-mixed", f"{sentence}: several installations behind one address")]
