"""Server-sent events as bytes (WHATWG HTML, section 9.2). Pure.

Decides what an event looks like on the wire, in the two views there are: students do not learn
who acted on a video. Does not decide who gets which view (visibility.py).
"""

import re
from typing import Any

import msgspec

from events.log.types import (
    ENVELOPE,
    RESET,
    EnrollmentChanged,
    Event,
    PlaybackEvent,
    VideoEvent,
    VideoSnapshotEvent,
)

HEARTBEAT = b":\n\n"
LAST_CHUNK = b"0\r\n\r\n"  # without trailers (RFC 9112, section 7.1)
RETRY_MS = (2000, 4000)  # a spread, or all clients of a restarted server come back at once

_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_UNSAFE = re.compile("[\r\n\0]")
_LARGEST_ID = 2**63 - 1
_encode = msgspec.json.Encoder().encode


def frame(event_id: int, event: Event, for_student: bool) -> bytes:
    """The event for those who see all of it, or as students see it."""
    return build(event.name, _encode(_body(event, for_student)), event_id)


def reset(newest_id: int) -> bytes:
    """Tells that what was asked for is not kept: start anew from `newest_id`."""
    return build(RESET, b"{}", newest_id)


def retry(retry_ms: int, event_id: int | None = None) -> bytes:
    """How long to wait before reconnecting, and from where, for who has seen no event yet."""
    # Without data no event fires in the browser, but it remembers the id.
    place = f"id: {event_id}\n" if event_id is not None else ""
    return f"retry: {retry_ms}\n{place}\n".encode()


def build(name: str, data: bytes, event_id: int) -> bytes:
    """One frame. No text in it can begin another one: line ends become lines of the same data."""
    lines = b"".join(b"data: " + line + b"\n" for line in _LINE_ENDS.split(data))
    return f"id: {event_id}\nevent: {_UNSAFE.sub('', name)}\n".encode() + lines + b"\n"


def chunk(data: bytes) -> bytes:
    """As a piece of a chunked message (RFC 9112, section 7.1); nothing stays nothing."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""  # an empty chunk is the last one


def parse_place(text: str | None) -> int | None:
    """A `Last-Event-ID` as a place in the log; None when none is given.

    What is not a number becomes -1, which is no place in any log, so that a reset follows.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_LARGEST_ID)):
        return -1
    place = int(text)
    return place if place <= _LARGEST_ID else -1


def _body(event: Event, for_student: bool) -> dict[str, Any]:
    is_anonymous = for_student and isinstance(event, VideoEvent)
    envelope = {
        "video_id": event.video_id,
        "course_id": event.course_id,
        "user_id": None if is_anonymous else event.user_id,
        "occurred_at": event.occurred_at,
    }
    return envelope | _own_fields(event) | envelope


def _own_fields(event: Event) -> dict[str, Any]:
    if isinstance(event, VideoSnapshotEvent):
        return event.video
    if isinstance(event, PlaybackEvent):
        return {
            "position": event.position_s,
            "watched_ratio": event.watched_ratio,
            "session_id": event.session_id,
        }
    if isinstance(event, EnrollmentChanged):
        return {"role": event.role}
    fields = msgspec.structs.asdict(event)
    return {name: fields[name] for name in fields.keys() - ENVELOPE}
