"""Analytics of students: how far each is, by any figure, and where they stopped."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, get_args

import msgspec
from aiohttp import web

from db.insight import students
from db.pool import Database
from events.insight.ranking import Figure, Place, StudentOrder, ranked
from events.privacy.naming import Naming
from handlers import keys
from handlers.access.rules import Right
from handlers.analytics.messages import StudentView
from handlers.analytics.tables import answer_csv, answer_figures, wants_csv
from handlers.checks.authorisation import allowed_course
from handlers.errors import InvalidRequest
from handlers.messages import Listing
from handlers.openapi.descriptions import ALLOWED, CSV, JSON, PAGED, TEXT, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING, Page
from handlers.people import naming_of, page_of_people

AT_ONCE = 1000  # of a CSV
FIGURES: Mapping[str, Figure] = {figure: figure for figure in get_args(Figure)}
DIRECTIONS = {"asc": False, "desc": True}


@endpoint(
    "GET /api/v1/analytics/courses/{course_id}/students",
    Operation(
        tag=Tag.ANALYTICS,
        summary="How far the students of a course are; as CSV: all of them, by enrolment",
        answers=(Answer(200, "A page of them.", {JSON: Listing[StudentView], CSV: TEXT}),),
        parameters=(*PAGED, "sort_students", "direction", "Accept"),
        problems=ALLOWED,
    ),
)
async def list_students(request: web.Request) -> web.StreamResponse:
    """Lists enrolled students, also those who have not watched yet."""
    course = await allowed_course(request, Right.READ_EVERYONE)
    page, order = page_of_people(request), _order_of(request.query)
    if wants_csv(request):
        pages = _all_students(request.app[keys.DATABASE], course.id, naming_of(request))
        return await answer_csv(request, StudentView, pages, f"{course.id}-students")
    if order == StudentOrder():
        return answer_figures(await _by_enrollment(request, course.id, page))
    return answer_figures(await _by_figure(request, course.id, page, order))


async def _by_enrollment(request: web.Request, course_id: str, page: Page) -> Listing[StudentView]:
    after = page.after(tuple[datetime, str], (BEGINNING, ""))
    database = request.app[keys.DATABASE]
    found = await students.list_students(database, course_id, after, page.fetch_limit)
    naming = naming_of(request)
    return page.answer(
        found, lambda row: StudentView.of(row, naming), lambda row: (row.created_at, row.user_id)
    )


async def _by_figure(
    request: web.Request, course_id: str, page: Page, order: StudentOrder
) -> Listing[StudentView]:
    """The order may be some seconds old, what it shows of each student is not."""
    kind: Any = tuple[str, str] if order.figure == "user_id" else tuple[float, str]
    after: Place | None = page.after(kind, None)
    standings = await request.app[keys.STANDINGS].get(course_id)
    naming = naming_of(request)
    places = ranked(standings, order, after, page.fetch_limit, naming.shown)
    found = await students.find_named(
        request.app[keys.DATABASE], course_id, [user_id for _, user_id in places]
    )
    listing = page.answer(places, lambda one: found.get(one[1]), lambda one: one[0])
    shown = [StudentView.of(student, naming) for student in listing.items if student is not None]
    return Listing(shown, listing.next_cursor)


def _order_of(query: Mapping[str, str]) -> StudentOrder:
    """Raises InvalidRequest."""
    figure, direction = query.get("sort", "enrolled"), query.get("direction", "asc")
    if figure not in FIGURES:
        raise InvalidRequest(f"sort must be one of {', '.join(FIGURES)}.")
    if direction not in DIRECTIONS:
        raise InvalidRequest("direction must be asc or desc.")
    return StudentOrder(FIGURES[figure], DIRECTIONS[direction])


async def _all_students(
    database: Database, course_id: str, naming: Naming
) -> AsyncIterator[list[msgspec.Struct]]:
    after = (BEGINNING, "")
    while found := await students.list_students(database, course_id, after, AT_ONCE):
        yield [StudentView.of(student, naming) for student in found]
        after = (found[-1].created_at, found[-1].user_id)
