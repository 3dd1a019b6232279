"""Notes that a published file is not as recorded, where it was to be sent: it is then repaired."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from events.upkeep.damage import PublishedFile
from handlers import keys
from handlers.delivery.errors import FileUnavailable


@contextmanager
def noting_damage(request: web.Request, published: PublishedFile) -> Iterator[None]:
    """The disk is asked again at the next request: it may have been put right meanwhile."""
    try:
        yield
    except FileUnavailable as exc:
        request.app[keys.REPRESENTATIONS].forget(*published)
        request.app[keys.DAMAGED_FILES].note(published, has_its_length=exc.has_its_length)
        raise
