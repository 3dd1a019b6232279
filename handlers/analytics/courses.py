"""Analytics of courses: figures, students, popular videos."""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from aiohttp import web

from db.insight import figures as rows
from db.pool import Database
from events.insight import figures
from events.privacy.naming import Naming
from handlers import keys
from handlers.access.rules import Right
from handlers.allowed import allowed_course, allowed_course_named
from handlers.analytics.messages import (
    CourseAnalytics,
    PopularListing,
    PopularView,
    StudentView,
    WatchedVideoView,
    course_analytics,
)
from handlers.analytics.periods import period_of, recent_days_of
from handlers.analytics.tables import answer_csv, single_page, wants_csv
from handlers.errors import NotAllowed
from handlers.messages import Listing, answer_json, queried_identifier
from handlers.openapi.descriptions import (
    ALLOWED,
    CSV,
    JSON,
    PAGED,
    TEXT,
    Answer,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING
from handlers.people import naming_of, page_of_people

STUDENTS_AT_ONCE = 1000  # of a CSV


@endpoint(
    "GET /api/v1/analytics/courses/{course_id}",
    Operation(
        tag=Tag.ANALYTICS,
        summary="What is watched in a course, in all, by day and by video; as CSV: its videos",
        answers=(Answer(200, "The figures.", {JSON: CourseAnalytics, CSV: TEXT}),),
        parameters=("from", "to", "Accept"),
        problems=ALLOWED,
    ),
)
async def get_course_analytics(request: web.Request) -> web.StreamResponse:
    course = await allowed_course(request, Right.READ_EVERYONE)
    period = period_of(request.query)
    viewing = await figures.read_course(request.app[keys.DATABASE], course.id, period)
    if wants_csv(request):
        videos = [WatchedVideoView.of(video) for video in viewing.videos]
        return await answer_csv(request, WatchedVideoView, single_page(videos), course.id)
    return answer_json(course_analytics(viewing))


@endpoint(
    "GET /api/v1/analytics/courses/{course_id}/students",
    Operation(
        tag=Tag.ANALYTICS,
        summary="How far the students of a course are; as CSV: all of them",
        answers=(Answer(200, "A page of them.", {JSON: Listing[StudentView], CSV: TEXT}),),
        parameters=(*PAGED, "Accept"),
        problems=ALLOWED,
    ),
)
async def list_students(request: web.Request) -> web.StreamResponse:
    """Lists enrolled students, also those who have not watched yet."""
    course = await allowed_course(request, Right.READ_EVERYONE)
    database, page = request.app[keys.DATABASE], page_of_people(request)
    naming = naming_of(request)
    after = page.after(tuple[datetime, str], (BEGINNING, ""))
    if wants_csv(request):
        pages = _all_students(database, course.id, naming)
        return await answer_csv(request, StudentView, pages, f"{course.id}-students")
    found = await rows.list_students(database, course.id, after, page.fetch_limit)
    return answer_json(
        page.answer(
            found,
            lambda row: StudentView.of(row, naming),
            lambda row: (row.created_at, row.user_id),
        )
    )


@endpoint(
    "GET /api/v1/analytics/popular",
    Operation(
        tag=Tag.ANALYTICS,
        summary="Videos by their viewers of the last days; without a course: admin, service",
        answers=(Answer(200, "The first 50.", {JSON: PopularListing, CSV: TEXT}),),
        parameters=("days", "of_course", "Accept"),
        problems=ALLOWED,
    ),
)
async def get_popular(request: web.Request) -> web.StreamResponse:
    days, course_id = recent_days_of(request.query), queried_identifier(request, "course_id")
    if course_id is not None:
        await allowed_course_named(request, course_id, Right.READ_EVERYONE)
    elif not request[keys.VIEWER].is_privileged:
        raise NotAllowed
    popular = await figures.read_popular(request.app[keys.DATABASE], days, course_id)
    items = [PopularView.of(video) for video in popular]
    if wants_csv(request):
        return await answer_csv(request, PopularView, single_page(items), "popular")
    return answer_json(PopularListing(items))


async def _all_students(
    database: Database, course_id: str, naming: Naming
) -> AsyncIterator[list[msgspec.Struct]]:
    after = (BEGINNING, "")
    while found := await rows.list_students(database, course_id, after, STUDENTS_AT_ONCE):
        yield [StudentView.of(student, naming) for student in found]
        after = (found[-1].created_at, found[-1].user_id)
