"""Endpoints of receipts, and of the keys by which anybody verifies them."""

from aiohttp import hdrs, web

from db.processes import clock
from db.progress import evidence, progress
from db.upkeep import bytes_served
from events.progress.receipts import write_receipt
from handlers import keys
from handlers.access.rules import Right
from handlers.access.signatures.document_keys import KeySet
from handlers.checks.authorisation import allowed_video
from handlers.errors import NotAllowed
from handlers.messages import ReceiptView, answer_json, queried_identifier
from handlers.openapi.descriptions import ALLOWED, JSON, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.people import named_user_id, naming_of

KIND = "coursestream-receipt+jwt"
KEY_SET = "application/jwk-set+json"
KEYS_MAX_AGE_S = 300


@endpoint(
    "GET /api/v1/videos/{video_id}/receipt",
    Operation(
        tag=Tag.PROGRESS,
        summary="What a user has seen of a video, signed; the caller's own, or `user_id`'s",
        answers=(Answer(200, "A JWS, see docs/seen.md.", {JSON: ReceiptView}),),
        parameters=("of_user",),
        problems=ALLOWED,
    ),
)
async def get_receipt(request: web.Request) -> web.Response:
    """Signs what is known now of the caller, or for instructors of another user."""
    video = await allowed_video(request, Right.WATCH)
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    name = queried_identifier(request, "user_id") or viewer.user_id
    if name != viewer.user_id and not await request.app[keys.ACCESS].may(
        viewer, video.course_id, Right.READ_EVERYONE
    ):
        raise NotAllowed
    user_id = await named_user_id(request, name)
    receipt = write_receipt(
        naming_of(request).shown(user_id),
        video,
        await progress.get(database, user_id, video.id),
        await evidence.capped_s(database, user_id, video.id),
        await bytes_served.sent_to(database, user_id, video.id),
        await clock.now(database),
    )
    return answer_json(ReceiptView(request.app[keys.DOCUMENT_SIGNER].sign(KIND, receipt)))


@endpoint(
    "GET /.well-known/jwks.json",
    Operation(
        tag=Tag.PROGRESS,
        summary="The public keys of signed documents, former ones included",
        answers=(Answer(200, "A JWK set (RFC 7517).", {KEY_SET: KeySet}, ("Cache-Control",)),),
    ),
)
async def get_keys(request: web.Request) -> web.Response:
    """Publishes the keys; needs no token."""
    headers: dict[str, str] = {
        hdrs.CONTENT_TYPE: KEY_SET,
        hdrs.CACHE_CONTROL: f"public, max-age={KEYS_MAX_AGE_S}",
    }
    return answer_json(await request.app[keys.PUBLISHED_KEYS].all(), headers=headers)
