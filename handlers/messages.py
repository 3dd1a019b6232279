"""Message types of request and response bodies, and their reading and writing."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from db.progress.progress import ProgressState
from events.log.snapshots import Captions, VideoSnapshot
from handlers.errors import InvalidRequest, UnsupportedMediaType
from handlers.header_values import content_type

# The Course Service's identifiers; the pattern keeps separators and leading dots out of paths.
IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z"
NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f-\x9f]*\Z"
SESSION_ID = r"^[A-Za-z0-9_-]{1,64}\Z"
IN_WORDS = {
    IDENTIFIER: "of 1 to 64 letters, digits, `_`, `.` and `-`, the first a letter or digit",
    NO_CONTROL_CHARACTERS: "without control characters",
    SESSION_ID: "of 1 to 64 letters, digits, `_` and `-`",
}

BODY_TIMEOUT_S = 30.0  # for some kilobytes; a client that sends nothing must not hold a connection

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_CONTROL_CHARACTERS)]
Identifier = Annotated[str, Meta(pattern=IDENTIFIER)]
SessionId = Annotated[str, Meta(pattern=SESSION_ID)]
Position = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Role = Literal["student", "instructor"]

Body = TypeVar("Body")
Item = TypeVar("Item")


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request body; a misspelt field is refused, never silently ignored."""


class CoursePut(Request, frozen=True):
    """Without `offline` it stays as it is."""

    title: Title
    offline: bool | None = None


class ModulePut(Request, frozen=True):
    title: Title
    position: Position


class EnrollmentPut(Request, frozen=True):
    role: Role


class VideoPatch(Request, frozen=True):
    """At least one of them. `position` null is after the videos that have one."""

    title: Title | UnsetType = UNSET
    position: Position | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        if self.title is UNSET and self.position is UNSET:
            raise ValueError("A title or a position is required")


class ThumbnailPut(Request, frozen=True):
    """`at` is the position of the chosen frame, in seconds."""

    at: Annotated[float, Meta(ge=0)]


class PlaybackPost(Request, frozen=True):
    session_id: SessionId | None = None


class OfflinePost(Request, frozen=True):
    """`height` null is sound alone; `captions` are language tags."""

    height: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None
    captions: Annotated[list[str], Meta(max_length=100)] = []


class OfflineRenewal(Request, frozen=True):
    licence: str


class EventsGrantPost(Request, frozen=True):
    """An empty body."""


Milliseconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Quality(Request, frozen=True):
    """Playback quality measured by the player."""

    startup_ms: Milliseconds | None = None
    stalls: Count | None = None
    stalled_ms: Milliseconds | None = None
    dropped_frames: Count | None = None
    bitrate: Annotated[float, Meta(ge=0)] | None = None
    height: Count | None = None
    network: Literal["slow-2g", "2g", "3g", "4g"] | None = None
    error: Annotated[str, Meta(max_length=1000)] | None = None


class ProgressPut(Request, frozen=True):
    """A player's report; positions and intervals in seconds of the video."""

    session_id: SessionId
    sequence: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    position: float
    watched: Annotated[list[tuple[float, float]], Meta(max_length=256)]
    event: Literal["started", "progress", "paused", "seeked", "completed", "stopped"]
    rate: Annotated[float, Meta(ge=0, le=16)] | None = None
    delayed_s: Annotated[float, Meta(ge=0, le=30 * 86400)] = 0.0
    quality: Quality | None = None


class CourseSummary(msgspec.Struct, frozen=True):
    """`role` is the caller's role; null for admin and service without an enrolment. `offline` is
    there where lessons may not be kept offline: false.
    """

    id: str
    title: str
    role: str | None
    offline: Literal[False] | UnsetType = UNSET


class ModuleView(msgspec.Struct, frozen=True):
    id: str
    course_id: str
    title: str
    position: int


class ProgressView(msgspec.Struct, frozen=True, kw_only=True):
    """Progress in seconds of the video; `watched` holds the merged intervals."""

    position: float = 0.0
    watched_seconds: float = 0.0
    watched_ratio: float = 0.0
    watched: list[tuple[float, float]] = []
    completed: bool = False
    completed_at: datetime | None = None
    updated_at: datetime | None = None

    @staticmethod
    def of(state: ProgressState | None) -> "ProgressView":
        """Returns zeros for None, the state before the first report."""
        if state is None:
            return ProgressView()
        return ProgressView(
            position=state.position_s,
            watched_seconds=state.watched_s,
            watched_ratio=state.watched_ratio,
            watched=list(state.watched),
            completed=state.completed,
            completed_at=state.completed_at,
            updated_at=state.updated_at,
        )


class ReportView(ProgressView, frozen=True, kw_only=True):
    """The answer to a report; `capped` when not all that it claims to have watched was counted."""

    capped: bool | msgspec.UnsetType = msgspec.UNSET

    @staticmethod
    def after(state: ProgressState) -> "ReportView":
        return ReportView(
            **msgspec.structs.asdict(ProgressView.of(state)),
            capped=True if state.is_capped else msgspec.UNSET,
        )


class SessionView(msgspec.Struct, frozen=True):
    """The caller as the token names them; `name` null where it holds none."""

    user_id: str
    name: str | None
    roles: list[str]
    expires_at: datetime


class ReceiptView(msgspec.Struct, frozen=True):
    """`receipt` is a JWS in compact form."""

    receipt: str


class ProgressItem(ProgressView, frozen=True, kw_only=True):
    video_id: UUID
    user_id: str


class WatchedVideo(VideoSnapshot, frozen=True, kw_only=True):
    """A video in its course, with the caller's progress."""

    progress: ProgressView


class CourseModule(msgspec.Struct, frozen=True):
    id: str
    title: str
    position: int
    videos: list[WatchedVideo]


class CourseView(msgspec.Struct, frozen=True):
    """`role` and `offline` as in the summary."""

    id: str
    title: str
    role: str | None
    modules: list[CourseModule]
    offline: Literal[False] | UnsetType = UNSET


class EnrollmentView(msgspec.Struct, frozen=True):
    course_id: str
    user_id: str
    role: str | None
    created_at: datetime
    updated_at: datetime


class UploadView(msgspec.Struct, frozen=True):
    """An open upload; DELETE of /api/v1/uploads/{id} terminates it. `replaces` is the video that it
    is another film for."""

    id: UUID
    course_id: str
    module_id: str
    title: str
    filename: str
    uploaded_by: str
    length: int
    offset: int
    replaces: UUID | None
    created_at: datetime
    expires_at: datetime


class Source(msgspec.Struct, frozen=True):
    url: str
    type: str


class LessonSize(msgspec.Struct, frozen=True):
    """Bytes of the whole lesson at a height, with its first sound; `height` is null for sound
    alone."""

    height: int | None
    bytes: int


class PlaybackView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a player needs; URLs are relative to the server, but those of media may be an
    edge's. They end at `media_expires_at`; another such request with the session renews them."""

    grant: str
    expires_at: datetime
    media_expires_at: datetime
    session_id: str
    next_sequence: int
    stream_url: str
    sources: list[Source]
    hls_url: str | None
    dash_url: str | None
    sizes: list[LessonSize]
    thumbnails: dict[str, str]
    storyboard_url: str | None
    captions: list[Captions]
    chapters_url: str | None
    events_url: str
    resume_position: float
    duration: float | None
    completed: bool
    report_interval: float


class OfflineFile(msgspec.Struct, frozen=True):
    """`pieces` are the SHA-256 of each 4 MiB, in hex."""

    url: str
    size: int
    type: str
    pieces: Sequence[str]


class LicenceView(msgspec.Struct, frozen=True):
    """`licence` is a JWS, see docs/offline.md; `renew_url` takes it when the time comes."""

    licence: str
    expires_at: datetime
    files: list[OfflineFile]
    renew_url: str


class EventsGrantView(msgspec.Struct, frozen=True):
    events_url: str
    expires_at: datetime


class Listing(msgspec.Struct, Generic[Item], frozen=True):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None


class Health(msgspec.Struct, frozen=True):
    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """`checks` maps each dependency to `ok` or its fault; `details` lists problems that need an
    operator but do not prevent service."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]
    details: dict[str, str]


async def read_json(request: web.Request, kind: type[Body], most_bytes: int | None = None) -> Body:
    """Reads the body as a `kind`.

    Raises InvalidRequest, UnsupportedMediaType for another media type; a body over `most_bytes`, by
    default the application's `client_max_size`, is aiohttp's 413.
    """
    if content_type(request.headers) != "application/json":
        raise UnsupportedMediaType("The body must be application/json.")
    return decode_json(await read_body(request, most_bytes), kind)


def decode_json(body: bytes, kind: type[Body]) -> Body:
    """Raises InvalidRequest."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as exc:
        raise InvalidRequest(f"{in_words(exc)}.") from exc
    except RecursionError as exc:
        raise InvalidRequest("The body is nested too deep.") from exc
    except UnicodeDecodeError as exc:
        raise InvalidRequest("The body is not UTF-8.") from exc


async def read_body(request: web.Request, most_bytes: int | None = None) -> bytes:
    """Reads the whole body; `most_bytes` overrides the application's `client_max_size`."""
    if most_bytes is not None:
        request = request.clone(client_max_size=most_bytes)
    if request.content.is_eof():  # it came with the head: a time-out would cost more than the read
        return await request.read()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError as exc:
        raise InvalidRequest("The body stalled.") from exc


async def read_optional_json(request: web.Request, kind: type[Body]) -> Body:
    """Like `read_json`; a missing body is read as `{}`."""
    if not request.can_read_body:
        return msgspec.convert({}, kind)
    return await read_json(request, kind)


def queried_identifier(request: web.Request, name: str) -> str | None:
    """Returns an identifier of the query; None without it. Raises InvalidRequest."""
    try:
        return msgspec.convert(request.query.get(name), Identifier | None)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"{name}: {in_words(exc)}.") from exc


def answer_json(
    content: Any,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Builds a JSON response that shared caches must not store."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(content),
        headers={
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.CACHE_CONTROL: "private, no-cache",
            **(headers or {}),
        },
    )


def identifier(request: web.Request, name: str) -> str:
    """Returns an identifier of the path. Raises InvalidRequest for a malformed one."""
    try:
        return msgspec.convert(request.match_info[name], Identifier)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"{name}: {in_words(exc)}.") from exc


def in_words(fault: msgspec.MsgspecError) -> str:
    """Returns msgspec's message with regular expressions replaced by words."""
    text = str(fault)
    for pattern, words in IN_WORDS.items():
        text = text.replace(f"matching regex {pattern!r}", words)
    return text


def video_id_of(request: web.Request) -> UUID | None:
    """Returns the video id of the path; None if it is not a UUID."""
    return _uuid_of(request, "video_id")


def upload_id_of(request: web.Request) -> UUID | None:
    """Returns the upload id of the path; None if it is not a UUID."""
    return _uuid_of(request, "upload_id")


def _uuid_of(request: web.Request, name: str) -> UUID | None:
    try:
        return msgspec.convert(request.match_info[name], UUID)
    except msgspec.ValidationError:
        return None
