"""Messages of the endpoints of webhooks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from handlers.messages import Listing, Request

MOST_NAMED = 1000

MessageId = Annotated[str, Meta(pattern=r"^evt_[0-9]{1,18}\Z")]


class WebhookPut(Request, frozen=True):
    """Without `secret` the one that is there is kept; a new webhook gets one, which its answer
    shows."""

    url: Annotated[str, Meta(min_length=1, max_length=2048, pattern=r"^[!-~]+\Z")]
    types: Annotated[list[str], Meta(min_length=1, max_length=100)]
    secret: Annotated[str, Meta(max_length=200)] | None = None


class WebhookResend(Request, frozen=True):
    """`ids` are those of dead letters; without it all are sent again."""

    ids: Annotated[list[MessageId], Meta(min_length=1, max_length=MOST_NAMED)] | None = None


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """`waiting` and `dead` count events up to 10,000; `lost` counts those that the log dropped
    beyond what is kept for a receiver that is away. `secret` is shown once, by the answer that made
    it."""

    id: str
    kind: Literal["webhook", "xapi"]
    url: str
    types: Sequence[str]
    waiting: int
    dead: int
    lost: int
    last_delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime
    secret: str | UnsetType = UNSET


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that could not be delivered; `data` as the event's. `id` is its `webhook-id`."""

    id: str
    type: str
    occurred_at: datetime
    data: Any
    attempts: int
    failure: str
    died_at: datetime


class WebhookDetails(WebhookView, frozen=True, kw_only=True):
    """A page of the events that could not be delivered, oldest first."""

    dead_letters: Listing[DeadLetter]


class Resent(msgspec.Struct, frozen=True):
    """The number of events that wait again."""

    resent: int
