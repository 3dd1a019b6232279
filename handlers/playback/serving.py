"""Representations found and sent: the last steps of every endpoint that serves files.

The endpoint has checked identity, limits and access before.
"""

import secrets
from typing import NamedTuple

from aiohttp import hdrs, web

from db.media import rungs
from db.media.assets import RepresentationRow, ThumbnailRow
from db.videos.video import Video
from events.upkeep.damage import PublishedFile
from handlers import keys
from handlers.access.grants import PlaybackGrant
from handlers.connection.shortcuts.range_shortcut import CachedDecision
from handlers.delivery import ranges
from handlers.delivery.errors import FileUnavailable
from handlers.delivery.handover import Handover, is_alike
from handlers.delivery.open_files import Representation
from handlers.errors import NotFound, PreconditionFailed, RangeNotSatisfiable
from handlers.playback.damage import noting_damage, noting_loss
from handlers.playback.ladders import PLAYLIST_TYPES, RUNG_TYPES, rung_type
from handlers.transfers.cmcd import texts_of
from handlers.transfers.transfers import Outcome, Transfer
from storage.media.facts import CUES_TYPE, PICTURE_TYPES
from storage.paths import asset_hash, is_servable

# Small files: no transfer of them counts as a stream.
BESIDE_VIDEO = PICTURE_TYPES | PLAYLIST_TYPES | {"vtt": CUES_TYPE}


async def serve(
    request: web.Request,
    facts: ranges.RepresentationFacts,
    transfer: Transfer,
    decision: CachedDecision,
) -> web.StreamResponse:
    """Plans and sends. Raises PreconditionFailed, RangeNotSatisfiable with the planned headers."""
    _measure(request, decision)
    boundary = secrets.token_hex(16)
    plan = ranges.plan(request.method, request.headers, facts, boundary=boundary)
    if plan.status == 412:
        raise PreconditionFailed(headers=dict(plan.headers))
    if plan.status == 416:
        raise RangeNotSatisfiable(headers=dict(plan.headers))
    published = PublishedFile(
        transfer.course_id, transfer.video_id, decision.representation.file_name
    )
    async with (
        noting_loss(request, published),
        request.app[keys.OPEN_FILES].open(decision.representation) as file,
    ):
        request[keys.NOTES].is_routine = True
        handover = request.app.get(keys.HANDOVER)
        if handover is not None and is_alike(request.method, request.headers, plan):
            return _handed_over(handover, plan, decision, transfer)
        return await request.app[keys.SENDER].send(request, plan, file, transfer, decision)


def _measure(request: web.Request, decision: CachedDecision) -> None:
    texts = texts_of(request.rel_url.raw_query_string, request.headers)
    if texts:
        user_agent = request.headers.get(hdrs.USER_AGENT)
        request.app[keys.MEDIA_MEASURER].note(decision.permit.claim.tally, user_agent, texts)


def _handed_over(
    handover: Handover, plan: ranges.TransferPlan, decision: CachedDecision, transfer: Transfer
) -> web.Response:
    """Leaves the bytes to nginx; no transfer runs here, and none is counted."""
    transfer.outcome = Outcome.COMPLETE
    path, viewer = decision.representation.path, decision.permit.claim.limited_viewer
    return web.Response(headers=handover.headers(plan, path, viewer))


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


async def find_granted(request: web.Request, grant: PlaybackGrant, asset: str) -> Representation:
    """Raises NotFound, FileUnavailable; DatabaseError where the row is needed."""
    if not is_servable(asset):
        raise NotFound
    published = PublishedFile(grant.course_id, grant.video_id, asset)
    facts = _granted_facts(grant, asset) or await _recorded(request, published)
    if facts is None:
        raise NotFound
    with noting_damage(request, published):
        representation = await request.app[keys.REPRESENTATIONS].find(
            *published, facts.media_type, facts.size_bytes
        )
        if representation is not None:
            return representation
        if await _recorded(request, published) is not None:
            raise FileUnavailable
    raise NotFound


async def find_named(request: web.Request, video: Video, asset: str) -> Representation:
    """Returns the representation of a name that the client sent. Raises as `find`."""
    if not is_servable(asset):
        raise NotFound
    facts = await _recorded(request, PublishedFile(video.course_id, video.id, asset))
    if facts is not None:
        return await find(request, video, asset, facts.media_type, facts.size_bytes)
    media_type = BESIDE_VIDEO.get(asset.rpartition(".")[2])
    if media_type is None:
        raise NotFound
    return await find(request, video, asset, media_type, is_recorded=False)


class AssetFacts(NamedTuple):
    """`size_bytes` is None for small files, whose content must match the hash in the name."""

    media_type: str
    size_bytes: int | None


def _granted_facts(grant: PlaybackGrant, asset: str) -> AssetFacts | None:
    """Facts that need no row; None for files that the grant does not know."""
    extension, digits = asset.rpartition(".")[2], asset_hash(asset)
    if extension in BESIDE_VIDEO:
        return AssetFacts(BESIDE_VIDEO[extension], None)
    if digits in grant.rungs and extension in RUNG_TYPES:
        size_bytes, codecs = grant.rungs[digits]
        return AssetFacts(rung_type(extension, codecs), size_bytes)
    if digits in grant.sizes_bytes and extension in grant.media_types:
        return AssetFacts(grant.media_types[extension], grant.sizes_bytes[digits])
    return None


async def _recorded(request: web.Request, published: PublishedFile) -> AssetFacts | None:
    """Facts of the file's row; None without one, and for storyboards and playlists."""
    video = await request.app[keys.CATALOG].get(published.video_id)
    if video is None:
        return None
    extension = published.name.rpartition(".")[2]
    found = _recorded_facts(video, published.name, extension)
    if found is None and extension in RUNG_TYPES:
        # A player goes on with the ladder that it began with, under a newer grant.
        size_bytes = await rungs.get_size(request.app[keys.DATABASE], video.id, published.name)
        return AssetFacts(RUNG_TYPES[extension], size_bytes) if size_bytes else None
    return found


def _recorded_facts(video: Video, name: str, extension: str) -> AssetFacts | None:
    rows: tuple[RepresentationRow | ThumbnailRow, ...] = (*video.representations, *video.thumbnails)
    for row in rows:
        if row.file_name == name:
            return AssetFacts(row.mime_type, row.size_bytes)
    for rung in video.rungs:
        file = rung.file
        if file is not None and file.name == name and extension in RUNG_TYPES:
            return AssetFacts(rung_type(extension, file.codecs), file.size_bytes)
    return None
