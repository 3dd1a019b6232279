"""Answers of the API as they arrive: errors, methods, queries, caches, connections."""

from uuid import uuid4

from aiohttp import hdrs

from server.doctor.checks.astray import astray
from server.doctor.client import REQUEST_ID, SeenReply
from server.doctor.findings import Observation, fault, ok, remark
from server.doctor.installation import Installation

METHODS = {
    "PUT": "/api/v1/videos/{unknown}/progress",
    "PATCH": "/api/v1/videos/{unknown}",
    "DELETE": "/api/v1/uploads/{unknown}",
}
REFUSED = (400, 403, 405, 501)
TUS = {"Tus-Resumable": "1.0.0"}
LONG_HEADER_BYTES = 4096  # what browsers keep of a cookie


async def examine_errors(inst: Installation) -> list[Observation]:
    """The service's own errors arrive, each made anew: its request id is never one before."""
    unknown = uuid4()
    for path, status in (
        (f"/api/v1/videos/{unknown}", 404),
        (f"/play/none/{unknown}/source.mp4", 401),
    ):
        first = await inst.client.ask("GET", path)
        is_elsewhere = first.status == 404 != status or first.status < 400
        if is_elsewhere and not first.is_of_service:
            return [astray(first, f"GET {path}", inst)]
        if not first.is_of_service:
            sentence = f"{first.hop} answers {first.status} to {path} with a page of its own"
            return [fault("errors-replaced", f"{sentence}: players need the service's")]
        if _is_same(first, await inst.client.ask("GET", path)):
            sentence = f"the {first.status} of {path} is kept and given again"
            return [fault("errors-cached", f"{sentence} {inst.behind}")]
    return [ok("errors arrive as the service makes them, and no cache keeps them")]


async def examine_sharing(inst: Installation) -> list[Observation]:
    """No cache gives one user's answer to another."""
    paths = ["/api/v1/courses?limit=1"]
    if inst.video is not None:
        paths.append(inst.video.bearer_path)
    first_bytes = {hdrs.RANGE: "bytes=0-1"}
    for path in paths:
        asked = [await inst.client.ask("GET", path, headers=first_bytes) for _ in range(2)]
        stranger = await inst.client.ask("GET", path, headers=first_bytes, is_anonymous=True)
        if stranger.status < 400:
            sentence = f"{path} is given to who has no token, out of a cache {inst.behind}"
            return [fault("shared-cache", sentence)]
        if _is_same(*asked):
            return [fault("shared-cache", f"{path} is kept in a cache {inst.behind}")]
    return [ok("no cache gives private answers to others")]


async def examine_methods(inst: Installation) -> list[Observation]:
    found = []
    for method, pattern in METHODS.items():
        path = pattern.format(unknown=uuid4())
        reply = await inst.client.ask(method, path, json={}, headers=TUS)
        if reply.status in REFUSED and not reply.is_of_service:
            sentence = f"{reply.hop} answers {reply.status} to {method} {path}"
            found.append(fault("method-refused", f"{sentence}: it must reach the service"))
    options = await inst.client.ask("OPTIONS", "/api/v1/uploads", is_anonymous=True)
    if options.status != 204 or "Tus-Version" not in options.headers:
        sentence = f"{options.hop} answers {options.status} to OPTIONS /api/v1/uploads"
        found.append(fault("method-refused", f"{sentence} without Tus-Version"))
    return found or [ok("PUT, PATCH, DELETE and OPTIONS reach the service")]


async def examine_query(inst: Installation) -> list[Observation]:
    reply = await inst.client.ask("GET", "/api/v1/courses?limit=0")  # refused, unless it is lost
    if reply.status == 200:
        return [fault("query-lost", f"the query of an address is lost {inst.behind}")]
    return [ok("queries arrive")]


async def examine_accept(inst: Installation) -> list[Observation]:
    """Tables come as CSV to who asks for CSV, and no film to who takes none."""
    if inst.video is None:
        return []
    figures = f"/api/v1/analytics/videos/{inst.video.id}"
    table = await inst.client.ask("GET", figures, headers={hdrs.ACCEPT: "text/csv"})
    kind = table.headers.get(hdrs.CONTENT_TYPE, "")
    if table.status == 200 and not kind.startswith("text/csv"):
        sentence = f"{figures}: text/csv is answered by {kind or 'no type'}"
        return [fault("accept-changed", f"{sentence}; Accept is lost {inst.behind}")]
    none = await inst.client.ask(
        "HEAD", inst.video.bearer_path, headers={hdrs.ACCEPT: "application/json"}
    )
    if none.status == 200:
        sentence = "a film comes to who takes application/json alone"
        return [fault("accept-changed", f"{sentence}; Accept is lost {inst.behind}")]
    return [ok("Accept arrives: tables come as CSV, films in a format that is taken")]


async def examine_long_header(inst: Installation) -> list[Observation]:
    """The longest token that a session's cookie holds fits through."""
    headers = {hdrs.COOKIE: f"doctor={'a' * LONG_HEADER_BYTES}"}
    reply = await inst.client.ask("GET", "/healthz", headers=headers, is_anonymous=True)
    if reply.status == 200:
        return [ok("tokens of 4 KiB fit")]
    sentence = f"{reply.proxy} answers {reply.status} to a header of {LONG_HEADER_BYTES} bytes"
    return [fault("header-limit", f"{sentence}: tokens are as long")]


async def examine_connections(inst: Installation) -> list[Observation]:
    before = inst.client.connections
    for _ in range(3):
        await inst.client.ask("GET", "/healthz", is_anonymous=True)
    if inst.client.connections - before > 1:
        sentence = "each request needs a connection of its own: each range waits for a handshake"
        return [remark(f"{sentence} {inst.behind}", "not-reused")]
    return [ok("connections are reused")]


async def examine_security(inst: Installation) -> list[Observation]:
    reply = await inst.client.ask("GET", "/healthz", is_anonymous=True)
    if inst.client.url.startswith("http:"):
        return [remark("no TLS: tokens and grants can be read on the way")]
    if "Strict-Transport-Security" not in reply.headers:
        return [
            remark("no Strict-Transport-Security: a first visit may go by plain HTTP", "no-hsts")
        ]
    return [ok("Strict-Transport-Security is set")]


def _is_same(first: SeenReply, second: SeenReply) -> bool:
    request_id = first.headers.get(REQUEST_ID)
    return request_id is not None and request_id == second.headers.get(REQUEST_ID)
