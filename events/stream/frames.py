"""Server-sent event frames (WHATWG HTML, section 9.2). Pure.

Serialises an event in one of two views: the student view hides who acted on a video. The view is
chosen in visibility.py.
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
from events.privacy.naming import IDS, Naming

HEARTBEAT = b":\n\n"
LAST_CHUNK = b"0\r\n\r\n"  # without trailers (RFC 9112, section 7.1)
RETRY_MS = (2000, 4000)  # a range: clients must not reconnect to a restarted server all at once

_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_UNSAFE = re.compile("[\r\n\0]")
_LARGEST_ID = 2**63 - 1
_encode = msgspec.json.Encoder().encode


def frame(event_id: int, event: Event, for_student: bool, naming: Naming = IDS) -> bytes:
    """Serialises the event in full or in the student view."""
    return build(event.name, _encode(naming.fields(body(event, for_student))), event_id)


def reset(newest_id: int) -> bytes:
    """Builds the reset frame: missed events are no longer kept, continue from `newest_id`."""
    return build(RESET, b"{}", newest_id)


def retry(retry_ms: int, event_id: int | None = None) -> bytes:
    """Builds the frame that sets the reconnection delay, and optionally the last event id."""
    # Without data the browser dispatches no event, but stores the id.
    id_line = f"id: {event_id}\n" if event_id is not None else ""
    return f"retry: {retry_ms}\n{id_line}\n".encode()


def build(name: str, data: bytes, event_id: int) -> bytes:
    """Builds one frame; line ends in `data` become further data lines, so none can inject one."""
    lines = b"".join(b"data: " + line + b"\n" for line in _LINE_ENDS.split(data))
    return f"id: {event_id}\nevent: {_UNSAFE.sub('', name)}\n".encode() + lines + b"\n"


def chunk(data: bytes) -> bytes:
    """Encodes a chunk (RFC 9112, section 7.1); empty data gives no chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""  # an empty chunk is the last one


def parse_event_id(text: str | None) -> int | None:
    """Parses a `Last-Event-ID`; None when none is given.

    Anything but a number gives -1, which is in no log, so a reset follows.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_LARGEST_ID)):
        return -1
    event_id = int(text)
    return event_id if event_id <= _LARGEST_ID else -1


def body(event: Event, for_student: bool) -> dict[str, Any]:
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
