"""People in requests and answers, as the caller names and sees them (`PSEUDONYMS`)."""

from aiohttp import web

from db.videos.video import Video
from events.log.snapshots import VideoSnapshot, snapshot
from events.privacy.naming import Naming
from events.privacy.people import NOBODY
from handlers import keys
from handlers.errors import NotFound
from handlers.messages import queried_identifier
from handlers.paging import Page, page_of


def naming_of(request: web.Request) -> Naming:
    """Returns the names of people as the caller sees them."""
    viewer = request[keys.VIEWER]
    return request.app[keys.PEOPLE].naming(viewer.user_id, sees_ids=viewer.is_privileged)


def shown_video(request: web.Request, video: Video) -> VideoSnapshot:
    return naming_of(request).video(snapshot(video))


def page_of_people(request: web.Request) -> Page:
    """Like `page_of`, for lists whose cursors hold user ids: sealed where those are not shown."""
    hides_ids = naming_of(request).pseudonyms is not None
    return page_of(request, request.app[keys.SEAL] if hides_ids else None)


async def named_user_id(request: web.Request, name: str) -> str:
    """Returns the id of the person whom the caller names so. Raises NotFound."""
    found = await request.app[keys.PEOPLE].find(naming_of(request), name)
    if found is None:
        raise NotFound("People have pseudonyms here: nobody in your courses has this one.")
    return found


async def queried_user_id(request: web.Request) -> str | None:
    """Returns the id meant by `?user_id=`: None without it, NOBODY if it names nobody.
    Raises InvalidRequest."""
    name = queried_identifier(request, "user_id")
    if name is None:
        return None
    return await request.app[keys.PEOPLE].find(naming_of(request), name) or NOBODY
