"""Endpoints about all that is kept of one person: shown to them, erased by an admin."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from aiohttp import hdrs, web

from db.pool import Database
from db.privacy import personal_rows
from events.privacy.naming import Naming
from handlers import keys
from handlers.access.auth import ADMIN
from handlers.errors import InvalidRequest, NotAllowed
from handlers.messages import identifier
from handlers.openapi.descriptions import GONE, TEXT, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.people import naming_of
from handlers.streamed_bodies import send_pieces

JSON_LINES = "application/jsonl"
WRITTEN_AT_ONCE = 64 * 1024
COPY = '"video"'  # as it stands in a row that holds a copy of a video


@endpoint(
    "GET /api/v1/users/{user_id}/data",
    Operation(
        tag=Tag.PRIVACY,
        summary="Everything that is kept of a person (that person, admin)",
        answers=(
            Answer(
                200,
                'JSON lines: each `{"kind", "data"}`, a row of the database.',
                {JSON_LINES: TEXT},
            ),
        ),
        problems=(InvalidRequest, NotAllowed),
    ),
)
async def get_user_data(request: web.Request) -> web.StreamResponse:
    """Streams page by page, so that its size costs no memory."""
    user_id, viewer = identifier(request, "user_id"), request[keys.VIEWER]
    if user_id != viewer.user_id and ADMIN not in viewer.roles:
        raise NotAllowed("Only the person and an admin may see this.")
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: JSON_LINES,
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{user_id}.jsonl"',
        }
    )
    pieces = _pieces(request.app[keys.DATABASE], user_id, naming_of(request))
    return await send_pieces(request, response, pieces)


@endpoint(
    "DELETE /api/v1/users/{user_id}/data",
    Operation(
        tag=Tag.PRIVACY,
        summary="Erase a person: grants and streams end, rows go or become nobody's (admin)",
        answers=GONE,
        problems=(InvalidRequest, NotAllowed),
    ),
)
async def delete_user_data(request: web.Request) -> web.Response:
    """Answers when no row shows the id; a second look within two minutes finds late reports."""
    if ADMIN not in request[keys.VIEWER].roles:
        raise NotAllowed("Only an admin may erase a person.")
    await request.app[keys.ERASURES].erase(identifier(request, "user_id"))
    return web.Response(status=204)


async def _pieces(database: Database, user_id: str, naming: Naming) -> AsyncGenerator[bytes, None]:
    """Yields lines in pieces that are worth a write."""
    lines = bytearray()
    async for kind, shown in personal_rows.read_all(database, user_id):
        lines += msgspec.json.encode({"kind": kind, "data": _shown(shown, naming)}) + b"\n"
        if len(lines) >= WRITTEN_AT_ONCE:
            yield bytes(lines)
            lines.clear()
    yield bytes(lines)


def _shown(row: str, naming: Naming) -> msgspec.Raw | dict[str, Any]:
    """Returns a row as it is, or with the others in its copy of a video as the caller sees them."""
    if naming.pseudonyms is None or COPY not in row:
        return msgspec.Raw(row.encode())
    shown: dict[str, Any] = msgspec.json.decode(row)
    payload = shown.get("payload")
    if isinstance(payload, dict) and isinstance(payload.get("video"), dict):
        payload["video"] = naming.fields(payload["video"])
    return shown
