"""Playing: a grant is made, then bytes are served, by that grant or by bearer token.

Serving reads as the list of its steps: who, may they, which representation, which bytes of it
(RFC 9110 section 14), then the transfer. By grant no step asks the database.
"""

import secrets
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from aiohttp import hdrs, web

from db import enrollments, progress
from db.progress import ProgressState
from db.videos import RepresentationRow, ThumbnailRow, Video
from handlers import keys
from handlers.access.auth import Viewer
from handlers.access.grants import EventsGrant, PlaybackGrant
from handlers.access.rules import Right
from handlers.delivery import ranges
from handlers.delivery.conditional import field_value
from handlers.delivery.disposition import attachment
from handlers.delivery.negotiation import choose
from handlers.delivery.open_files import Representation
from handlers.delivery.transfers import BY_OWN_RIGHT, UNVERSIONED, Purpose, Transfer
from handlers.errors import (
    InvalidRequest,
    NotAcceptable,
    NotEnrolled,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
)
from handlers.messages import (
    EventsGrantPost,
    EventsGrantView,
    PlaybackPost,
    PlaybackView,
    Source,
    answer_json,
    read_optional_json,
    video_id_of,
)
from handlers.videos import allowed_video, require_ready
from storage.media import PICTURE_TYPES

BY_BEARER = "private, no-cache"
BY_ACCEPT: dict[str, str] = {hdrs.VARY: hdrs.ACCEPT}
FORMATS = {"mp4": "video/mp4", "webm": "video/webm"}  # in the order that wins a tie
PICTURES = PICTURE_TYPES
SMALLER_PICTURES = ("image/avif", "image/webp")  # for clients that name them


async def post_playback(request: web.Request) -> web.Response:
    """A playback grant and all that a player needs beside it."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    video = await allowed_video(request, Right.WATCH)
    body = await read_optional_json(request, PlaybackPost)
    require_ready(video)
    session_id = body.session_id or secrets.token_urlsafe(12)
    grant = await _grant_for(request, viewer, video)
    state = await progress.get(database, viewer.user_id, video.id)
    next_sequence = await progress.next_sequence(database, viewer.user_id, video.id, session_id)
    token = request.app[keys.GRANTS].mint(grant)
    report_interval_s = request.app[keys.PLAYBACK_SETTINGS].report_interval_s
    answer = _playback_view(
        video, state, token, grant, session_id, next_sequence, report_interval_s
    )
    return answer_json(answer, status=201)


async def post_events_grant(request: web.Request) -> web.Response:
    """A grant for the caller's own event stream."""
    viewer, grants = request[keys.VIEWER], request.app[keys.GRANTS]
    await read_optional_json(request, EventsGrantPost)
    grant = EventsGrant(
        user_id=viewer.user_id,
        roles=sorted(viewer.roles),
        expires_at=grants.expiry(privileged=viewer.is_privileged),
    )
    answer = EventsGrantView(f"/play/{grants.mint(grant)}/events", _time(grant.expires_at))
    return answer_json(answer, status=201)


async def get_stream(request: web.Request) -> web.StreamResponse:
    """The bytes by bearer token, in the format that `?format=` or `Accept` chooses."""
    return await _serve_video(request, "stream")


async def get_download(request: web.Request) -> web.StreamResponse:
    """As `get_stream`, to be saved under the name that the file came with."""
    return await _serve_video(request, "download")


async def get_thumbnail(request: web.Request) -> web.StreamResponse:
    """A picture by bearer token; `Accept` chooses among the types that exist."""
    video = await allowed_video(request, Right.WATCH)
    with _transfer_by_bearer(request, video, "thumbnail") as transfer:
        require_ready(video)
        row = _chosen_picture(request, video)
        representation = await _find(request, video, row.file_name, row.mime_type)
        facts = representation.facts(BY_BEARER, varies_by_accept=True)
        return await _serve(request, representation, facts, transfer)


async def get_asset(request: web.Request) -> web.StreamResponse:
    """The bytes by grant. `asset` is a name that `/playback` gave, never a path."""
    grant = grant_of(request)
    asset = request.match_info["asset"]
    extension = asset.rpartition(".")[2]
    media_type = grant.media_types.get(extension) or PICTURES.get(extension)
    if media_type is None:
        raise NotFound
    with _transfer_by_grant(request, grant, extension) as transfer:
        representation = await request.app[keys.REPRESENTATIONS].find(
            grant.course_id, grant.video_id, asset, media_type
        )
        if representation is None:
            raise NotFound
        left_s = max(0, int(grant.expires_at - datetime.now(UTC).timestamp()))
        facts = representation.facts(f"private, max-age={left_s}")
        return await _serve(request, representation, facts, transfer)


def grant_of(request: web.Request) -> PlaybackGrant:
    """The grant of the path, if it still holds and is for the video of the path.

    Raises InvalidToken, NotEnrolled, Unavailable.
    """
    grant = request.app[keys.GRANTS].playback(request.match_info["grant"])
    if grant.video_id != video_id_of(request):
        raise NotEnrolled("The grant is for another video.")
    request.app[keys.REVOCATIONS].require(grant)
    return grant


async def _serve_video(request: web.Request, purpose: Purpose) -> web.StreamResponse:
    video = await allowed_video(request, Right.WATCH)
    with _transfer_by_bearer(request, video, purpose) as transfer:
        require_ready(video)
        row = _chosen_format(request, video)
        representation = await _find(request, video, row.file_name, row.mime_type)
        named = _named(video, row) if purpose == "download" else ()
        facts = representation.facts(BY_BEARER, varies_by_accept=True, extra_headers=named)
        return await _serve(request, representation, facts, transfer)


def _named(video: Video, row: RepresentationRow) -> ranges.Headers:
    value = attachment(video.original_filename, video.title, row.format)
    return ((hdrs.CONTENT_DISPOSITION, value),)


def _transfer_by_bearer(
    request: web.Request, video: Video, purpose: Purpose
) -> AbstractContextManager[Transfer]:
    """Opened with no await after the check, so that a withdrawal finds whatever it must end."""
    viewer = request[keys.VIEWER]
    version = BY_OWN_RIGHT if viewer.is_privileged else UNVERSIONED
    return request.app[keys.TRANSFERS].open(
        viewer.user_id, video.course_id, video.id, purpose, version
    )


def _transfer_by_grant(
    request: web.Request, grant: PlaybackGrant, extension: str
) -> AbstractContextManager[Transfer]:
    """As by bearer token; the grant tells which enrolment version it stands on."""
    purpose: Purpose = "thumbnail" if extension in PICTURES else "stream"
    version = BY_OWN_RIGHT if grant.version is None else grant.version
    return request.app[keys.TRANSFERS].open(
        grant.user_id, grant.course_id, grant.video_id, purpose, version
    )


async def _serve(
    request: web.Request,
    representation: Representation,
    facts: ranges.RepresentationFacts,
    transfer: Transfer,
) -> web.StreamResponse:
    """Raises PreconditionFailed, RangeNotSatisfiable under the headers that were planned."""
    boundary = secrets.token_hex(16)
    plan = ranges.plan(request.method, request.headers, facts, boundary=boundary)
    if plan.status == 412:
        raise PreconditionFailed(headers=dict(plan.headers))
    if plan.status == 416:
        raise RangeNotSatisfiable(headers=dict(plan.headers))
    async with request.app[keys.OPEN_FILES].open(representation) as file:
        return await request.app[keys.SENDER].send(request, plan, file, transfer)


async def _find(
    request: web.Request, video: Video, file_name: str, media_type: str
) -> Representation:
    representation = await request.app[keys.REPRESENTATIONS].find(
        video.course_id, video.id, file_name, media_type
    )
    if representation is None:
        raise NotFound("The file is missing.")
    return representation


def _chosen_format(request: web.Request, video: Video) -> RepresentationRow:
    """Raises InvalidRequest for a format nobody knows, NotAcceptable for one that is not there."""
    existing = {row.format: row for row in video.representations}
    offers = [name for name in FORMATS if name in existing]
    wanted = request.query.get("format")
    if wanted is not None:
        if wanted not in FORMATS:
            raise InvalidRequest(f"format must be one of {', '.join(FORMATS)}.")
        offers = [name for name in offers if name == wanted]
        chosen = 0 if offers else None
    else:
        accept = field_value(request.headers, hdrs.ACCEPT)
        chosen = choose(accept, [FORMATS[name] for name in offers])
    if chosen is None:
        raise NotAcceptable(headers=BY_ACCEPT)
    return existing[offers[chosen]]


def _chosen_picture(request: web.Request, video: Video) -> ThumbnailRow:
    """Raises NotFound for a size that there is not, NotAcceptable."""
    size = request.match_info["size"]
    existing = {row.mime_type: row for row in video.thumbnails if row.size_name == size}
    offers = [kind for kind in PICTURES.values() if kind in existing]
    if not offers:
        raise NotFound("There is no thumbnail of that size.")
    accept = field_value(request.headers, hdrs.ACCEPT)
    chosen = choose(accept, offers, better_if_named=SMALLER_PICTURES)
    if chosen is None:
        raise NotAcceptable(headers=BY_ACCEPT)
    return existing[offers[chosen]]


async def _grant_for(request: web.Request, viewer: Viewer, video: Video) -> PlaybackGrant:
    """From the enrolment's row, never from a cache: a grant outlives both."""
    version = None
    if not viewer.is_privileged:
        enrollment = await enrollments.get(
            request.app[keys.DATABASE], video.course_id, viewer.user_id
        )
        if enrollment is None or enrollment.role is None:
            raise NotEnrolled
        version = enrollment.version
    return PlaybackGrant(
        user_id=viewer.user_id,
        video_id=video.id,
        course_id=video.course_id,
        version=version,
        duration_s=video.media.duration_s,
        media_types={row.format: row.mime_type for row in video.representations},
        roles=sorted(viewer.roles),
        expires_at=request.app[keys.GRANTS].expiry(privileged=viewer.is_privileged),
    )


def _playback_view(
    video: Video,
    state: ProgressState | None,
    token: str,
    grant: PlaybackGrant,
    session_id: str,
    next_sequence: int,
    report_interval_s: float,
) -> PlaybackView:
    base = f"/play/{token}/{video.id}/"
    sources = [Source(base + row.file_name, row.mime_type) for row in video.representations]
    is_completed = state is not None and state.completed
    return PlaybackView(
        grant=token,
        expires_at=_time(grant.expires_at),
        session_id=session_id,
        next_sequence=next_sequence,
        stream_url=sources[0].url,
        sources=sources,
        hls_url=None,
        thumbnails={
            row.size_name: base + row.file_name
            for row in video.thumbnails
            if row.mime_type == PICTURES["jpg"]
        },
        storyboard_url=None,
        events_url=f"/play/{token}/events",
        # A player's clock may have run past the end; nobody could resume there.
        resume_position=(
            0.0 if state is None or is_completed else min(state.position_s, video.media.duration_s)
        ),
        duration=video.media.duration_s,
        completed=is_completed,
        report_interval=report_interval_s,
    )


def _time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
