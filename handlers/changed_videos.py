"""Cached rows of videos that a request has changed.

The event log invalidates them in every process, this one too, a moment later. The caller may ask
again before: what it reads here then is its own change.
"""

from uuid import UUID

from aiohttp import web

from handlers import keys


def forget_changed(request: web.Request, *video_ids: UUID) -> None:
    """Drops the cached rows; called after the commit, before the response."""
    request.app[keys.CATALOG].forget(*video_ids)
