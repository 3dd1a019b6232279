"""Analytics of courses: figures, popular videos."""

from aiohttp import web

from events.insight import figures
from handlers import keys
from handlers.access.rules import Right
from handlers.analytics.messages import (
    CourseAnalytics,
    PopularListing,
    PopularView,
    WatchedVideoView,
    course_analytics,
)
from handlers.analytics.periods import period_of, recent_days_of
from handlers.analytics.tables import answer_csv, answer_figures, single_page, wants_csv
from handlers.checks.authorisation import allowed_course, allowed_course_named
from handlers.errors import NotAllowed
from handlers.messages import queried_identifier
from handlers.openapi.descriptions import (
    ALLOWED,
    CSV,
    JSON,
    TEXT,
    Answer,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint


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
    return answer_figures(course_analytics(viewing))


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
    return answer_figures(PopularListing(items))
