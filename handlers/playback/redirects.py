"""Redirects to presigned S3 URLs for videos that still play from S3.

The status is 307, which preserves the method (RFC 9110 section 15.4.8), unlike 302: a URL is signed
for GET or for HEAD. Browsers and most clients repeat the Range header at the new URL. The response
must not be stored: its URL expires with the grant at the latest.
"""

import time
from collections.abc import Mapping

from aiohttp import hdrs, web

from db.videos.video import S3Source, Video
from handlers import keys
from handlers.access.grants import PlaybackGrant
from handlers.delivery.disposition import attachment
from handlers.errors import NotFound
from handlers.transfers.transfers import Purpose

IN_S3 = "in-s3"  # the asset's name
BEARER_LIFE_S = 15 * 60.0  # like a privileged grant
_TYPES: Mapping[str, str] = {"webm": "video/webm"}
_LIKELIEST = "mp4"


async def redirect_by_grant(request: web.Request, grant: PlaybackGrant) -> web.Response:
    """Redirects even after the video is ready here: a running player needs the same bytes."""
    video = await request.app[keys.CATALOG].get(grant.video_id)
    if video is None or video.s3_source is None:
        raise NotFound
    return await _redirect(request, video.s3_source, grant.expires_at - time.time())


async def redirect_by_bearer(
    request: web.Request, video: Video, place: S3Source, purpose: Purpose
) -> web.Response:
    """Redirects to the only format, regardless of Accept."""
    named = None
    if purpose == "download":
        named = attachment(video.original_filename, video.title, _extension(place))
    return await _redirect(request, place, BEARER_LIFE_S, named)


def type_of(place: S3Source) -> str:
    """Returns the media type by the object's name: its content is unknown."""
    return _TYPES.get(_extension(place), "video/mp4")


def _extension(place: S3Source) -> str:
    extension = place.key.rpartition(".")[2].lower()
    return extension if extension in _TYPES else _LIKELIEST


async def _redirect(
    request: web.Request, place: S3Source, life_s: float, disposition: str | None = None
) -> web.Response:
    address = await request.app[keys.S3_SOURCES].address(
        place, life_s, method=request.method, disposition=disposition
    )
    request[keys.NOTES].is_routine = True
    headers = {hdrs.LOCATION: address, hdrs.CACHE_CONTROL: "private, no-store"}
    return web.Response(status=307, headers=headers)
