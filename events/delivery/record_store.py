"""The learning record store of the settings: statements in batches, through the same delivery.

Progress is sent at each tenth of a video that a person has seen; reports come every few seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import hdrs

from db.delivery import watched_videos, webhooks
from db.delivery.webhooks import Webhook
from db.pool import Database, Row
from events.delivery import outgoing, statements
from events.delivery.attempts import Attempt
from events.delivery.carriers import UNREACHED
from events.delivery.outgoing import Reply
from events.delivery.removal import delete_webhook
from events.errors import UnreadableEvent
from events.log import log
from events.log.types import PlaybackEvent, PlaybackProgressed
from storage.concurrency.bounded_cache import BoundedCache

WEBHOOK_ID = "xapi"
VERSION = "1.0.3"
REMEMBERED = 50_000
CONFLICT = 409  # a statement of that id is stored, with what was true when it was sent first
REFUSED = (400, 409, 413)  # of a batch perhaps because of one statement


@dataclass(frozen=True, slots=True)
class RecordStore:
    """`authorization` is the value of the header; `home_page` that of the users' accounts."""

    endpoint: str
    authorization: str = field(repr=False)
    home_page: str

    @property
    def statements_url(self) -> str:
        return f"{self.endpoint.rstrip('/')}/statements"


def home_page_of(issuer: str | None, endpoint: str) -> str:
    """Returns the issuer of tokens, whose users they are, if it is an address; else the store's."""
    if issuer and urlsplit(issuer).scheme in ("https", "http"):
        return issuer
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


async def keep_subscribed(database: Database, store: RecordStore | None) -> None:
    """Has the log followed for the store, or no longer. Raises: DatabaseError."""
    if store is None:
        await delete_webhook(database, WEBHOOK_ID)
        return
    async with database.transaction() as transaction:
        types = statements.TYPES
        await webhooks.put(transaction, WEBHOOK_ID, "xapi", store.endpoint, types, None)


class StatementCarrier:
    """Posts statements, many in a request and one request at a time, which keeps their order."""

    batch = 50
    at_once = 1
    may_call_private = True  # the operator named it

    def __init__(self, database: Database, store: RecordStore) -> None:
        self._database = database
        self._store = store
        self._told: BoundedCache[tuple[str, UUID], int] = BoundedCache(REMEMBERED)

    async def carry(
        self, session: aiohttp.ClientSession, receiver: Webhook, rows: Sequence[Row]
    ) -> list[Attempt]:
        events: dict[int, PlaybackEvent] = {}
        unreadable = []
        for row in rows:
            try:
                event = log.from_row(row)
            except UnreadableEvent as exc:
                unreadable.append(Attempt(row.id, str(exc)))
                continue
            assert isinstance(event, PlaybackEvent)  # the only types that it is subscribed to
            events[row.id] = event
        wanted = {number: event for number, event in events.items() if self._is_news(event)}
        skipped = [Attempt(number) for number in events.keys() - wanted.keys()]
        return unreadable + skipped + await self._send(session, wanted)

    def _is_news(self, event: PlaybackEvent) -> bool:
        if not isinstance(event, PlaybackProgressed):
            return True
        key, step = (event.user_id, event.video_id), statements.step_of(event)
        is_news = step > (self._told.get(key) or 0)
        if is_news:
            self._told.put(key, step)
        return is_news

    async def _send(
        self, session: aiohttp.ClientSession, events: dict[int, PlaybackEvent]
    ) -> list[Attempt]:
        if not events:
            return []
        keys = [(event.user_id, event.video_id) for event in events.values()]
        facts = await watched_videos.read(self._database, keys)
        built = {
            number: statements.build(
                number,
                event,
                facts.get((event.user_id, event.video_id), statements.NO_FACTS),
                self._store.home_page,
            )
            for number, event in events.items()
        }
        attempts = await self._post(session, built)
        for attempt in attempts:
            if attempt.failure is not None:  # progress must not be taken for sent
                event = events[attempt.event_id]
                self._told.forget((event.user_id, event.video_id))
        return attempts

    async def _post(
        self, session: aiohttp.ClientSession, built: dict[int, dict[str, object]]
    ) -> list[Attempt]:
        try:
            reply = await outgoing.post(
                session,
                self._store.statements_url,
                msgspec.json.encode(list(built.values())),
                self._headers(),
            )
        except UNREACHED as exc:
            return [Attempt(number, outgoing.in_words(exc)) for number in built]
        if reply.status in REFUSED and len(built) > 1:
            return [
                attempt
                for number, statement in built.items()
                for attempt in await self._post(session, {number: statement})
            ]
        return [_attempt(number, reply) for number in built]

    def _headers(self) -> dict[str, str]:
        return {
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.AUTHORIZATION: self._store.authorization,
            "X-Experience-API-Version": VERSION,
        }


def _attempt(event_id: int, reply: Reply) -> Attempt:
    if 200 <= reply.status < 300 or reply.status == CONFLICT:
        return Attempt(event_id)
    return Attempt(event_id, f"status {reply.status}", reply.retry_after_s)
