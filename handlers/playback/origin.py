"""The origin of edges: the bytes of a video's files for who keeps them for many viewers.

The edge checks each viewer, by a signature that it got with the address; here it shows its own
secret. The path, the plan and the way bytes leave are those of every other client.
"""

from aiohttp import web

from handlers.checks.authorisation import video_for_edge
from handlers.connection.shortcuts.range_shortcut import CachedDecision
from handlers.errors import NotAllowed, PreconditionFailed, RangeNotSatisfiable
from handlers.openapi.descriptions import RANGES, WATCHABLE, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.playback.byte_answers import ASSET_BYTES, bytes_answers
from handlers.playback.permits import permit_of_edge
from handlers.playback.serving import BESIDE_VIDEO, find_named, serve
from handlers.transfers.transfers import Purpose


@endpoint(
    "GET /media/{video_id}/{asset}",
    Operation(
        tag=Tag.PLAYING,
        summary="The same bytes for an edge, by its own secret",
        answers=bytes_answers(ASSET_BYTES, varies=False),
        parameters=("X-Origin-Secret", *RANGES),
        problems=(NotAllowed, *WATCHABLE, PreconditionFailed, RangeNotSatisfiable),
        has_head=True,
    ),
)
async def get_asset_for_edge(request: web.Request) -> web.StreamResponse:
    """Serves bytes to an edge. `asset` is a name from the playback response, never a path."""
    video = await video_for_edge(request)
    asset = request.match_info["asset"]
    is_beside = asset.rpartition(".")[2] in BESIDE_VIDEO
    purpose: Purpose = "thumbnail" if is_beside else "stream"
    permit = permit_of_edge(request, video, purpose)
    with permit.claim.open() as transfer:
        representation = await find_named(request, video, asset)
        facts = representation.facts(permit.cache_control())
        return await serve(request, facts, transfer, CachedDecision(representation, permit))
