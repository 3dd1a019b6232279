"""A video that still plays from S3: a grant's or a bearer's request is sent there, signed here.

The status is 307, which keeps the method for certain (RFC 9110 section 15.4.8), as 302 does not:
an address is signed for GET or for HEAD. Range comes along: browsers and most clients send the same
header to the new address. Nobody may keep the answer, whose address ends with the grant at the
latest.
"""

import time
from collections.abc import Mapping

from aiohttp import hdrs, web

from db.videos import S3Source, Video
from handlers import keys
from handlers.access.grants import PlaybackGrant
from handlers.delivery.disposition import attachment
from handlers.delivery.transfers import Purpose
from handlers.errors import NotFound

IN_S3 = "in-s3"  # the asset's name
BEARER_LIFE_S = 15 * 60.0  # as a privileged grant's
_TYPES: Mapping[str, str] = {"webm": "video/webm"}
_LIKELIEST = "mp4"


async def redirect_by_grant(request: web.Request, grant: PlaybackGrant) -> web.Response:
    """Also after the video is ready here: who began to play there goes on with the same bytes."""
    video = await request.app[keys.CATALOG].get(grant.video_id)
    if video is None or video.s3_source is None:
        raise NotFound
    return await _redirect(request, video.s3_source, grant.expires_at - time.time())


async def redirect_by_bearer(
    request: web.Request, video: Video, place: S3Source, purpose: Purpose
) -> web.Response:
    """In the one format that there is, whatever the request would rather have."""
    named = None
    if purpose == "download":
        named = attachment(video.original_filename, video.title, _extension(place))
    return await _redirect(request, place, BEARER_LIFE_S, named)


def type_of(place: S3Source) -> str:
    """By the name of the object: nobody has seen into it."""
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
    request[keys.IS_ROUTINE] = True
    headers = {hdrs.LOCATION: address, hdrs.CACHE_CONTROL: "private, no-store"}
    return web.Response(status=307, headers=headers)
