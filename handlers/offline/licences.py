"""Endpoints of lessons that are kept offline: licences, and their renewal.

A licence is a signed document (JWS): it says which files a user may keep and until when, with the
hashes by which a player verifies them. The bytes come as those of playing do. A renewal asks
everything again, so withdrawal, deletion and the course's switch end a licence at the next contact.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web

from db import courses
from db.media import rungs, text_tracks
from db.media.text_tracks import TrackName
from db.processes import clock
from db.progress.report_batch import VideoKey
from db.videos.video import Video
from events.errors import DamagedFile
from events.offline.licences import Licence, LicensedFile, lifetime
from events.upkeep.damage import PublishedFile
from handlers import keys
from handlers.access.edge_addresses import MediaPlace
from handlers.access.grants import PlaybackGrant
from handlers.access.rules import Right
from handlers.checks.authorisation import allowed_video, require_ready
from handlers.checks.request_limits import require_request_by_bearer
from handlers.delivery.errors import FileUnavailable
from handlers.errors import (
    InvalidRequest,
    LicenceRefused,
    NotEnrolled,
    NotFound,
    NotReady,
    RateLimited,
)
from handlers.messages import (
    LicenceView,
    OfflineFile,
    OfflinePost,
    OfflineRenewal,
    answer_json,
    read_json,
    video_id_of,
)
from handlers.offline.kept_files import KeptFile, choose_media, choose_poster
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
from handlers.playback.damage import noting_damage
from handlers.playback.grants import grant_for
from storage.captions.language_tags import canonical_tag
from storage.hashes import PIECE_BYTES
from storage.media.facts import CUES_TYPE

KIND = "coursestream-licence+jwt"
# A licence holds a line for each 4 MiB: this is one of 30 GB.
MAX_RENEWAL_BYTES = 1 << 20


@endpoint(
    "POST /api/v1/videos/{video_id}/offline",
    Operation(
        tag=Tag.PLAYING,
        summary="A licence to keep a lesson offline, and its files",
        answers=(Answer(201, "They may be kept.", {JSON: LicenceView}),),
        body=Body({JSON: OfflinePost}),
        problems=(*SEEING, *BODY, *WATCHABLE, LicenceRefused, RateLimited),
    ),
)
async def post_offline(request: web.Request) -> web.Response:
    """Issues a licence with the addresses of its files."""
    require_request_by_bearer(request)
    viewer = request[keys.VIEWER]
    video = await allowed_video(request, Right.WATCH)
    body = await read_json(request, OfflinePost)
    await _require_offline(request, video)
    captions = list(dict.fromkeys(_known_captions(video, tag) for tag in body.captions))
    now = await clock.now(request.app[keys.DATABASE])
    session_id = request.app[keys.SESSION_NAMES].new(VideoKey(viewer.user_id, video.id), now)
    grant = await grant_for(request, viewer, video)
    return await _issue(request, video, grant, body.height, captions, session_id, now)


@endpoint(
    "POST /api/v1/videos/{video_id}/offline/renewal",
    Operation(
        tag=Tag.PLAYING,
        summary="A new licence for one that still holds, with the files as they are now",
        answers=(Answer(201, "They may be kept for longer.", {JSON: LicenceView}),),
        body=Body({JSON: OfflineRenewal}),
        problems=(*BODY, *WATCHABLE, LicenceRefused, NotFound, RateLimited),
    ),
)
async def post_renewal(request: web.Request) -> web.Response:
    """Renews a licence; whatever ended it gets the same answer."""
    require_request_by_bearer(request)
    body = await read_json(request, OfflineRenewal, MAX_RENEWAL_BYTES)
    old = request.app[keys.DOCUMENT_SIGNER].read(KIND, body.licence, Licence)
    video = await request.app[keys.CATALOG].get(video_id_of(request))
    if old is None or video is None:
        raise LicenceRefused
    try:
        grant = await grant_for(request, request[keys.VIEWER], video)
    except NotEnrolled as exc:
        raise LicenceRefused from exc
    now = await clock.now(request.app[keys.DATABASE])
    if not old.allows(grant.user_id, video.id, grant.version, now):
        raise LicenceRefused
    await _require_offline(request, video)
    captions = [tag for tag in old.captions if tag in video.caption_languages]
    return await _issue(request, video, grant, old.height, captions, old.session_id, now)


async def _require_offline(request: web.Request, video: Video) -> None:
    """Raises LicenceRefused, NotReady, Failed."""
    course = await courses.get_course(request.app[keys.DATABASE], video.course_id)
    if course is None or not course.offline:
        raise LicenceRefused("Lessons of this course may not be kept offline.")
    if request.app[keys.PLAYBACK_SETTINGS].offline_ttl_s == 0:
        raise LicenceRefused("Lessons may not be kept offline.")
    require_ready(video)
    if video.plays_from is not None:
        raise NotReady


def _known_captions(video: Video, tag: str) -> str:
    """Raises InvalidRequest, NotFound."""
    language = canonical_tag(tag)
    if language is None:
        raise InvalidRequest("captions: language tags are expected.")
    if language not in video.caption_languages:
        raise NotFound(f"There are no captions in {language}.")
    return language


async def _issue(
    request: web.Request,
    video: Video,
    grant: PlaybackGrant,
    height: int | None,
    captions: Sequence[str],
    session_id: str,
    now: datetime,
) -> web.Response:
    database, poster = request.app[keys.DATABASE], choose_poster(video.thumbnails)
    media = choose_media(video, await rungs.list_playlists(database, video.id), height)
    if not media:
        raise NotFound("This lesson has no sound of its own.")
    files = [
        *await _licensed(request, video, [*media, *([poster] if poster else [])]),
        *[await _licensed_captions(request, video, language) for language in captions],
    ]
    issued_at, expires_at = lifetime(now, request.app[keys.PLAYBACK_SETTINGS].offline_ttl_s)
    licence = Licence(
        sub=grant.user_id,
        video_id=video.id,
        course_id=video.course_id,
        version=grant.version,
        session_id=session_id,
        height=height,
        captions=captions,
        poster=poster.name if poster else None,
        files=files,
        iat=issued_at,
        exp=expires_at,
    )
    addresses = request.app[keys.MEDIA_ADDRESSES]
    place = addresses.at_edge(video.id, request.app[keys.GRANTS].mint(grant), grant.expires_at)
    signed = request.app[keys.DOCUMENT_SIGNER].sign(KIND, licence)
    response = answer_json(_view(licence, signed, place), status=201)
    addresses.set_cookies(response, place, request.host)
    return response


async def _licensed(
    request: web.Request, video: Video, kept: Sequence[KeptFile]
) -> list[LicensedFile]:
    """Raises FileUnavailable; NotReady while a large file is being hashed."""
    names = [one.name for one in kept]
    try:
        pieces = await request.app[keys.FILE_PIECES].get(video.course_id, video.id, names)
    except DamagedFile as exc:
        with noting_damage(request, PublishedFile(video.course_id, video.id, exc.file_name)):
            raise FileUnavailable(has_its_length=exc.is_there) from exc
    return [_licensed_file(one, pieces[one.name]) for one in kept]


def _licensed_file(file: KeptFile, pieces: Sequence[bytes]) -> LicensedFile:
    hashes = [one.hex() for one in pieces]
    return LicensedFile(name=file.name, size=file.size_bytes, type=file.media_type, pieces=hashes)


async def _licensed_captions(request: web.Request, video: Video, language: str) -> LicensedFile:
    """Raises NotFound for captions that were removed meanwhile."""
    name = TrackName("captions", language)
    track = await text_tracks.get(request.app[keys.DATABASE], video.id, name)
    if track is None:
        raise NotFound
    content = track.content.encode()
    kept = KeptFile(f"captions/{language}", len(content), CUES_TYPE)
    starts = range(0, len(content), PIECE_BYTES)
    pieces = [hashlib.sha256(content[start : start + PIECE_BYTES]).digest() for start in starts]
    return _licensed_file(kept, pieces)


def _view(licence: Licence, token: str, place: MediaPlace) -> LicenceView:
    return LicenceView(
        licence=token,
        expires_at=datetime.fromtimestamp(licence.exp, UTC),
        files=[
            OfflineFile(place.base + one.name, one.size, one.type, one.pieces)
            for one in licence.files
        ],
        renew_url=f"/api/v1/videos/{licence.video_id}/offline/renewal",
    )
