"""Order endpoints: the modules of a course, the videos of a module, in one call each."""

from typing import Annotated
from uuid import UUID

from aiohttp import web
from msgspec import Meta, Struct

from events.courses.order import order_modules, order_videos
from handlers import keys
from handlers.access.rules import Right
from handlers.checks.authorisation import allowed_course, allowed_module
from handlers.errors import OrderRefused
from handlers.messages import Identifier, Request, answer_json, read_json
from handlers.openapi.descriptions import ALLOWED, BODY, JSON, Answer, Body, Operation, Tag
from handlers.openapi.endpoints import endpoint

MOST_THINGS = 10_000
MOST_BYTES = 1024 * 1024  # as many ids, with room for spaces


class ModulesOrder(Request, frozen=True):
    """All modules of the course, each once."""

    modules: Annotated[list[Identifier], Meta(max_length=MOST_THINGS)]


class VideosOrder(Request, frozen=True):
    """All videos of the module, each once; those that are not ready, too."""

    videos: Annotated[list[UUID], Meta(max_length=MOST_THINGS)]


class PlacedModule(Struct, frozen=True):
    id: str
    position: int | None


class PlacedVideo(Struct, frozen=True):
    """`position` null is after the videos that have one, oldest first."""

    id: UUID
    position: int | None


class ModulesInOrder(Struct, frozen=True):
    modules: list[PlacedModule]


class VideosInOrder(Struct, frozen=True):
    videos: list[PlacedVideo]


@endpoint(
    "PUT /api/v1/courses/{course_id}/order",
    Operation(
        tag=Tag.COURSES,
        summary="Put the modules of a course into an order (instructor)",
        answers=(Answer(200, "All modules, in the order asked for.", {JSON: ModulesInOrder}),),
        body=Body({JSON: ModulesOrder}),
        problems=(*ALLOWED, *BODY, OrderRefused),
    ),
)
async def put_order_of_modules(request: web.Request) -> web.Response:
    """Moves all modules of a course at once, or none."""
    course = await allowed_course(request, Right.EDIT)
    body = await read_json(request, ModulesOrder, MOST_BYTES)
    placed = await order_modules(request.app[keys.DATABASE], course.id, body.modules)
    return answer_json(ModulesInOrder([PlacedModule(*pair) for pair in placed.items()]))


@endpoint(
    "PUT /api/v1/modules/{module_id}/order",
    Operation(
        tag=Tag.VIDEOS,
        summary="Put the videos of a module into an order (instructor)",
        answers=(Answer(200, "All videos, in the order asked for.", {JSON: VideosInOrder}),),
        body=Body({JSON: VideosOrder}),
        problems=(*ALLOWED, *BODY, OrderRefused),
    ),
)
async def put_order_of_videos(request: web.Request) -> web.Response:
    """Moves all videos of a module at once, or none; publishes those whose position changed."""
    module = await allowed_module(request, Right.EDIT)
    body = await read_json(request, VideosOrder, MOST_BYTES)
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    placed = await order_videos(database, module.id, body.videos, viewer.user_id)
    request.app[keys.CATALOG].forget(*placed)
    return answer_json(VideosInOrder([PlacedVideo(*pair) for pair in placed.items()]))
