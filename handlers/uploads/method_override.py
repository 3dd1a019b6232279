"""Method override of tus 1.0.0 ("X-HTTP-Method-Override"), for clients and proxies without PATCH.

Only POST is overridden: a client that can send the actual method needs no override, and a method
without a body cannot stand for one with a body.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from handlers.errors import MethodNotAllowed, OffsetMismatch
from handlers.header_values import field_value
from handlers.openapi.descriptions import ALLOWED, UPLOAD_FACTS, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.uploads.tus import OCTETS, RECEIVING, delete_upload, head_upload, patch_upload
from handlers.uploads.tus_headers import METHOD_OVERRIDE

METHODS: Mapping[str, Callable[[web.Request], Awaitable[web.Response]]] = {
    hdrs.METH_PATCH: patch_upload,
    hdrs.METH_DELETE: delete_upload,
    hdrs.METH_HEAD: head_upload,
}
_ALLOW: Mapping[str, str] = {hdrs.ALLOW: "DELETE, HEAD, OPTIONS, PATCH"}


@endpoint(
    "POST /api/v1/uploads/{upload_id}",
    Operation(
        tag=Tag.VIDEOS,
        summary="PATCH, DELETE or HEAD of the upload, as `X-HTTP-Method-Override` names it",
        answers=(
            Answer(204, "As of PATCH or DELETE.", headers=UPLOAD_FACTS),
            Answer(200, "As of HEAD.", headers=UPLOAD_FACTS),
        ),
        body=OCTETS,
        parameters=("X-HTTP-Method-Override", "Tus-Resumable"),
        problems=(*ALLOWED, *RECEIVING, OffsetMismatch, MethodNotAllowed),
    ),
)
async def post_overridden(request: web.Request) -> web.Response:
    """Raises: MethodNotAllowed without an override, or for another method; as the method does."""
    handler = METHODS.get((field_value(request.headers, METHOD_OVERRIDE) or "").upper())
    if handler is None:
        raise MethodNotAllowed(headers=_ALLOW)
    return await handler(request)
