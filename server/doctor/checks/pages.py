"""The service's own pages as browsers meet them: scripts, frames, sign-in, other sites."""

import re
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import hdrs

from server.doctor.checks.astray import astray
from server.doctor.client import DEFAULT_PORTS, SeenReply
from server.doctor.findings import Observation, fault, ok, remark
from server.doctor.installation import Installation

SESSION = "/api/v1/session"
PLAYER = "/static/course-video.js"
SCRIPT = re.compile(rb'src="(/static/[^"]+\.js)"')
POLICY = "Content-Security-Policy"
ALLOWED_ORIGIN = "Access-Control-Allow-Origin"
STRANGER = "https://doctor.invalid"


async def examine_scripts(inst: Installation) -> list[Observation]:
    """Scripts come from the service, as scripts; its pages are not needed where none are used."""
    page = await inst.client.ask("GET", "/", headers={hdrs.ACCEPT: "text/html"}, is_anonymous=True)
    found, paths = [], [PLAYER]
    if (named := SCRIPT.search(page.body)) is not None:
        paths.append(named[1].decode())
    else:
        found.append(remark(f"/ is not the service's page ({page.status}): others show lessons"))
    for path in paths:
        reply = await inst.client.ask("GET", path, is_anonymous=True)
        kind = reply.headers.get(hdrs.CONTENT_TYPE, "no type")
        if reply.status != 200:
            asked = f"GET {path}, which players of other pages need"
            return [*found, astray(reply, asked, inst)]
        if not kind.startswith("text/javascript"):
            sentence = f"{path} is {kind}, changed {inst.behind}"
            return [*found, fault("response-header-lost", f"{sentence}: no browser runs it")]
    return found or [ok("pages and their scripts arrive")]


async def examine_frames(inst: Installation) -> list[Observation]:
    """The policy of the player for frames is the service's, and no other beside it."""
    reply = await inst.client.ask("GET", f"/embed/{uuid4()}", is_anonymous=True)
    policies = reply.headers.getall(POLICY, ())
    added = [name for name in ("X-Frame-Options",) if name in reply.headers]
    if len(policies) != 1 or "frame-ancestors" not in policies[0]:
        added.append(f"{POLICY} ({len(policies)} of them)")
    if not added:
        return [ok("the player may be framed where CORS_ORIGINS say so")]
    sentence = f"/embed/: {', '.join(added)} is not as the service sends it {inst.behind}"
    return [fault("frames-refused", f"{sentence}: other pages cannot frame the player")]


async def examine_other_sites(inst: Installation) -> list[Observation]:
    reply = await inst.client.ask(
        "GET", "/healthz", headers={hdrs.ORIGIN: STRANGER}, is_anonymous=True
    )
    if ALLOWED_ORIGIN not in reply.headers:
        return [ok("other sites may read what CORS_ORIGINS say")]
    sentence = f"{ALLOWED_ORIGIN} is added {inst.behind}"
    return [
        fault("cors-added", f"{sentence}: browsers refuse it twice, and other sites read answers")
    ]


async def examine_sign_in(inst: Installation) -> list[Observation]:
    """A page exchanges its token for a cookie, and is known by it. Nothing is kept of it."""
    origin = own_origin(inst.client.url)
    headers: dict[str, str] = {hdrs.ORIGIN: origin}
    if is_secure := origin.startswith("https:"):
        headers["Sec-Fetch-Site"] = "same-origin"  # browsers send it where there is TLS
    begun = await inst.client.ask("POST", SESSION, headers=headers)
    if begun.status == 403 and begun.is_of_service:
        sentence = f"{SESSION}: the service does not know pages of {origin} for its own"
        lost = f"Host or X-Forwarded-Proto is changed {inst.behind}"
        return [fault("origin-lost", f"{sentence}: {lost}. Nobody can sign in")]
    if begun.status != 204:
        return [remark(f"{SESSION} is answered {begun.status} by {begun.hop}: sign-in not tried")]
    cookie = begun.headers.get(hdrs.SET_COOKIE, "")
    if not _is_whole(cookie):
        said = "changed" if cookie else "lost"
        sentence = f"{SESSION}: Set-Cookie is {said} {inst.behind}"
        return [fault("response-header-lost", f"{sentence}: nobody stays signed in")]
    if is_secure and "secure" not in _attributes(cookie):
        sentence = f"{SESSION}: the service takes TLS for plain HTTP, its cookie is not `Secure`"
        return [fault("origin-lost", f"{sentence}: X-Forwarded-Proto is lost, or not believed")]
    return await _known_by(inst, cookie.split(";", 1)[0])


async def _known_by(inst: Installation, pair: str) -> list[Observation]:
    known: SeenReply = await inst.client.ask(
        "GET", SESSION, headers={hdrs.COOKIE: pair}, is_anonymous=True
    )
    if known.status == 200:
        return [ok("sign-in by a session's cookie works")]
    sentence = f"{SESSION}: the cookie of a session is lost {inst.behind}"
    return [fault("cookie-lost", f"{sentence}: nobody stays signed in")]


def own_origin(url: str) -> str:
    """Scheme and host as `Origin` has them: a default port is left out."""
    parts = urlsplit(url)
    host = parts.netloc.lower().removesuffix(f":{DEFAULT_PORTS[parts.scheme]}")
    return f"{parts.scheme}://{host}"


def _is_whole(cookie: str) -> bool:
    return {"httponly", "samesite=strict", "path=/"} <= set(_attributes(cookie))


def _attributes(cookie: str) -> list[str]:
    return [part.strip().lower() for part in cookie.split(";")[1:]]
