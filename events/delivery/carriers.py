"""Carriers: how events get to a kind of receiver. This one sends webhooks."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import aiohttp
from aiohttp import hdrs

from db.delivery.webhooks import Webhook
from db.pool import Row
from events.delivery import outgoing, signatures
from events.delivery.attempts import Attempt
from events.delivery.bodies import body_of, message_id
from events.errors import UnreadableEvent
from events.privacy.seal import Seal

SECRET_PLACE = "webhook"
UNREACHED = (OSError, aiohttp.ClientError, TimeoutError, ValueError)
UNREADABLE_SECRET = "its secret was sealed by another GRANT_SECRET: set it again"


class Carrier(Protocol):
    """Sends events in requests of at most `batch` of them, `at_once` requests at a time."""

    batch: int
    at_once: int
    may_call_private: bool

    async def carry(
        self, session: aiohttp.ClientSession, receiver: Webhook, rows: Sequence[Row]
    ) -> list[Attempt]:
        """Returns an attempt for each row; raises nothing of the receiver's."""


class WebhookCarrier:
    """Posts each event as a signed message (Standard Webhooks 1.0.0)."""

    batch = 1
    at_once = 8

    def __init__(
        self,
        seal: Seal,
        *,
        may_call_private: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.may_call_private = may_call_private
        self._seal = seal
        self._clock = clock

    async def carry(
        self, session: aiohttp.ClientSession, receiver: Webhook, rows: Sequence[Row]
    ) -> list[Attempt]:
        return [await self._post(session, receiver, row) for row in rows]

    async def _post(self, session: aiohttp.ClientSession, receiver: Webhook, row: Row) -> Attempt:
        secret = self._seal.unseal(receiver.sealed_secret, SECRET_PLACE)
        if secret is None:
            return Attempt(row.id, UNREADABLE_SECRET)
        try:
            body = body_of(row)
            headers = self._headers(secret, row.id, body)
            reply = await outgoing.post(session, receiver.url, body, headers)
        except UnreadableEvent as exc:
            return Attempt(row.id, str(exc))
        except UNREACHED as exc:
            return Attempt(row.id, outgoing.in_words(exc))
        if 200 <= reply.status < 300:
            return Attempt(row.id)
        return Attempt(row.id, f"status {reply.status}", reply.retry_after_s)

    def _headers(self, secret: str, event_id: int, body: bytes) -> dict[str, str]:
        name, timestamp = message_id(event_id), int(self._clock())
        return {
            hdrs.CONTENT_TYPE: "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures.sign(secret, name, timestamp, body),
        }
