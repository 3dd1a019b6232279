"""Refusal to store bytes in a storage that does not belong to the database."""

from aiohttp import web

from events.upkeep.pairing import require_pair
from handlers import keys


async def require_own_storage(request: web.Request) -> None:
    """Raises: ForeignStorage, StorageGone, DatabaseError."""
    app = request.app
    await require_pair(app[keys.DATABASE], app[keys.STORAGE], app[keys.DISK])
