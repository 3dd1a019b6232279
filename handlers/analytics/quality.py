"""Analytics of playback quality: startup, stalls, exits and errors of a course or a video."""

from uuid import UUID

from aiohttp import web

from db.insight.quality import QualityGroup
from events.insight.folding import settle
from events.insight.quality import read_quality
from handlers import keys
from handlers.access.rules import Right
from handlers.analytics.periods import period_of
from handlers.analytics.quality_messages import (
    QualityAnalytics,
    QualityView,
    quality_analytics,
    quality_views,
)
from handlers.analytics.tables import answer_csv, answer_figures, single_page, wants_csv
from handlers.checks.authorisation import allowed_course, allowed_video
from handlers.openapi.descriptions import ALLOWED, CSV, JSON, TEXT, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint

FIGURES = Answer(200, "The figures.", {JSON: QualityAnalytics, CSV: TEXT})


@endpoint(
    "GET /api/v1/analytics/courses/{course_id}/quality",
    Operation(
        tag=Tag.ANALYTICS,
        summary="Startup, stalls, exits and errors in a course; as CSV: of its videos",
        answers=(FIGURES,),
        parameters=("from", "to", "Accept"),
        problems=ALLOWED,
    ),
)
async def get_course_quality(request: web.Request) -> web.StreamResponse:
    course = await allowed_course(request, Right.READ_EVERYONE)
    groups = await _groups(request, course.id)
    if wants_csv(request):
        return await _answer_csv(request, groups, "video_id", course.id)
    return answer_figures(quality_analytics(groups))


@endpoint(
    "GET /api/v1/analytics/videos/{video_id}/quality",
    Operation(
        tag=Tag.ANALYTICS,
        summary="Startup, stalls, exits and errors of a video; as CSV: by day",
        answers=(FIGURES,),
        parameters=("from", "to", "Accept"),
        problems=ALLOWED,
    ),
)
async def get_video_quality(request: web.Request) -> web.StreamResponse:
    video = await allowed_video(request, Right.READ_EVERYONE)
    groups = await _groups(request, video.course_id, video.id)
    if wants_csv(request):
        return await _answer_csv(request, groups, "day", str(video.id))
    return answer_figures(quality_analytics(groups))


async def _groups(
    request: web.Request, course_id: str, video_id: UUID | None = None
) -> list[QualityGroup]:
    database, period = request.app[keys.DATABASE], period_of(request.query)
    await settle(database)
    return await read_quality(database, course_id, period, video_id)


async def _answer_csv(
    request: web.Request, groups: list[QualityGroup], grouping: str, name: str
) -> web.StreamResponse:
    views = single_page(quality_views(groups, grouping))
    return await answer_csv(request, QualityView, views, f"{name}-quality")
