"""Bodies and ids of webhook messages (Standard Webhooks 1.0.0, "Payload structure"). Pure."""

from typing import Any

import msgspec

from db.pool import Row
from events.errors import UnreadableEvent
from events.log import log
from events.stream import frames

ID_PREFIX = "evt_"


def message_id(event_id: int) -> str:
    """Returns the `webhook-id`: the same each time the event is sent."""
    return f"{ID_PREFIX}{event_id}"


def event_id_of(text: str) -> int | None:
    """Returns the event's id; None for what is no message id."""
    digits = text.removeprefix(ID_PREFIX)
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= 18
    return int(digits) if is_number and digits != text else None


def body_of(row: Row) -> bytes:
    """Raises: UnreadableEvent."""
    event = log.from_row(row)
    data = frames.body(event, for_student=False)
    return msgspec.json.encode({"type": event.name, "timestamp": event.occurred_at, "data": data})


def data_of(row: Row) -> dict[str, Any] | None:
    """Returns None for an event that this version cannot read."""
    try:
        return frames.body(log.from_row(row), for_student=False)
    except UnreadableEvent:
        return None
