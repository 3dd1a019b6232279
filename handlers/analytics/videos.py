"""Analytics of videos: figures and the retention curve."""

from aiohttp import web

from events.insight import figures
from handlers import keys
from handlers.access.rules import Right
from handlers.analytics.messages import DayView, VideoAnalytics, day_views, video_analytics
from handlers.analytics.periods import period_of
from handlers.analytics.tables import answer_csv, answer_figures, single_page, wants_csv
from handlers.checks.authorisation import allowed_video
from handlers.openapi.descriptions import ALLOWED, CSV, JSON, TEXT, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint


@endpoint(
    "GET /api/v1/analytics/videos/{video_id}",
    Operation(
        tag=Tag.ANALYTICS,
        summary="What is watched of a video, in all, by day and by step; as CSV: its days",
        answers=(Answer(200, "The figures.", {JSON: VideoAnalytics, CSV: TEXT}),),
        parameters=("from", "to", "Accept"),
        problems=ALLOWED,
    ),
)
async def get_video_analytics(request: web.Request) -> web.StreamResponse:
    """Figures of a period; the retention curve is that of all time."""
    video = await allowed_video(request, Right.READ_EVERYONE)
    viewing, retention = await figures.read_video(
        request.app[keys.DATABASE], video.course_id, video.id, period_of(request.query)
    )
    if wants_csv(request):
        return await answer_csv(request, DayView, single_page(day_views(viewing)), str(video.id))
    return answer_figures(video_analytics(viewing, retention))
