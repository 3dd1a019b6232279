"""Uploads through the proxies: passed on as they arrive, of any size, slow ones to their end.

What is uploaded never becomes a video: its length is declared a byte longer, and it is terminated.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import hdrs

from server.doctor.checks.astray import astray
from server.doctor.client import SeenReply, Unanswered
from server.doctor.findings import Observation, fault, ok, remark, skipped
from server.doctor.installation import BOUNDARY, Installation

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}
CHUNK = bytes(2**16)
EARLY_BYTES, EARLY_PIECES = 2**20, 4
SLOW_BYTES = 2**20
MALFORMED, FORBIDDEN, FULL, TOO_LARGE = 400, 403, 507, 413
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
# Each that takes files.
ADDRESSES = (
    ("PATCH", "/api/v1/uploads/...", TUS | OCTETS | {"Upload-Offset": "0"}),
    ("POST", "/api/v1/modules/.../videos", FORM),
    ("PUT", "/api/v1/videos/.../file", FORM),
)
FORM_HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="doctor.mp4"\r\n\r\n'
).encode()


async def examine_request_buffering(inst: Installation) -> list[Observation]:
    """A refusal that needs no body comes before the body has been sent: or a proxy collects it."""
    found = []
    for method, path, headers in ADDRESSES:
        if not await _is_early(inst, method, path.replace("...", str(uuid4())), headers):
            sentence = f"{method} {path}: bodies are collected before they are passed on"
            found.append(fault("uploads-buffered", f"{sentence}, {inst.behind}"))
    return found or [ok("uploads are passed on as they arrive")]


async def examine_declared_size(inst: Installation) -> list[Observation]:
    """No proxy refuses what the service takes: of the largest file only the length is sent."""
    options = await inst.client.ask("OPTIONS", "/api/v1/uploads", is_anonymous=True)
    told = options.headers.get("Tus-Max-Size", "")
    if not told.isdecimal():
        return []  # examine_methods tells
    found, size = [], f"{int(told) / 2**30:g} GiB"
    for method, path, headers in ADDRESSES:
        address = path.replace("...", str(uuid4()))
        reply = await _refusal(inst, method, address, headers, int(told))
        if reply is not None and reply.status == TOO_LARGE and not reply.is_of_service:
            sentence = f"{reply.hop} answers 413 to {method} {path} of {size}"
            found.append(fault("body-limit", f"{sentence}, which the service takes"))
    return found or [ok(f"files of {size} may be uploaded")]


async def _refusal(
    inst: Installation, method: str, path: str, headers: dict[str, str], size: int
) -> SeenReply | None:
    """The answer to the beginning of such a body; None where all of it is waited for."""
    is_over = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield FORM_HEAD if headers is FORM else CHUNK
        await is_over.wait()

    sent = headers | {hdrs.CONTENT_LENGTH: str(size)}
    try:
        async with (
            asyncio.timeout(inst.waits.early_answer_s),
            inst.client.open(method, path, headers=sent, data=body()) as response,
        ):
            seen = SeenReply(response.status, response.headers, await response.content.readany())
            response.close()
            return seen
    except (TimeoutError, Unanswered):
        return None
    finally:
        is_over.set()


async def _is_early(inst: Installation, method: str, path: str, headers: dict[str, str]) -> bool:
    """True if the answer came while some of the body was held back.

    Go's programs, Caddy too, pass an answer on with the next piece that they read of a body.
    """
    is_answered, was_released = asyncio.Event(), False

    async def body() -> AsyncIterator[bytes]:
        nonlocal was_released
        first = FORM_HEAD if headers is FORM else b""
        yield first + CHUNK[len(first) :]
        for _ in range(EARLY_PIECES):
            try:
                async with asyncio.timeout(inst.waits.early_answer_s / EARLY_PIECES):
                    await is_answered.wait()
                return
            except TimeoutError:
                yield CHUNK
        was_released = True
        for _ in range(EARLY_BYTES // len(CHUNK) - 1 - EARLY_PIECES):
            yield CHUNK

    sent = headers | {hdrs.CONTENT_LENGTH: str(EARLY_BYTES)}
    async with inst.client.open(method, path, headers=sent, data=body()) as response:
        is_answered.set()
        response.close()
    return not was_released


async def examine_slow_upload(inst: Installation) -> list[Observation]:
    """A client whose network is gone for a while in the middle of a body."""

    async def body() -> AsyncIterator[bytes]:
        yield CHUNK
        await asyncio.sleep(inst.waits.pause_s)
        for _ in range(SLOW_BYTES // len(CHUNK) - 1):
            yield CHUNK

    try:
        async with _upload(inst, SLOW_BYTES) as (location, findings):
            if location is None:
                return findings
            reply = await _patch(inst, location, body(), SLOW_BYTES)
            if (wrong := _wrong_fields(reply, inst)) is not None:
                return [*findings, wrong]
            if reply.status == 204:
                sentence = f"an upload that paused for {inst.waits.pause_s:g} s went on"
                return [*findings, ok(sentence)]
            sentence = f"{reply.hop} answers {reply.status} to an upload that paused"
            return [*findings, fault("upload-cut", sentence)]
    except Unanswered as exc:
        sentence = f"an upload that paused for {inst.waits.pause_s:g} s was cut {inst.behind}"
        return [fault("upload-cut", f"{sentence}: {exc}")]


async def examine_large_upload(inst: Installation) -> list[Observation]:
    size = inst.waits.body_bytes
    shown = f"a body of {size / 2**20:g} MiB"

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // len(CHUNK)):
            yield CHUNK

    try:
        async with _upload(inst, size) as (location, findings):
            if location is None:
                return findings
            reply = await _patch(inst, location, body(), size)
            if reply.status == 204:
                return [*findings, ok(f"{shown} arrives")]
            if reply.is_of_service:
                return [*findings, remark(f"the service refuses {shown}: {reply.status}")]
            return [*findings, fault("body-limit", f"{reply.hop} refuses {shown}: {reply.status}")]
    except Unanswered as exc:
        return [fault("body-limit", f"{shown} is cut {inst.behind}: {exc}")]


@asynccontextmanager
async def _upload(
    inst: Installation, size: int
) -> AsyncIterator[tuple[str | None, list[Observation]]]:
    """A path to send to, terminated at the end; None where the token may not upload."""
    assert inst.video is not None
    module_id = base64.b64encode(inst.video.module_id.encode()).decode()
    headers = TUS | {"Upload-Length": str(size + 1), "Upload-Metadata": f"module_id {module_id}"}
    made = await inst.client.ask("POST", "/api/v1/uploads", headers=headers)
    if made.status != 201:
        yield None, [_not_begun(made, inst)]
        return
    told = made.headers.get(hdrs.LOCATION, "")
    path = urlsplit(told).path
    try:
        yield path, [] if told == path else [_rewritten(inst, told)]
    finally:
        await inst.client.ask("DELETE", path, headers=TUS)


async def _patch(inst: Installation, path: str, body: AsyncIterator[bytes], size: int) -> SeenReply:
    headers = TUS | OCTETS | {"Upload-Offset": "0", hdrs.CONTENT_LENGTH: str(size)}
    quiet_s = inst.waits.pause_s + 300
    return await inst.client.ask("PATCH", path, headers=headers, data=body, quiet_s=quiet_s)


def _not_begun(made: SeenReply, inst: Installation) -> Observation:
    if made.is_of_service and made.status in (FULL, FORBIDDEN):
        reason = "the storage is full" if made.status == FULL else "the token may not upload"
        return skipped(f"uploads: {reason} ({made.status} of {made.hop})")
    return _wrong_fields(made, inst) or astray(made, "POST /api/v1/uploads", inst)


def _wrong_fields(reply: SeenReply, inst: Installation) -> Observation | None:
    """The fault of header fields lost on either way, of a request that has all and is right."""
    if reply.status == MALFORMED and reply.is_of_service:
        sentence = f"the service answers 400 to an upload: a field of it is lost {inst.behind}"
        return fault("request-header-lost", f"{sentence} (Upload-..., Tus-Resumable)")
    if reply.status == 204 and "Upload-Offset" not in reply.headers:
        sentence = f"an upload's answer has no Upload-Offset: it is lost {inst.behind}"
        return fault("response-header-lost", f"{sentence}, and clients stop")
    return None


def _rewritten(inst: Installation, location: str) -> Observation:
    sentence = f"Location is made absolute ({location}) {inst.behind}; the service's is relative"
    return fault("location-rewritten", sentence)
