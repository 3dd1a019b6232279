"""Enrolment endpoints: put, list, withdraw."""

from datetime import UTC, datetime

from aiohttp import web

from db import enrollments
from db.courses import Course, PutOutcome
from db.enrollments import Enrollment
from db.pool import Transaction
from db.uploads import uploads
from events.log import log
from events.log.types import EnrollmentChanged
from events.privacy.naming import Naming
from handlers import keys
from handlers.access.auth import Viewer
from handlers.access.rules import Right
from handlers.checks.authorisation import allowed_course
from handlers.errors import NotAllowed, NotFound
from handlers.messages import (
    EnrollmentPut,
    EnrollmentView,
    Listing,
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
    Answer,
    Body,
    Operation,
    Tag,
    put_answers,
)
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING
from handlers.people import named_user_id, naming_of, page_of_people

INSTRUCTORS_BY_OTHERS = "Only admin and service manage the enrolments of instructors."


@endpoint(
    "PUT /api/v1/courses/{course_id}/enrollments/{user_id}",
    Operation(
        tag=Tag.COURSES,
        summary="Enrol a user, or change the role (an instructor: students only)",
        answers=put_answers(EnrollmentView),
        body=Body({JSON: EnrollmentPut}),
        problems=(*ALLOWED, *BODY),
    ),
)
async def put_enrollment(request: web.Request) -> web.Response:
    """Enrols a user or changes the role. An instructor may enrol students only."""
    course, name = await _course_and_name(request)
    body, naming = await read_json(request, EnrollmentPut), naming_of(request)
    if naming.hides(name):
        return await _enroll_by_id(request, course.id, name, body.role)
    user_id = await named_user_id(request, name)
    enrollment, outcome = await _put(request, course.id, user_id, body.role)
    status = 201 if outcome is PutOutcome.CREATED else 200
    return answer_json(_enrollment_view(enrollment, naming), status=status)


async def _enroll_by_id(
    request: web.Request, course_id: str, user_id: str, role: str
) -> web.Response:
    """Enrols a student whose id the teacher knows and whose pseudonym is hidden. The answer is the
    same, and nothing changes, when they are enrolled: it would tell whose a pseudonym is."""
    if role != "student":
        raise NotAllowed(INSTRUCTORS_BY_OTHERS)
    if not await enrollments.is_enrolled(request.app[keys.DATABASE], course_id, user_id):
        await _put(request, course_id, user_id, role)
    now = datetime.now(UTC)
    return answer_json(EnrollmentView(course_id, user_id, role, now, now), status=201)


async def _put(
    request: web.Request, course_id: str, user_id: str, role: str
) -> tuple[Enrollment, PutOutcome]:
    """Raises: NotAllowed."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    erased_name = request.app[keys.PSEUDONYMS].after_erasure(user_id)
    async with database.transaction() as transaction:
        await _require_student(transaction, viewer, course_id, user_id, wanted=role)
        enrollment, outcome = await enrollments.put(
            transaction, course_id, user_id, role, erased_name
        )
        changed = _changed(enrollment)
        if enrollment.role == "student":  # a former instructor may have open uploads
            await uploads.end_for_user(transaction, course_id, user_id)
        if outcome is not PutOutcome.UNCHANGED:
            await log.append(transaction, [changed])
    request.app[keys.ACCESS].apply(changed)  # here at once, in other processes by the log
    return enrollment, outcome


@endpoint(
    "DELETE /api/v1/courses/{course_id}/enrollments/{user_id}",
    Operation(
        tag=Tag.COURSES,
        summary="Withdraw a user: grants, transfers, event streams and uploads end",
        answers=GONE,
        problems=ALLOWED,
    ),
)
async def delete_enrollment(request: web.Request) -> web.Response:
    """Withdraws a user: grants are revoked, transfers, event streams and uploads end."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    course, name = await _course_and_name(request)
    user_id = await named_user_id(request, name)
    async with database.transaction() as transaction:
        await _require_student(transaction, viewer, course.id, user_id)
        withdrawn = await enrollments.withdraw(transaction, course.id, user_id)
        if withdrawn is None:
            raise NotFound("This user is not enrolled here.")
        await uploads.end_for_user(transaction, course.id, user_id)
        changed = _changed(withdrawn)
        await log.append(transaction, [changed])
    request.app[keys.ACCESS].apply(changed)
    return web.Response(status=204)


@endpoint(
    "GET /api/v1/courses/{course_id}/enrollments",
    Operation(
        tag=Tag.COURSES,
        summary="Who is enrolled (instructor)",
        answers=(Answer(200, "A page of them.", {JSON: Listing[EnrollmentView]}),),
        parameters=PAGED,
        problems=ALLOWED,
    ),
)
async def list_enrollments(request: web.Request) -> web.Response:
    database = request.app[keys.DATABASE]
    course = await allowed_course(request, Right.ENROLL)
    page, naming = page_of_people(request), naming_of(request)
    found = await enrollments.list_of_course(
        database,
        course.id,
        after=page.after(tuple[datetime, str], (BEGINNING, "")),
        limit=page.fetch_limit,
    )
    return answer_json(
        page.answer(
            found,
            lambda one: _enrollment_view(one, naming),
            lambda one: (one.created_at, one.user_id),
        )
    )


async def _course_and_name(request: web.Request) -> tuple[Course, str]:
    """Returns the course and the name of the user in the path, after the check of the right to
    enrol."""
    name = identifier(request, "user_id")
    return await allowed_course(request, Right.ENROLL), name


async def _require_student(
    transaction: Transaction,
    viewer: Viewer,
    course_id: str,
    user_id: str,
    wanted: str = "student",
) -> None:
    """Raises NotAllowed when an instructor would change another instructor's enrolment."""
    if viewer.is_privileged:
        return
    enrollment = await enrollments.get(transaction, course_id, user_id, locked=True)
    if "instructor" in (wanted, enrollment.role if enrollment else None):
        raise NotAllowed(INSTRUCTORS_BY_OTHERS)


def _changed(enrollment: Enrollment) -> EnrollmentChanged:
    return EnrollmentChanged(
        course_id=enrollment.course_id,
        user_id=enrollment.user_id,
        occurred_at=datetime.now(UTC),
        role=enrollment.role,
        version=enrollment.version,
    )


def _enrollment_view(enrollment: Enrollment, naming: Naming) -> EnrollmentView:
    return EnrollmentView(
        enrollment.course_id,
        naming.shown(enrollment.user_id),
        enrollment.role,
        enrollment.created_at,
        enrollment.updated_at,
    )
