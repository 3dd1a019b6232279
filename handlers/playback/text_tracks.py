"""Caption and chapter endpoints: accept WebVTT or SRT, return WebVTT.

The cues are stored normalised, not as they were sent. So a PUT returns no ETag (RFC 9110 section
9.3.4), and the same cues in another spelling change nothing.
"""

from hashlib import sha256
from uuid import UUID

from aiohttp import hdrs, web
from msgspec.structs import asdict

from db.media import ladders, text_tracks
from db.media.text_tracks import TextTrack, TrackName
from db.pool import Transaction
from db.videos.video import Video
from events.errors import VideoMissing
from events.http_dates import http_date
from events.ladder import queue
from events.log.snapshots import VideoSnapshot
from events.log.video_events import append_updated
from handlers import keys
from handlers.access.rules import Right
from handlers.checks.authorisation import allowed_video, granted, video_for_edge
from handlers.checks.request_limits import require_request, require_request_by_bearer
from handlers.delivery.conditional import ETag, Precondition, Validators, evaluate
from handlers.errors import (
    EmptyUpload,
    InvalidRequest,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    RateLimited,
    RequestError,
    UnsupportedMediaType,
)
from handlers.header_values import OCTET_STREAM, content_type
from handlers.messages import answer_json, read_body
from handlers.openapi.descriptions import (
    ALLOWED,
    BODY,
    BYTES,
    CONDITIONS,
    CUES,
    GONE,
    SEEING,
    VALIDATORS,
    WATCHABLE,
    Answer,
    Body,
    Operation,
    Tag,
    put_answers,
)
from handlers.openapi.endpoints import endpoint
from handlers.people import shown_video
from handlers.playback.permits import BY_BEARER
from storage.captions.language_tags import canonical_tag
from storage.captions.subtitles import CueWarning
from storage.media.facts import MAX_TRACK_BYTES, TrackKind
from storage.text_track import RewrittenTrack

MAX_TRACKS = 100  # of one video
WEBVTT = "text/vtt"
# The format is detected by content; tools that do not know it send the generic types.
MEDIA_TYPES = (WEBVTT, "application/x-subrip", "text/srt", "text/plain", OCTET_STREAM)
CHAPTERS = TrackName("chapters")
FOR_EDGE = (NotAllowed, *WATCHABLE)
BY_EDGE = "public, no-cache"


class CaptionedVideo(VideoSnapshot, frozen=True, kw_only=True):
    """The video, and what of the sent track was left out."""

    warnings: tuple[CueWarning, ...]


SUBTITLES = dict.fromkeys(MEDIA_TYPES, BYTES)  # in whatever encoding they are


def _put_track(summary: str) -> Operation:
    return Operation(
        tag=Tag.VIDEOS,
        summary=summary,
        answers=put_answers(CaptionedVideo),
        body=Body(SUBTITLES),
        parameters=("If-Match", "If-None-Match"),
        problems=(*ALLOWED, *BODY, EmptyUpload, PreconditionFailed),
    )


def _get_track(
    summary: str, problems: tuple[type[RequestError], ...], parameters: tuple[str, ...] = ()
) -> Operation:
    return Operation(
        tag=Tag.VIDEOS,
        summary=summary,
        answers=(
            Answer(200, "The cues.", CUES, VALIDATORS),
            Answer(304, "As the client has it.", headers=VALIDATORS),
        ),
        parameters=(*parameters, *CONDITIONS),
        problems=(*problems, InvalidRequest, PreconditionFailed, RateLimited),
        has_head=True,
    )


def _delete_track(summary: str) -> Operation:
    return Operation(
        tag=Tag.VIDEOS,
        summary=summary,
        answers=GONE,
        parameters=("If-Match",),
        problems=(*ALLOWED, PreconditionFailed),
    )


@endpoint(
    "PUT /api/v1/videos/{video_id}/captions/{language}",
    _put_track("Captions of a language, as WebVTT or SRT (instructor)"),
)
async def put_captions(request: web.Request) -> web.Response:
    video = await allowed_video(request, Right.EDIT)
    return await _put(request, video, _captions(request))


@endpoint(
    "GET /api/v1/videos/{video_id}/captions/{language}",
    _get_track("Captions as WebVTT, by bearer token", SEEING),
)
async def get_captions(request: web.Request) -> web.Response:
    require_request_by_bearer(request)
    video = await allowed_video(request, Right.WATCH)
    return await _get(request, video.id, _captions(request))


@endpoint(
    "GET /play/{grant}/{video_id}/captions/{language}",
    _get_track("The same by grant, for `<track>`", ()),
)
async def get_captions_by_grant(request: web.Request) -> web.Response:
    """Serves captions by grant, for `<track>`."""
    return await _get(request, _granted_video(request), _captions(request))


@endpoint(
    "GET /media/{video_id}/captions/{language}",
    _get_track("Captions for an edge, by its own secret", FOR_EDGE, ("X-Origin-Secret",)),
)
async def get_captions_for_edge(request: web.Request) -> web.Response:
    video = await video_for_edge(request)
    return await _get(request, video.id, _captions(request), BY_EDGE)


@endpoint(
    "DELETE /api/v1/videos/{video_id}/captions/{language}",
    _delete_track("Remove captions (instructor)"),
)
async def delete_captions(request: web.Request) -> web.Response:
    video = await allowed_video(request, Right.EDIT)
    return await _delete(request, video.id, _captions(request))


@endpoint(
    "PUT /api/v1/videos/{video_id}/chapters",
    _put_track("Chapters, each a cue with its title (instructor)"),
)
async def put_chapters(request: web.Request) -> web.Response:
    video = await allowed_video(request, Right.EDIT)
    return await _put(request, video, CHAPTERS)


@endpoint(
    "GET /api/v1/videos/{video_id}/chapters",
    _get_track("Chapters as WebVTT, by bearer token", SEEING),
)
async def get_chapters(request: web.Request) -> web.Response:
    require_request_by_bearer(request)
    video = await allowed_video(request, Right.WATCH)
    return await _get(request, video.id, CHAPTERS)


@endpoint(
    "GET /play/{grant}/{video_id}/chapters", _get_track("The same by grant, for `<track>`", ())
)
async def get_chapters_by_grant(request: web.Request) -> web.Response:
    return await _get(request, _granted_video(request), CHAPTERS)


@endpoint(
    "GET /media/{video_id}/chapters",
    _get_track("Chapters for an edge, by its own secret", FOR_EDGE, ("X-Origin-Secret",)),
)
async def get_chapters_for_edge(request: web.Request) -> web.Response:
    video = await video_for_edge(request)
    return await _get(request, video.id, CHAPTERS, BY_EDGE)


@endpoint(
    "DELETE /api/v1/videos/{video_id}/chapters", _delete_track("Remove chapters (instructor)")
)
async def delete_chapters(request: web.Request) -> web.Response:
    video = await allowed_video(request, Right.EDIT)
    return await _delete(request, video.id, CHAPTERS)


async def _put(request: web.Request, video: Video, name: TrackName) -> web.Response:
    track = await _read(request, name.kind)
    content = track.content
    digest = sha256(content.encode()).hexdigest()
    async with request.app[keys.DATABASE].transaction() as transaction:
        before = await _lock_track(request, transaction, video.id, name)
        if before is None:
            await _require_room(transaction, video.id)
        if before is None or before.sha256 != digest:
            await text_tracks.put(transaction, video.id, name, content, digest)
            await _enqueue_playlists(transaction, video.id, name)
            video = await append_updated(transaction, video.id, request[keys.VIEWER].user_id)
    request.app[keys.CATALOG].forget(video.id)
    answer = CaptionedVideo(**asdict(shown_video(request, video)), warnings=track.warnings)
    return answer_json(answer, status=201 if before is None else 200)


async def _get(
    request: web.Request, video_id: UUID, name: TrackName, cache_control: str = BY_BEARER
) -> web.Response:
    track = await text_tracks.get(request.app[keys.DATABASE], video_id, name)
    if track is None:
        raise _missing(name)
    validators = _validators(track)
    headers = {
        hdrs.ETAG: str(validators.etag),
        hdrs.LAST_MODIFIED: http_date(validators.last_modified_s),
        hdrs.CACHE_CONTROL: cache_control,  # never a time: the name stays when the text changes
    }
    match evaluate(request.method, request.headers, validators):
        case Precondition.FAILED:
            raise PreconditionFailed
        case Precondition.NOT_MODIFIED:
            return web.Response(status=304, headers=headers)
        case Precondition.PROCEED:
            headers[hdrs.CONTENT_TYPE] = f"{WEBVTT}; charset=utf-8"
            return web.Response(body=track.content.encode(), headers=headers)


async def _delete(request: web.Request, video_id: UUID, name: TrackName) -> web.Response:
    async with request.app[keys.DATABASE].transaction() as transaction:
        if await _lock_track(request, transaction, video_id, name) is None:
            raise _missing(name)
        await text_tracks.delete(transaction, video_id, name)
        await _enqueue_playlists(transaction, video_id, name)
        await append_updated(transaction, video_id, request[keys.VIEWER].user_id)
    request.app[keys.CATALOG].forget(video_id)
    return web.Response(status=204)


def _captions(request: web.Request) -> TrackName:
    """Raises InvalidRequest for an invalid language tag."""
    language = canonical_tag(request.match_info["language"])
    if language is None:
        raise InvalidRequest("language: a tag like `en`, `pt-BR` or `zh-Hans` (BCP 47).")
    return TrackName("captions", language)


def _granted_video(request: web.Request) -> UUID:
    grant = granted(request)
    require_request(request, grant.user_id, grant.roles)
    return grant.video_id


async def _read(request: web.Request, kind: TrackKind) -> RewrittenTrack:
    """Read the body's cues. Raises UnsupportedMediaType, EmptyUpload, TooLarge, and as
    `Sandbox.text_track`."""
    if content_type(request.headers) not in MEDIA_TYPES:
        raise UnsupportedMediaType("The body must be WebVTT or SRT.")
    body = await read_body(request, MAX_TRACK_BYTES)
    if not body:
        raise EmptyUpload
    sandbox = request.app[keys.TEXT_SANDBOX].for_owner(request[keys.VIEWER].user_id)
    return await sandbox.text_track(kind, body)


async def _lock_track(
    request: web.Request, transaction: Transaction, video_id: UUID, name: TrackName
) -> TextTrack | None:
    """Locks the video and returns the track, after the request's preconditions.

    Raises VideoMissing, PreconditionFailed.
    """
    if not await text_tracks.lock_video(transaction, video_id):
        raise VideoMissing
    track = await text_tracks.get(transaction, video_id, name)
    if track is None:
        is_refused = hdrs.IF_MATCH in request.headers
    else:
        found = evaluate(request.method, request.headers, _validators(track))
        is_refused = found is not Precondition.PROCEED
    if is_refused:
        raise PreconditionFailed
    return track


async def _enqueue_playlists(transaction: Transaction, video_id: UUID, name: TrackName) -> None:
    """Captions are renditions in the playlists of an adaptive ladder; chapters are not."""
    if name.kind == "captions" and await ladders.get(transaction, video_id) is not None:
        await queue.enqueue_playlists(transaction, video_id)


async def _require_room(transaction: Transaction, video_id: UUID) -> None:
    if await text_tracks.count(transaction, video_id) >= MAX_TRACKS:
        raise InvalidRequest(f"A video has at most {MAX_TRACKS} captions and chapters.")


def _validators(track: TextTrack) -> Validators:
    return Validators(ETag(track.sha256[:16]), int(track.updated_at.timestamp()))


def _missing(name: TrackName) -> NotFound:
    said = "in that language" if name.language else "of that video"
    return NotFound(f"There are no {name.kind} {said}.")
