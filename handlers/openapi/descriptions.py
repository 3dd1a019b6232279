"""Vocabulary of endpoint descriptions: parameters, answers, bodies, problems.

Parameters and headers are defined here once and referenced by name. The tests compare descriptions
with the handlers' behaviour. Problems common to all endpoints (a missing token, a database outage)
are added when the document is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from events.log.types import EVENT_TYPES, RESET
from handlers.errors import (
    Failed,
    InvalidRequest,
    NotAllowed,
    NotEnrolled,
    NotFound,
    NotReady,
    RequestError,
    TooLarge,
    UnsupportedMediaType,
)
from handlers.paging import DEFAULT_LIMIT, MAX_CURSOR_LENGTH, MAX_LIMIT

JSON = "application/json"
IDENTIFIER = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"}
UUID = {"type": "string", "format": "uuid"}
TEXT = {"type": "string"}
# A file. `format` is of OpenAPI 3.0: most generators of clients still go by it.
BYTES: Mapping[str, Any] = {"type": "string", "format": "binary"}
DAY_OR_TIME = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
}

Access = Literal["bearer", "optional", "grant", "open"]
Content = Mapping[str, Any]  # media type -> a message type, or a JSON schema


class Tag(StrEnum):
    """Groups of the document, in its order."""

    COURSES = "Course structure"
    VIDEOS = "Videos"
    PLAYING = "Playing"
    PROGRESS = "Progress"
    EVENTS = "Events"
    SIGN_IN = "Signing in"
    WEBHOOKS = "Webhooks"
    PRIVACY = "Privacy"
    ANALYTICS = "Analytics"
    OPERATING = "Operations"
    PAGES = "Pages"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response; `headers` are names of `HEADERS`."""

    status: int
    description: str
    content: Content | None = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    content: Content
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path; `access` None means that the path determines it.

    `has_head`: HEAD is part of the contract, too, and returns the headers only.
    """

    tag: Tag
    summary: str
    answers: tuple[Answer, ...]
    body: Body | None = None
    parameters: tuple[str, ...] = ()
    problems: tuple[type[RequestError], ...] = ()
    access: Access | None = None
    has_head: bool = False


def _query(name: str, description: str, schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def _header(name: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": TEXT, **more}


PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "limit": _query(
        "limit",
        "How many items a page holds.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    "cursor": _query(
        "cursor",
        "`next_cursor` of the page before; opaque.",
        {"type": "string", "maxLength": MAX_CURSOR_LENGTH},
    ),
    "of_user": _query("user_id", "Of this user only.", IDENTIFIER),
    "of_course": _query("course_id", "Of this course only.", IDENTIFIER),
    "of_video": _query("video_id", "Of this video only.", UUID),
    "from": _query(
        "from",
        "A day (UTC) or a time; figures count from its day on, sessions from the time.",
        DAY_OR_TIME,
    ),
    "to": _query("to", "A day (UTC) or a time, exclusive.", DAY_OR_TIME),
    "days": _query(
        "days",
        "The last days, today included.",
        {"type": "integer", "enum": [1, 7, 30], "default": 7},
    ),
    "sort_students": _query(
        "sort",
        "By which figure; students of equal figures by name.",
        {
            "type": "string",
            "enum": [
                "enrolled",
                "user_id",
                "videos_completed",
                "watched_seconds",
                "last_seen_at",
            ],
            "default": "enrolled",
        },
    ),
    "direction": _query(
        "direction",
        "Rising or falling; who never watched was seen before all others.",
        {"type": "string", "enum": ["asc", "desc"], "default": "asc"},
    ),
    "types": _query(
        "types",
        "Only these types, separated by commas.",
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": [*sorted(EVENT_TYPES), RESET]},
        },
        style="form",
        explode=False,
    ),
    "last_event_id": _query(
        "last_event_id", "As the header `Last-Event-ID`, which wins over it.", TEXT
    ),
    "Last-Event-ID": _header(
        "Last-Event-ID", "The last event received: what came after it is replayed; 0 is all."
    ),
    "format": _query(
        "format",
        "Without it, `Accept` chooses among the formats that exist.",
        {"type": "string", "enum": ["mp4", "webm"]},
    ),
    "Tus-Resumable": _header("Tus-Resumable", "`1.0.0`, else 412.", required=True),
    "X-HTTP-Method-Override": _header(
        "X-HTTP-Method-Override", "`PATCH`, `DELETE` or `HEAD`, else 405.", required=True
    ),
    "Upload-Length": _header("Upload-Length", "Bytes of the whole file.", required=True),
    "Upload-Metadata": _header(
        "Upload-Metadata",
        "`module_id`, `filename`, `title`: pairs of a key and a value in Base64, between commas."
        " `replaces`, the id of a video, in place of `module_id`: another film for that video.",
        required=True,
    ),
    "Upload-Offset": _header("Upload-Offset", "Where the body goes on.", required=True),
    "Upload-Checksum": _header(
        "Upload-Checksum", "`sha1` or `sha256`, and the digest of the body in Base64."
    ),
    "X-Origin-Secret": _header("X-Origin-Secret", "`CDN_ORIGIN_SECRET`, else 403."),
    "Accept": _header("Accept", "Which of the media types that exist (RFC 9110 section 12.5.1)."),
    "Range": _header("Range", "`bytes=` ranges, 16 at most (RFC 9110 section 14)."),
    "If-Range": _header("If-Range", "Honours `Range` only while this ETag or date holds."),
    "If-Match": _header("If-Match", "412 unless one of these ETags holds."),
    "If-None-Match": _header("If-None-Match", "304 while one of these ETags holds."),
    "If-Modified-Since": _header("If-Modified-Since", "304 unless changed since this date."),
    "If-Unmodified-Since": _header("If-Unmodified-Since", "412 if changed since this date."),
}

PATH_PARAMETERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "course_id": ("The Course Service's own identifier.", IDENTIFIER),
    "module_id": ("The Course Service's own identifier.", IDENTIFIER),
    "user_id": ("The Course Service's own identifier.", IDENTIFIER),
    "video_id": ("Made by this service.", UUID),
    "upload_id": ("Made by this service.", UUID),
    "webhook_id": ("Chosen by whoever made it.", IDENTIFIER),
    "session_id": (
        "As reports name it.",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    ),
    "size": ("The name of a configured size: `small`, `medium`, `large`.", TEXT),
    "language": (
        "A language tag (BCP 47, RFC 5646), in any case.",
        {"type": "string", "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "maxLength": 35},
    ),
    "sheet": ("As the cues of the storyboard name it.", TEXT),
    "asset": ("A name that the playback answer gave, never a path.", TEXT),
    "name": ("The name of one of the pages' files.", TEXT),
    "grant": (
        "A playback or events grant: stands in the path because a `<video>` element and"
        " `EventSource` send no Authorization header. Bound to one user and one video, or to one"
        " user's event stream; expires.",
        TEXT,
    ),
}

HEADERS: Mapping[str, str] = {
    "X-Request-ID": "Names this request in the log; an error's `instance`.",
    "Location": "The address of what was made, or of where the bytes stand.",
    "ETag": "Strong, from the content's hash.",
    "Last-Modified": "When the content was made.",
    "Accept-Ranges": "`bytes`.",
    "Content-Range": "Which bytes these are, or `bytes */N` when none were satisfiable.",
    "Content-Length": "Bytes of the body.",
    "Content-Disposition": "The file name to keep it under (RFC 6266).",
    "Cache-Control": "Who may keep it, and how long.",
    "Vary": "`Accept` where it chose.",
    "Retry-After": "Seconds until it is worth another try.",
    "WWW-Authenticate": "RFC 6750.",
    "Set-Cookie": "The session's cookie, or its end.",
    "Tus-Resumable": "The version of tus that is spoken.",
    "Tus-Version": "The versions of tus that can be spoken.",
    "Tus-Extension": "What is understood beside the core.",
    "Tus-Max-Size": "Bytes that a file may have.",
    "Tus-Checksum-Algorithm": "Digests that a body can be checked by.",
    "Upload-Offset": "Where the upload goes on.",
    "Upload-Length": "Bytes of the whole file.",
    "Upload-Metadata": "What was said of the upload when it was created.",
    "Upload-Expires": "When the upload goes, if no byte comes before.",
    "X-Video-ID": "The video that a complete upload has become.",
    "X-Accel-Buffering": "`no`: proxies must not hold events back.",
}

UPLOAD_FACTS = ("Tus-Resumable", "Upload-Offset", "Upload-Expires", "X-Video-ID")
PAGED = ("limit", "cursor")
CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since")
RANGES = ("Range", "If-Range", *CONDITIONS)
FILTERS = ("of_video", "of_course", "of_user", "types", "last_event_id", "Last-Event-ID")
VALIDATORS = ("ETag", "Last-Modified", "Cache-Control")

# Problems of endpoints that show something, that change something, that read a body.
SEEING = (InvalidRequest, NotEnrolled, NotFound)
ALLOWED = (*SEEING, NotAllowed)
BODY = (InvalidRequest, TooLarge, UnsupportedMediaType)
WATCHABLE = (NotReady, Failed)
CSV = "text/csv"
CUES = {"text/vtt": TEXT}
GONE = (Answer(204, "Gone."),)


def put_answers(kind: Any) -> tuple[Answer, ...]:
    return (Answer(200, "Changed, or as it was.", {JSON: kind}), Answer(201, "Made.", {JSON: kind}))
