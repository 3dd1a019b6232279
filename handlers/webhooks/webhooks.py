"""Endpoints of webhooks: list, show, put, delete, send again. For admin and service."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from aiohttp import web
from msgspec.structs import replace

from db.courses import PutOutcome
from db.delivery import deliveries, webhooks
from db.delivery.webhooks import MOST_WEBHOOKS, Webhook
from db.pool import Queries, Row, Transaction
from events.delivery import removal, signatures
from events.delivery.bodies import data_of, event_id_of, message_id
from events.delivery.carriers import SECRET_PLACE
from events.delivery.public_addresses import is_private_host
from events.errors import UnknownEventType
from events.log.types import RESET, parse_types
from handlers import keys
from handlers.errors import InvalidRequest, NotAllowed, NotFound
from handlers.messages import Listing, answer_json, identifier, read_json, read_optional_json
from handlers.openapi.descriptions import (
    BODY,
    GONE,
    JSON,
    PAGED,
    Answer,
    Body,
    Operation,
    Tag,
    put_answers,
)
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING, page_of
from handlers.webhooks.messages import (
    DeadLetter,
    Resent,
    WebhookDetails,
    WebhookPut,
    WebhookResend,
    WebhookView,
)

OF_SETTINGS = "xapi"  # the learning record store of XAPI_ENDPOINT
RESENT_AT_ONCE = 10_000
REFUSALS = (InvalidRequest, NotAllowed, NotFound)


@endpoint(
    "GET /api/v1/webhooks",
    Operation(
        tag=Tag.WEBHOOKS,
        summary="All webhooks (admin, service)",
        answers=(Answer(200, "A page of them.", {JSON: Listing[WebhookView]}),),
        parameters=PAGED,
        problems=(InvalidRequest, NotAllowed),
    ),
)
async def list_webhooks(request: web.Request) -> web.Response:
    _require_privileged(request)
    database, page = request.app[keys.DATABASE], page_of(request)
    found = await webhooks.list_page(
        database, after=page.after(tuple[datetime, str], (BEGINNING, "")), limit=page.fetch_limit
    )
    views = [await _view(database, one) for one in found]
    return answer_json(page.answer(views, lambda view: view, lambda one: (one.created_at, one.id)))


@endpoint(
    "GET /api/v1/webhooks/{webhook_id}",
    Operation(
        tag=Tag.WEBHOOKS,
        summary="A webhook, and a page of the events that could not be delivered to it",
        answers=(Answer(200, "The webhook.", {JSON: WebhookDetails}),),
        parameters=PAGED,
        problems=REFUSALS,
    ),
)
async def get_webhook(request: web.Request) -> web.Response:
    webhook, page = await _webhook_of(request), page_of(request)
    database = request.app[keys.DATABASE]
    dead = await deliveries.list_dead(
        database, webhook.id, after_id=page.after(int, 0), limit=page.fetch_limit
    )
    shown = await _view(database, webhook)
    fields = {name: getattr(shown, name) for name in shown.__struct_fields__}
    letters = page.answer(dead, _dead_letter, lambda row: row.id)
    return answer_json(WebhookDetails(**fields, dead_letters=letters))


@endpoint(
    "PUT /api/v1/webhooks/{webhook_id}",
    Operation(
        tag=Tag.WEBHOOKS,
        summary="Make or change a webhook (Standard Webhooks, docs/webhooks.md)",
        answers=put_answers(WebhookView),
        body=Body({JSON: WebhookPut}),
        problems=(NotAllowed, *BODY),
    ),
)
async def put_webhook(request: web.Request) -> web.Response:
    """A secret that is made here is shown by this answer alone."""
    _require_privileged(request)
    webhook_id = identifier(request, "webhook_id")
    if webhook_id == OF_SETTINGS:
        raise InvalidRequest("`xapi` is the learning record store of the settings.")
    body = await read_json(request, WebhookPut)
    is_private = request.app[keys.WEBHOOK_SETTINGS].may_call_private
    _require_address(body.url, may_be_private=is_private)
    types, seal = _types(body.types), request.app[keys.SEAL]
    if body.secret is not None and not signatures.is_secret(body.secret):
        raise InvalidRequest("secret: base64 of 24 to 64 bytes, after `whsec_` or alone.")
    async with request.app[keys.DATABASE].transaction() as transaction:
        is_new = await _is_new(transaction, webhook_id)
        made = signatures.new_secret() if is_new and body.secret is None else None
        secret = body.secret or made
        sealed = None if secret is None else seal.seal(secret, SECRET_PLACE)
        outcome = await webhooks.put(transaction, webhook_id, "webhook", body.url, types, sealed)
        webhook = await webhooks.get(transaction, webhook_id)
        assert webhook is not None  # just put
        shown = await _view(transaction, webhook, made)
    return answer_json(shown, status=201 if outcome is PutOutcome.CREATED else 200)


@endpoint(
    "DELETE /api/v1/webhooks/{webhook_id}",
    Operation(
        tag=Tag.WEBHOOKS,
        summary="Delete a webhook with all that waits for it",
        answers=GONE,
        problems=REFUSALS,
    ),
)
async def delete_webhook(request: web.Request) -> web.Response:
    webhook = await _webhook_of(request)
    if webhook.id == OF_SETTINGS:
        raise InvalidRequest("`xapi` goes when the settings no longer name it.")
    await removal.delete_webhook(request.app[keys.DATABASE], webhook.id)
    return web.Response(status=204)


@endpoint(
    "POST /api/v1/webhooks/{webhook_id}/resend",
    Operation(
        tag=Tag.WEBHOOKS,
        summary="Send again what could not be delivered",
        answers=(Answer(202, "They wait again.", {JSON: Resent}),),
        body=Body({JSON: WebhookResend}, is_required=False),
        problems=(*REFUSALS, *BODY),
    ),
)
async def resend(request: web.Request) -> web.Response:
    """Queues events again, at most 10,000 at once; the deliverer finds them within seconds."""
    webhook = await _webhook_of(request)
    body = await read_optional_json(request, WebhookResend)
    event_ids = None
    if body.ids is not None:
        event_ids = [found for one in body.ids if (found := event_id_of(one)) is not None]
    async with request.app[keys.DATABASE].transaction() as transaction:
        resent = await deliveries.resend(transaction, webhook.id, event_ids, RESENT_AT_ONCE)
    return answer_json(Resent(resent), status=202)


def _require_privileged(request: web.Request) -> None:
    if not request[keys.VIEWER].is_privileged:
        raise NotAllowed("Webhooks are for admin and service.")


async def _webhook_of(request: web.Request) -> Webhook:
    _require_privileged(request)
    webhook = await webhooks.get(request.app[keys.DATABASE], identifier(request, "webhook_id"))
    if webhook is None:
        raise NotFound
    return webhook


def _require_address(url: str, *, may_be_private: bool) -> None:
    """Raises InvalidRequest. Names are resolved, and checked, when they are called."""
    try:
        parts = urlsplit(url)
        is_clean = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise InvalidRequest("url: not a URL.") from None
    if not is_clean or parts.scheme not in ("https", "http") or parts.fragment:
        raise InvalidRequest("url: `https://` or `http://`, a host, no fragment.")
    if "@" in parts.netloc:
        raise InvalidRequest("url: without a user or a password, which would be shown.")
    if not may_be_private and is_private_host(parts.hostname or ""):
        raise InvalidRequest("url: a private address, which WEBHOOK_PRIVATE does not allow.")


def _types(given: Sequence[str]) -> list[str]:
    """Returns them sorted, each once. Raises InvalidRequest."""
    try:
        types = parse_types(",".join(given))
    except UnknownEventType as exc:
        raise InvalidRequest(f"types: {exc}.") from exc
    if RESET in types:
        raise InvalidRequest("types: `reset` is of event streams alone.")
    return sorted(types)


async def _is_new(transaction: Transaction, webhook_id: str) -> bool:
    """Raises InvalidRequest for one too many."""
    if await webhooks.get(transaction, webhook_id) is not None:
        return False
    if await webhooks.count(transaction) >= MOST_WEBHOOKS:
        raise InvalidRequest(f"There are {MOST_WEBHOOKS} webhooks, as many as there may be.")
    return True


async def _view(queries: Queries, webhook: Webhook, secret: str | None = None) -> WebhookView:
    standing = await webhooks.read_backlog(queries, webhook.id)
    view = WebhookView(
        id=webhook.id,
        kind=webhook.kind,
        url=webhook.url,
        types=webhook.types,
        waiting=standing.waiting,
        dead=standing.dead,
        lost=webhook.lost_count,
        last_delivered_at=webhook.last_delivered_at,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
    )
    return view if secret is None else replace(view, secret=secret)


def _dead_letter(row: Row) -> DeadLetter:
    return DeadLetter(
        id=message_id(row.id),
        type=row.type,
        occurred_at=row.occurred_at,
        data=data_of(row),
        attempts=row.attempts,
        failure=row.failure or "",
        died_at=row.died_at,
    )
