"""Representations found and sent: the last steps of every endpoint that serves files.

The endpoint has checked identity, limits and access before.
"""

import secrets

from aiohttp import web

from db.media.assets import RepresentationRow, ThumbnailRow
from db.videos import Video
from events.upkeep.damage import PublishedFile
from handlers import keys
from handlers.access.grants import PlaybackGrant
from handlers.connection.range_shortcut import CachedDecision
from handlers.delivery import ranges
from handlers.delivery.catalog import Catalog
from handlers.delivery.errors import FileUnavailable
from handlers.delivery.open_files import Representation
from handlers.delivery.transfers import Transfer
from handlers.errors import NotFound, PreconditionFailed, RangeNotSatisfiable
from handlers.playback.damage import noting_damage
from storage.media.facts import CUES_TYPE, PICTURE_TYPES
from storage.paths import asset_hash, is_servable

BESIDE_VIDEO = PICTURE_TYPES | {"vtt": CUES_TYPE}


async def serve(
    request: web.Request,
    facts: ranges.RepresentationFacts,
    transfer: Transfer,
    decision: CachedDecision,
) -> web.StreamResponse:
    """Plans and sends. Raises PreconditionFailed, RangeNotSatisfiable with the planned headers."""
    boundary = secrets.token_hex(16)
    plan = ranges.plan(request.method, request.headers, facts, boundary=boundary)
    if plan.status == 412:
        raise PreconditionFailed(headers=dict(plan.headers))
    if plan.status == 416:
        raise RangeNotSatisfiable(headers=dict(plan.headers))
    published = PublishedFile(
        transfer.course_id, transfer.video_id, decision.representation.file_name
    )
    with noting_damage(request, published):
        async with request.app[keys.OPEN_FILES].open(decision.representation) as file:
            request[keys.IS_ROUTINE] = True
            return await request.app[keys.SENDER].send(request, plan, file, transfer, decision)


async def find(
    request: web.Request,
    video: Video,
    file_name: str,
    media_type: str,
    size_bytes: int | None = None,
    *,
    is_recorded: bool = True,
) -> Representation:
    """Returns the representation of a row; not `is_recorded`: of a name that the client sent.

    Raises FileUnavailable, NotFound for a sent name that nothing has.
    """
    published = PublishedFile(video.course_id, video.id, file_name)
    with noting_damage(request, published):
        representation = await request.app[keys.REPRESENTATIONS].find(
            *published, media_type, size_bytes
        )
        if representation is None:
            raise FileUnavailable if is_recorded else NotFound
    return representation


async def find_granted(
    request: web.Request, grant: PlaybackGrant, asset: str, media_type: str
) -> Representation:
    """Raises NotFound, FileUnavailable; DatabaseError where the row is needed."""
    if not is_servable(asset):
        raise NotFound
    published = PublishedFile(grant.course_id, grant.video_id, asset)
    size_bytes = grant.sizes_bytes.get(asset_hash(asset))
    if size_bytes is None and media_type not in BESIDE_VIDEO.values():
        size_bytes = await _recorded_bytes(request.app[keys.CATALOG], published)
        if size_bytes is None:
            raise NotFound
    with noting_damage(request, published):
        representation = await request.app[keys.REPRESENTATIONS].find(
            *published, media_type, size_bytes
        )
        if representation is not None:
            return representation
        if await _recorded_bytes(request.app[keys.CATALOG], published) is not None:
            raise FileUnavailable
    raise NotFound


async def _recorded_bytes(catalog: Catalog, published: PublishedFile) -> int | None:
    """Returns the size in the file's row; None without one, and for storyboards."""
    video = await catalog.get(published.video_id)
    if video is None:
        return None
    rows: tuple[RepresentationRow | ThumbnailRow, ...] = (*video.representations, *video.thumbnails)
    return next((row.size_bytes for row in rows if row.file_name == published.name), None)
