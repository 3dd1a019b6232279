"""Event types: one frozen class per event, named in the past tense.

An instance is a fact recorded in the log. Visibility is decided in visibility.py, serialisation in
log.py and frames.py.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from events.errors import UnknownEventType


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of every event; `user_id` is the acting or the affected user."""

    name: ClassVar[str] = ""
    video_id: UUID | None = None
    course_id: str
    user_id: str
    occurred_at: datetime


ENVELOPE = frozenset(Event.__struct_fields__)


class VideoEvent(Event, frozen=True, kw_only=True):
    video_id: UUID


class VideoSnapshotEvent(VideoEvent, frozen=True, kw_only=True):
    """A video event with `video`: the video's fields as the API shows them."""

    video: dict[str, Any]


class VideoUploaded(VideoSnapshotEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "video.uploaded"


class VideoProcessing(VideoEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "video.processing"
    processing_ratio: float


class VideoReady(VideoSnapshotEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "video.ready"


class VideoFailed(VideoSnapshotEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "video.failed"


class VideoUpdated(VideoSnapshotEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "video.updated"


class VideoDeleted(VideoSnapshotEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "video.deleted"


class PlaybackEvent(Event, frozen=True, kw_only=True):
    """`position_s` comes from the report; `watched_ratio` is computed by the server after it."""

    video_id: UUID
    position_s: float
    watched_ratio: float
    session_id: str


class PlaybackStarted(PlaybackEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "playback.started"


class PlaybackProgressed(PlaybackEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "playback.progress"


class PlaybackCompleted(PlaybackEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "playback.completed"


class PlaybackStopped(PlaybackEvent, frozen=True, kw_only=True):
    name: ClassVar[str] = "playback.stopped"


class EnrollmentChanged(Event, frozen=True, kw_only=True):
    """`role` is None after a withdrawal; `version` is the enrolment's and stays internal.

    `sealed_user_id` is the id of an erased user, whom `user_id` does not name.
    """

    name: ClassVar[str] = "enrollment.changed"
    role: str | None
    version: int
    sealed_user_id: str | None = None


def _leaves(event_type: type[Event]) -> Iterator[type[Event]]:
    if event_type.name:
        yield event_type
    for narrower in event_type.__subclasses__():
        yield from _leaves(narrower)


def kinds_of(event_type: type[Event]) -> tuple[type[Event], ...]:
    """Returns the concrete event classes among `event_type` and its subclasses."""
    return tuple(_leaves(event_type))


EVENT_TYPES = {kind.name: kind for kind in _leaves(Event)}
PAYLOADS = {
    name: [field for field in kind.__struct_fields__ if field not in ENVELOPE]
    for name, kind in EVENT_TYPES.items()
}
RESET = "reset"  # an SSE event type without a logged event


def parse_types(text: str) -> frozenset[str]:
    """Returns the type names of a comma-separated filter.

    Raises: UnknownEventType.
    """
    names = frozenset(text.split(","))
    unknown = names - EVENT_TYPES.keys() - {RESET}
    if unknown:
        raise UnknownEventType(f"unknown event type: {', '.join(sorted(unknown))}")
    return names
