"""Recording of damaged files found while serving them, so that they are repaired."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from db.upkeep import file_rows
from events.upkeep.damage import PublishedFile
from handlers import keys
from handlers.delivery.errors import FileUnavailable
from handlers.errors import NotFound


@contextmanager
def noting_damage(request: web.Request, published: PublishedFile) -> Iterator[None]:
    """Records FileUnavailable as damage; the next request checks the disk again."""
    try:
        yield
    except FileUnavailable as exc:
        request.app[keys.REPRESENTATIONS].forget(*published)
        request.app[keys.DAMAGED_FILES].note(published, has_its_length=exc.has_its_length)
        raise


@asynccontextmanager
async def noting_loss(request: web.Request, published: PublishedFile) -> AsyncIterator[None]:
    """Like `noting_damage`, of a file that was known. Raises NotFound where no row names it any
    more: another film, picture or ladder has taken its place."""
    try:
        with noting_damage(request, published):
            yield
    except FileUnavailable as exc:
        database, damaged = request.app[keys.DATABASE], request.app[keys.DAMAGED_FILES]
        rows = await file_rows.read_videos(database, [published.video_id])
        if any(published.name in video.current_names for video in rows.values()):
            raise
        damaged.forget(published)
        raise NotFound from exc
