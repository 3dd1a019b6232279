"""Recording of damaged files found while serving them, so that they are repaired."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from events.upkeep.damage import PublishedFile
from handlers import keys
from handlers.delivery.errors import FileUnavailable


@contextmanager
def noting_damage(request: web.Request, published: PublishedFile) -> Iterator[None]:
    """Records FileUnavailable as damage; the next request checks the disk again."""
    try:
        yield
    except FileUnavailable as exc:
        request.app[keys.REPRESENTATIONS].forget(*published)
        request.app[keys.DAMAGED_FILES].note(published, has_its_length=exc.has_its_length)
        raise
