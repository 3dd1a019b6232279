"""Course and module endpoints."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from db import courses
from db.courses import Course, EnrolledCourse, Module, PutOutcome
from db.progress import progress
from db.progress.progress import ProgressState
from events.log.snapshots import VideoSnapshot
from handlers import keys
from handlers.access.rules import Right, refuse_missing
from handlers.checks.authorisation import allowed_course, allowed_module, allowed_outline
from handlers.errors import InvalidRequest, ModuleElsewhere, NotAllowed, NotEnrolled
from handlers.messages import (
    CourseModule,
    CoursePut,
    CourseSummary,
    CourseView,
    Listing,
    ModulePut,
    ModuleView,
    ProgressView,
    WatchedVideo,
    answer_json,
    identifier,
    read_json,
)
from handlers.openapi.descriptions import (
    ALLOWED,
    BODY,
    GONE,
    JSON,
    PAGED,
    SEEING,
    Answer,
    Body,
    Operation,
    Tag,
    put_answers,
)
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING, page_of
from handlers.people import shown_video


@endpoint(
    "PUT /api/v1/courses/{course_id}",
    Operation(
        tag=Tag.COURSES,
        summary="Create or change a course (admin, service)",
        answers=put_answers(CourseSummary),
        body=Body({JSON: CoursePut}),
        problems=(*BODY, NotEnrolled, NotAllowed),
    ),
)
async def put_course(request: web.Request) -> web.Response:
    """Creates a course, or changes its title or switch."""
    viewer = request[keys.VIEWER]
    course_id = identifier(request, "course_id")
    access, database = request.app[keys.ACCESS], request.app[keys.DATABASE]
    if not viewer.is_privileged:
        course = await courses.get_course(database, course_id)
        if course is None:
            refuse_missing(viewer)
        await access.require(viewer, course.id, Right.ADMINISTER)
    body = await read_json(request, CoursePut)
    async with database.transaction() as transaction:
        course, outcome = await courses.put_course(transaction, course_id, body.title, body.offline)
    role = await access.role(viewer.user_id, course_id)
    return answer_json(
        CourseSummary(course.id, course.title, role, _switch(course)), status=_status(outcome)
    )


@endpoint(
    "GET /api/v1/courses",
    Operation(
        tag=Tag.COURSES,
        summary="The caller's courses; all for admin and service",
        answers=(Answer(200, "A page of them.", {JSON: Listing[CourseSummary]}),),
        parameters=PAGED,
        problems=(InvalidRequest,),
    ),
)
async def list_courses(request: web.Request) -> web.Response:
    """Lists the caller's courses; all for admin and service."""
    viewer, page = request[keys.VIEWER], page_of(request)
    found = await courses.list_courses(
        request.app[keys.DATABASE],
        viewer.user_id,
        every=viewer.is_privileged,
        after=page.after(tuple[datetime, str], (BEGINNING, "")),
        limit=page.fetch_limit,
    )
    return answer_json(page.answer(found, _summary, lambda course: (course.created_at, course.id)))


@endpoint(
    "GET /api/v1/courses/{course_id}",
    Operation(
        tag=Tag.COURSES,
        summary="A course with its modules and their videos, each with the caller's progress",
        answers=(Answer(200, "The course.", {JSON: CourseView}),),
        problems=SEEING,
    ),
)
async def get_course(request: web.Request) -> web.Response:
    """Returns a course with its modules and their videos, each with the caller's progress."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    access = request.app[keys.ACCESS]
    course, outline = await allowed_outline(request)
    sees_unready = await access.may(viewer, course.id, Right.SEE_UNREADY)
    found = [video for video in outline.videos if sees_unready or video.is_watchable]
    shown = [shown_video(request, video) for video in found]
    states = await progress.list_states(database, viewer.user_id, [video.id for video in found])
    role = await access.role(viewer.user_id, course.id)
    return answer_json(
        CourseView(
            course.id,
            course.title,
            role,
            _module_views(outline.modules, shown, states),
            _switch(course),
        )
    )


@endpoint(
    "DELETE /api/v1/courses/{course_id}",
    Operation(
        tag=Tag.COURSES,
        summary="Delete a course with its videos (admin, service)",
        answers=GONE,
        problems=ALLOWED,
    ),
)
async def delete_course(request: web.Request) -> web.Response:
    """Soft-deletes a course with its modules and videos."""
    course = await allowed_course(request, Right.ADMINISTER)
    gone = await request.app[keys.DELETION].delete_course(course.id, request[keys.VIEWER].user_id)
    request.app[keys.CATALOG].forget(*gone)
    return web.Response(status=204)


@endpoint(
    "PUT /api/v1/courses/{course_id}/modules/{module_id}",
    Operation(
        tag=Tag.COURSES,
        summary="Create or change a module (instructor)",
        answers=put_answers(ModuleView),
        body=Body({JSON: ModulePut}),
        problems=(*ALLOWED, *BODY, ModuleElsewhere),
    ),
)
async def put_module(request: web.Request) -> web.Response:
    """Creates or changes a module. Its id is unique in the service and never changes course."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    module_id = identifier(request, "module_id")
    course = await allowed_course(request, Right.EDIT)
    body = await read_json(request, ModulePut)
    async with database.transaction() as transaction:
        put = await courses.put_module(transaction, course.id, module_id, body.title, body.position)
    if put is None:
        raise ModuleElsewhere if viewer.is_privileged else NotEnrolled
    module, outcome = put
    return answer_json(_module_view(module), status=_status(outcome))


@endpoint(
    "DELETE /api/v1/courses/{course_id}/modules/{module_id}",
    Operation(
        tag=Tag.COURSES,
        summary="Delete a module with its videos (instructor)",
        answers=GONE,
        problems=ALLOWED,
    ),
)
async def delete_module(request: web.Request) -> web.Response:
    viewer = request[keys.VIEWER]
    module = await allowed_module(request, Right.EDIT)
    gone = await request.app[keys.DELETION].delete_module(
        module.course_id, module.id, viewer.user_id
    )
    request.app[keys.CATALOG].forget(*gone)
    return web.Response(status=204)


def _status(outcome: PutOutcome) -> int:
    return 201 if outcome is PutOutcome.CREATED else 200


def _summary(course: EnrolledCourse) -> CourseSummary:
    return CourseSummary(course.id, course.title, course.role, _switch(course))


def _switch(course: Course | EnrolledCourse) -> Literal[False] | UnsetType:
    return UNSET if course.offline else False


def _module_view(module: Module) -> ModuleView:
    return ModuleView(module.id, module.course_id, module.title, module.position)


def _module_views(
    modules: Sequence[Module], found: list[VideoSnapshot], states: dict[UUID, ProgressState]
) -> list[CourseModule]:
    by_module = defaultdict(list)
    for video in found:
        by_module[video.module_id].append(_watched_video(video, states.get(video.id)))
    return [
        CourseModule(module.id, module.title, module.position, by_module[module.id])
        for module in modules
    ]


def _watched_video(video: VideoSnapshot, state: ProgressState | None) -> WatchedVideo:
    return WatchedVideo(**msgspec.structs.asdict(video), progress=ProgressView.of(state))
