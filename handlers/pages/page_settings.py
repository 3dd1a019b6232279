"""Settings that the pages need before anybody has signed in; they are static files themselves."""

import msgspec
from aiohttp import hdrs, web

from handlers.messages import answer_json
from handlers.openapi.descriptions import JSON, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint


class PageSettings(msgspec.Struct, frozen=True):
    """`sign_in_url` is where people go whose token has run out; null without one."""

    sign_in_url: str | None = None


PAGE_SETTINGS = web.AppKey("page_settings", PageSettings)


@endpoint(
    "GET /page-settings.json",
    Operation(
        tag=Tag.PAGES,
        summary="Settings of the pages, the address for signing in among them",
        answers=(Answer(200, "The settings.", {JSON: PageSettings}, ("Cache-Control",)),),
    ),
)
async def get_page_settings(request: web.Request) -> web.Response:
    """Needs no token: a page without one asks for it."""
    return answer_json(request.app[PAGE_SETTINGS], headers={hdrs.CACHE_CONTROL: "no-cache"})
