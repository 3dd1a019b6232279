"""Playback endpoints: the bytes of videos and pictures, by grant or by bearer token.

The steps: identity, rate limit, access, representation, ranges (RFC 9110 section 14), transfer. By
grant no step queries the database.
"""

from collections.abc import Callable

from aiohttp import hdrs, web

from db.media.assets import RepresentationRow, ThumbnailRow
from db.videos.video import Video
from handlers.access.rules import Right
from handlers.checks.authorisation import allowed_video, granted, require_ready
from handlers.checks.request_limits import require_request, require_request_by_bearer
from handlers.connection.shortcuts.range_shortcut import CachedDecision
from handlers.delivery import ranges
from handlers.delivery.disposition import attachment
from handlers.delivery.negotiation import choose
from handlers.errors import (
    InvalidRequest,
    NotAcceptable,
    NotFound,
)
from handlers.header_values import field_value
from handlers.openapi.descriptions import (
    BYTES,
    CUES,
    RANGES,
    SEEING,
    WATCHABLE,
    Answer,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.playback.byte_answers import (
    ASSET_BYTES,
    PICTURE_BYTES,
    SERVED,
    VIDEO_BYTES,
    bytes_answers,
)
from handlers.playback.ladders import RUNG_TYPES
from handlers.playback.permits import permit_of_bearer, permit_of_grant
from handlers.playback.redirects import IN_S3, redirect_by_bearer, redirect_by_grant
from handlers.playback.serving import BESIDE_VIDEO, find, find_granted, serve
from handlers.transfers.transfers import Purpose
from storage.media.facts import CUES_TYPE, PICTURE_TYPES

BY_ACCEPT: dict[str, str] = {hdrs.VARY: hdrs.ACCEPT}
FORMATS = {"mp4": "video/mp4", "webm": "video/webm"}  # in the order that wins a tie
PLAYABLE = FORMATS | RUNG_TYPES
PICTURES = PICTURE_TYPES
SMALLER_PICTURES = ("image/avif", "image/webp")  # for clients that name them


STILL_IN_S3 = Answer(
    307,
    "The bytes still stand in S3: `Location` opens them there, Range included, until the grant"
    " ends at the latest (by bearer token for 15 minutes).",
    headers=("Location", "Cache-Control"),
)


@endpoint(
    "GET /api/v1/videos/{video_id}/stream",
    Operation(
        tag=Tag.PLAYING,
        summary="The video's bytes, by bearer token",
        answers=(*bytes_answers(VIDEO_BYTES, varies=True), STILL_IN_S3),
        parameters=("format", "Accept", *RANGES),
        problems=(*SEEING, *WATCHABLE, NotAcceptable, *SERVED),
        has_head=True,
    ),
)
async def get_stream(request: web.Request) -> web.StreamResponse:
    """Serves the video by bearer token, in the format chosen by `?format=` or `Accept`."""
    return await _serve_video(request, "stream")


@endpoint(
    "GET /api/v1/videos/{video_id}/download",
    Operation(
        tag=Tag.PLAYING,
        summary="The same bytes, to be saved under the name that the file came with",
        answers=(*bytes_answers(VIDEO_BYTES, varies=True), STILL_IN_S3),
        parameters=("format", "Accept", *RANGES),
        problems=(*SEEING, *WATCHABLE, NotAcceptable, *SERVED),
        has_head=True,
    ),
)
async def get_download(request: web.Request) -> web.StreamResponse:
    """Like `get_stream`, as an attachment with the original file name."""
    return await _serve_video(request, "download")


@endpoint(
    "GET /api/v1/videos/{video_id}/thumbnails/{size}",
    Operation(
        tag=Tag.PLAYING,
        summary="A picture of the video, by bearer token",
        answers=bytes_answers(PICTURE_BYTES, varies=True),
        parameters=("Accept", *RANGES),
        problems=(*SEEING, *WATCHABLE, NotAcceptable, *SERVED),
        has_head=True,
    ),
)
async def get_thumbnail(request: web.Request) -> web.StreamResponse:
    """Serves a picture by bearer token; `Accept` chooses among its types."""
    require_request_by_bearer(request)
    video = await allowed_video(request, Right.WATCH)
    permit = permit_of_bearer(request, video, "thumbnail")
    with permit.claim.open() as transfer:
        require_ready(video)
        row = _chosen_picture(request, video)
        representation = await find(request, video, row.file_name, row.mime_type, row.size_bytes)
        facts = representation.facts(permit.cache_control(), varies_by_accept=True)
        return await serve(request, facts, transfer, CachedDecision(representation, permit))


@endpoint(
    "GET /api/v1/videos/{video_id}/storyboard.vtt",
    Operation(
        tag=Tag.PLAYING,
        summary="The storyboard: WebVTT whose cues point into sheets beside this address",
        answers=bytes_answers(CUES, varies=False),
        parameters=RANGES,
        problems=(*SEEING, *WATCHABLE, *SERVED),
        has_head=True,
    ),
)
async def get_storyboard(request: web.Request) -> web.StreamResponse:
    """Serves the storyboard's cues by bearer token; they name sheets relative to this URL."""
    return await _serve_storyboard(request, lambda video: video.storyboard_file_name, CUES_TYPE)


@endpoint(
    "GET /api/v1/videos/{video_id}/storyboard-{sheet}.jpg",
    Operation(
        tag=Tag.PLAYING,
        summary="A sheet of the storyboard, as its cues name it",
        answers=bytes_answers({"image/jpeg": BYTES}, varies=False),
        parameters=RANGES,
        problems=(*SEEING, *WATCHABLE, *SERVED),
        has_head=True,
    ),
)
async def get_storyboard_sheet(request: web.Request) -> web.StreamResponse:
    """Serves a sheet of the storyboard, by its name in the cues."""
    sheet = f"storyboard-{request.match_info['sheet']}.jpg"
    return await _serve_storyboard(request, lambda _: sheet, PICTURES["jpg"], is_recorded=False)


@endpoint(
    "GET /play/{grant}/{video_id}/{asset}",
    Operation(
        tag=Tag.PLAYING,
        summary="The bytes of a video, its pictures, storyboard and adaptive ladder, by grant",
        answers=(*bytes_answers(ASSET_BYTES, varies=False), STILL_IN_S3),
        parameters=RANGES,
        problems=SERVED,
        has_head=True,
    ),
)
async def get_asset(request: web.Request) -> web.StreamResponse:
    """Serves bytes by grant. `asset` is a name from the playback response, never a path."""
    grant = granted(request)
    require_request(request, grant.user_id, grant.roles)
    asset = request.match_info["asset"]
    if asset == IN_S3:
        return await redirect_by_grant(request, grant)
    extension = asset.rpartition(".")[2]
    if extension not in BESIDE_VIDEO and extension not in PLAYABLE:
        raise NotFound
    purpose: Purpose = "thumbnail" if extension in BESIDE_VIDEO else "stream"
    permit = permit_of_grant(request, grant, purpose)
    with permit.claim.open() as transfer:
        representation = await find_granted(request, grant, asset)
        facts = representation.facts(permit.cache_control())
        return await serve(request, facts, transfer, CachedDecision(representation, permit))


async def _serve_storyboard(
    request: web.Request,
    name_of: Callable[[Video], str | None],
    media_type: str,
    *,
    is_recorded: bool = True,
) -> web.StreamResponse:
    require_request_by_bearer(request)
    video = await allowed_video(request, Right.WATCH)
    permit = permit_of_bearer(request, video, "thumbnail")
    with permit.claim.open() as transfer:
        require_ready(video)
        name = name_of(video)
        if name is None:
            raise NotFound("There is no storyboard.")
        representation = await find(request, video, name, media_type, is_recorded=is_recorded)
        facts = representation.facts(permit.cache_control())
        return await serve(request, facts, transfer, CachedDecision(representation, permit))


async def _serve_video(request: web.Request, purpose: Purpose) -> web.StreamResponse:
    require_request_by_bearer(request)
    video = await allowed_video(request, Right.WATCH)
    if video.plays_from:
        return await redirect_by_bearer(request, video, video.plays_from, purpose)
    permit = permit_of_bearer(request, video, purpose)
    with permit.claim.open() as transfer:
        require_ready(video)
        row = _chosen_format(request, video)
        representation = await find(request, video, row.file_name, row.mime_type, row.size_bytes)
        named = _named(video, row) if purpose == "download" else ()
        facts = representation.facts(
            permit.cache_control(), varies_by_accept=True, extra_headers=named
        )
        return await serve(request, facts, transfer, CachedDecision(representation, permit))


def _named(video: Video, row: RepresentationRow) -> ranges.Headers:
    value = attachment(video.original_filename, video.title, row.format)
    return ((hdrs.CONTENT_DISPOSITION, value),)


def _chosen_format(request: web.Request, video: Video) -> RepresentationRow:
    """Raises InvalidRequest for an unknown format, NotAcceptable for a missing one."""
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
    """Raises NotFound for an unknown size, NotAcceptable."""
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
