"""Endpoints that issue grants, for a video or for the caller's event stream."""

from datetime import UTC, datetime

from aiohttp import web

from db import enrollments
from db.playing_terms import PlayingTerms
from db.progress import session_names
from db.progress.report_batch import SessionKey, VideoKey
from db.videos.video import Video
from events.log.snapshots import captions, chapters_url
from handlers import keys
from handlers.access.auth import Viewer
from handlers.access.edge_addresses import MediaAddresses, MediaPlace
from handlers.access.grants import EventsGrant, Grants, PlaybackGrant
from handlers.checks.authorisation import playable_video, require_ready
from handlers.checks.request_limits import require_request_by_bearer
from handlers.errors import NotEnrolled, RateLimited
from handlers.messages import (
    EventsGrantPost,
    EventsGrantView,
    PlaybackPost,
    PlaybackView,
    Source,
    answer_json,
    read_optional_json,
)
from handlers.openapi.descriptions import (
    BODY,
    JSON,
    SEEING,
    WATCHABLE,
    Answer,
    Body,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.playback.ladders import granted_rungs, lesson_sizes
from handlers.playback.redirects import IN_S3, type_of
from storage.media.facts import PICTURE_TYPES
from storage.paths import asset_hash

TOLERANCE_S = 1.0  # as of reports


@endpoint(
    "POST /api/v1/videos/{video_id}/playback",
    Operation(
        tag=Tag.PLAYING,
        summary="A playback grant, and all that a player needs beside it",
        answers=(Answer(201, "Playing may begin.", {JSON: PlaybackView}),),
        body=Body({JSON: PlaybackPost}, is_required=False),
        problems=(*SEEING, *BODY, *WATCHABLE, RateLimited),
    ),
)
async def post_playback(request: web.Request) -> web.Response:
    """Issues a playback grant with everything else that a player needs."""
    request[keys.NOTES].is_routine = True
    require_request_by_bearer(request)
    app, viewer = request.app, request[keys.VIEWER]
    video, terms = await playable_video(request)
    body = await read_optional_json(request, PlaybackPost)
    await _require_playable(app, video)
    if (plays := app.get(keys.PLAYS)) is not None:
        plays.note(video.id)
    version = None if viewer.is_privileged else terms.enrollment_version
    user_and_video = VideoKey(viewer.user_id, video.id)
    session_id, next_sequence = await _named_session(
        app, user_and_video, body.session_id, terms.read_at
    )
    grants, addresses = app[keys.GRANTS], app[keys.MEDIA_ADDRESSES]
    grant = _grant(grants, viewer, video, version, session_id)
    token = grants.mint(grant)
    place = _place_of_media(addresses, video, token, grant)
    report_interval_s = app[keys.PLAYBACK_SETTINGS].report_interval_s
    answer = _playback_view(
        video, terms, token, grant, place, session_id, next_sequence, report_interval_s
    )
    response = answer_json(answer, status=201)
    addresses.set_cookies(response, place, request.host)
    return response


@endpoint(
    "POST /api/v1/events/grant",
    Operation(
        tag=Tag.EVENTS,
        summary="A grant for the caller's own event stream",
        answers=(Answer(201, "Where to listen.", {JSON: EventsGrantView}),),
        body=Body({JSON: EventsGrantPost}, is_required=False),
        problems=(*BODY, RateLimited),
    ),
)
async def post_events_grant(request: web.Request) -> web.Response:
    """Issues a grant for the caller's own event stream."""
    require_request_by_bearer(request)
    viewer, grants = request[keys.VIEWER], request.app[keys.GRANTS]
    await read_optional_json(request, EventsGrantPost)
    grant = EventsGrant(
        user_id=viewer.user_id,
        roles=sorted(viewer.roles),
        expires_at=grants.expiry(privileged=viewer.is_privileged),
    )
    answer = EventsGrantView(f"/play/{grants.mint(grant)}/events", _time(grant.expires_at))
    return answer_json(answer, status=201)


async def _require_playable(app: web.Application, video: Video) -> None:
    """Checks that the video plays here or from S3: a player could not interpret S3's errors.

    Raises NotReady, Failed, S3SourceGone, S3SourceUnavailable.
    """
    if video.plays_from is None:
        require_ready(video)
    else:
        await app[keys.S3_SOURCES].require_there(video.plays_from)


async def grant_for(request: web.Request, viewer: Viewer, video: Video) -> PlaybackGrant:
    """Builds a grant from the enrolment's row, never from a cache, which would outlive it."""
    version = None
    if not viewer.is_privileged:
        enrollment = await enrollments.get(
            request.app[keys.DATABASE], video.course_id, viewer.user_id
        )
        if enrollment is None or enrollment.role is None:
            raise NotEnrolled
        version = enrollment.version
    return _grant(request.app[keys.GRANTS], viewer, video, version)


def _grant(
    grants: Grants,
    viewer: Viewer,
    video: Video,
    version: int | None,
    session_id: str = "",
) -> PlaybackGrant:
    return PlaybackGrant(
        user_id=viewer.user_id,
        video_id=video.id,
        course_id=video.course_id,
        version=version,
        duration_s=video.duration_s,
        media_types={row.format: row.mime_type for row in video.representations},
        sizes_bytes={asset_hash(row.file_name): row.size_bytes for row in video.representations},
        rungs=granted_rungs(video),
        session_id=session_id,
        roles=sorted(viewer.roles),
        expires_at=grants.expiry(privileged=viewer.is_privileged),
    )


def _place_of_media(
    addresses: MediaAddresses, video: Video, token: str, grant: PlaybackGrant
) -> MediaPlace:
    """Returns the edge's, but for a video in S3: it is a redirect that no edge could keep."""
    place_of = addresses.at_origin if video.plays_from else addresses.at_edge
    return place_of(video.id, token, grant.expires_at)


async def _named_session(
    app: web.Application, video: VideoKey, wanted_id: str | None, now: datetime
) -> tuple[str, int]:
    """Returns a session's id and its next sequence; from now on it has a start.

    Ids made here hold it. One that a client made up, and never reported by, gets a row.
    """
    database, names = app[keys.DATABASE], app[keys.SESSION_NAMES]
    if wanted_id is None:
        return names.new(video, now), 0
    key = SessionKey(video.user_id, video.video_id, wanted_id)
    known = await session_names.read(database, key)
    if not known.is_known and names.named_at(key) is None:
        await session_names.add(database, key)
    return wanted_id, known.next_sequence


def _playback_view(
    video: Video,
    terms: PlayingTerms,
    token: str,
    grant: PlaybackGrant,
    place: MediaPlace,
    session_id: str,
    next_sequence: int,
    report_interval_s: float,
) -> PlaybackView:
    base = place.base
    sources = _sources(video, base)
    return PlaybackView(
        grant=token,
        expires_at=_time(grant.expires_at),
        media_expires_at=_time(place.expires_at),
        session_id=session_id,
        next_sequence=next_sequence,
        stream_url=sources[0].url,
        sources=sources,
        hls_url=video.hls_file_name and base + video.hls_file_name,
        dash_url=video.dash_file_name and base + video.dash_file_name,
        sizes=lesson_sizes(video),
        thumbnails={
            row.size_name: base + row.file_name
            for row in video.thumbnails
            if row.mime_type == PICTURE_TYPES["jpg"]
        },
        captions=captions(video, base),
        chapters_url=chapters_url(video, base),
        storyboard_url=video.storyboard_file_name and base + video.storyboard_file_name,
        events_url=f"/play/{token}/events",
        resume_position=_place(terms, video),
        duration=video.duration_s,
        completed=terms.is_completed,
        report_interval=report_interval_s,
    )


def _sources(video: Video, base: str) -> list[Source]:
    if video.plays_from:
        return [Source(base + IN_S3, type_of(video.plays_from))]
    return [Source(base + row.file_name, row.mime_type) for row in video.representations]


def _place(terms: PlayingTerms, video: Video) -> float:
    """Limits the position to the duration, which a player's clock may exceed. One of a longer film,
    before a replacement, is not of this one: it begins anew, as after completion."""
    position_s, duration_s = terms.position_s, video.duration_s
    if position_s is None or terms.is_completed:
        return 0.0
    if duration_s is None:
        return position_s
    return min(position_s, duration_s) if position_s <= duration_s + TOLERANCE_S else 0.0


def _time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
