"""Courses, their modules and enrolments."""

from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from aiohttp import web

from db import courses, enrollments, progress, videos
from db.courses import EnrolledCourse, Module, Outcome
from db.enrollments import Enrollment
from db.pool import Transaction
from db.progress import ProgressState
from db.videos import Video
from events import log
from events.snapshots import snapshot
from events.types import EnrollmentChanged
from handlers import keys
from handlers.access.auth import Viewer
from handlers.access.rules import Right
from handlers.allowed import allowed_course, allowed_module
from handlers.errors import ModuleElsewhere, NotAllowed, NotEnrolled, NotFound
from handlers.messages import (
    CourseModule,
    CoursePut,
    CourseSummary,
    CourseView,
    EnrollmentPut,
    EnrollmentView,
    ModulePut,
    ModuleView,
    WatchedVideo,
    answer_json,
    identifier,
    read_json,
)
from handlers.paging import BEGINNING, page_of
from handlers.progress import progress_view
from handlers.videos import delete_videos, forget_videos


async def put_course(request: web.Request) -> web.Response:
    """Create or rename."""
    viewer = request[keys.VIEWER]
    course_id = identifier(request, "course_id")
    access, database = request.app[keys.ACCESS], request.app[keys.DATABASE]
    if not viewer.is_privileged:
        course = await courses.get_course(database, course_id)
        await access.require(viewer, course.id if course else None, Right.ADMINISTER)
    body = await read_json(request, CoursePut)
    async with database.transaction() as transaction:
        course, outcome = await courses.put_course(transaction, course_id, body.title)
    role = await access.role(viewer.user_id, course_id)
    return answer_json(CourseSummary(course.id, course.title, role), status=_status(outcome))


async def list_courses(request: web.Request) -> web.Response:
    """The caller's own; all for admin and service."""
    viewer, page = request[keys.VIEWER], page_of(request)
    found = await courses.list_courses(
        request.app[keys.DATABASE],
        viewer.user_id,
        every=viewer.is_privileged,
        after=page.after(tuple[datetime, str], (BEGINNING, "")),
        limit=page.fetch_limit,
    )
    return answer_json(page.answer(found, _summary, lambda course: (course.created_at, course.id)))


async def get_course(request: web.Request) -> web.Response:
    """With its modules and their videos, each with the caller's progress."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    access = request.app[keys.ACCESS]
    course = await allowed_course(request, Right.WATCH)
    sees_unready = await access.may(viewer, course.id, Right.SEE_UNREADY)
    modules = await courses.list_modules(database, course.id)
    found = await videos.list_of_course(database, course.id, ready_only=not sees_unready)
    states = await progress.states_of_videos(
        database, viewer.user_id, [video.id for video in found]
    )
    role = await access.role(viewer.user_id, course.id)
    return answer_json(
        CourseView(course.id, course.title, role, _module_views(modules, found, states))
    )


async def delete_course(request: web.Request) -> web.Response:
    """Hidden at once, its modules and videos with it."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    course = await allowed_course(request, Right.ADMINISTER)
    async with database.transaction() as transaction:
        await courses.delete_course(transaction, course.id)
        await courses.delete_modules(transaction, course.id)
        gone = await delete_videos(transaction, viewer, course_id=course.id)
    forget_videos(request, gone)
    return web.Response(status=204)


async def put_module(request: web.Request) -> web.Response:
    """Create or change. A module id is unique in the service and never moves."""
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


async def delete_module(request: web.Request) -> web.Response:
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    module = await allowed_module(request, Right.EDIT)
    async with database.transaction() as transaction:
        await courses.delete_modules(transaction, module.course_id, module.id)
        gone = await delete_videos(transaction, viewer, module_id=module.id)
    forget_videos(request, gone)
    return web.Response(status=204)


async def put_enrollment(request: web.Request) -> web.Response:
    """Enrol, or change the role. An instructor may enrol students only."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    course_id, user_id = await _enrollment_of(request)
    body = await read_json(request, EnrollmentPut)
    async with database.transaction() as transaction:
        await _require_student(transaction, viewer, course_id, user_id, wanted=body.role)
        enrollment, outcome = await enrollments.put(transaction, course_id, user_id, body.role)
        changed = _changed(enrollment)
        if outcome is not Outcome.UNCHANGED:
            await log.append(transaction, [changed])
    request.app[keys.ACCESS].apply(changed)  # here at once, elsewhere when the log tells it
    return answer_json(_enrollment_view(enrollment), status=_status(outcome))


async def delete_enrollment(request: web.Request) -> web.Response:
    """Withdraw: grants of it stop working, transfers and event streams end."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    course_id, user_id = await _enrollment_of(request)
    async with database.transaction() as transaction:
        await _require_student(transaction, viewer, course_id, user_id)
        withdrawn = await enrollments.withdraw(transaction, course_id, user_id)
        if withdrawn is None:
            raise NotFound("This user is not enrolled here.")
        changed = _changed(withdrawn)
        await log.append(transaction, [changed])
    request.app[keys.ACCESS].apply(changed)
    return web.Response(status=204)


async def list_enrollments(request: web.Request) -> web.Response:
    database = request.app[keys.DATABASE]
    course = await allowed_course(request, Right.ENROLL)
    page = page_of(request)
    found = await enrollments.list_of_course(
        database,
        course.id,
        after=page.after(tuple[datetime, str], (BEGINNING, "")),
        limit=page.fetch_limit,
    )
    return answer_json(
        page.answer(found, _enrollment_view, lambda one: (one.created_at, one.user_id))
    )


async def _enrollment_of(request: web.Request) -> tuple[str, str]:
    """(course_id, user_id) of the path, once the caller may manage enrolments there."""
    user_id = identifier(request, "user_id")
    course = await allowed_course(request, Right.ENROLL)
    return course.id, user_id


async def _require_student(
    transaction: Transaction,
    viewer: Viewer,
    course_id: str,
    user_id: str,
    wanted: str = "student",
) -> None:
    """An instructor makes and withdraws students, never another instructor."""
    if viewer.is_privileged:
        return
    enrollment = await enrollments.get(transaction, course_id, user_id, locked=True)
    if "instructor" in (wanted, enrollment.role if enrollment else None):
        raise NotAllowed("Only admin and service manage the enrolments of instructors.")


def _changed(enrollment: Enrollment) -> EnrollmentChanged:
    return EnrollmentChanged(
        course_id=enrollment.course_id,
        user_id=enrollment.user_id,
        occurred_at=datetime.now(UTC),
        role=enrollment.role,
        version=enrollment.version,
    )


def _status(outcome: Outcome) -> int:
    return 201 if outcome is Outcome.CREATED else 200


def _summary(course: EnrolledCourse) -> CourseSummary:
    return CourseSummary(course.id, course.title, course.role)


def _module_view(module: Module) -> ModuleView:
    return ModuleView(module.id, module.course_id, module.title, module.position)


def _enrollment_view(enrollment: Enrollment) -> EnrollmentView:
    return EnrollmentView(
        enrollment.course_id,
        enrollment.user_id,
        enrollment.role,
        enrollment.created_at,
        enrollment.updated_at,
    )


def _module_views(
    modules: list[Module], found: list[Video], states: dict[UUID, ProgressState]
) -> list[CourseModule]:
    by_module = defaultdict(list)
    for video in found:
        by_module[video.module_id].append(_watched_video(video, states.get(video.id)))
    return [
        CourseModule(module.id, module.title, module.position, by_module[module.id])
        for module in modules
    ]


def _watched_video(video: Video, state: ProgressState | None) -> WatchedVideo:
    return WatchedVideo(**msgspec.structs.asdict(snapshot(video)), progress=progress_view(state))
