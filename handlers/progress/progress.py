"""Progress endpoints: reports, and the progress stored from them.

A report is answered after its commit; until then it is only a `ReportReceived`, which goes to the
persister and nowhere else.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from aiohttp import hdrs, web

from db.progress import progress
from db.progress.progress import CourseProgress
from events.errors import VideoMissing
from events.progress.persister import submit
from events.reports import ProgressReport
from handlers import keys
from handlers.access.auth import SERVICE
from handlers.access.rules import Right
from handlers.checks.authorisation import allowed_course, allowed_video, granted
from handlers.checks.request_limits import require_report
from handlers.errors import InvalidRequest, NotAllowed, RateLimited, TooLarge
from handlers.messages import (
    Listing,
    ProgressItem,
    ProgressPut,
    ProgressView,
    ReportView,
    answer_json,
    read_body,
    read_json,
)
from handlers.openapi.descriptions import (
    ALLOWED,
    BODY,
    JSON,
    PAGED,
    SEEING,
    TEXT,
    Answer,
    Body,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING, NO_UUID
from handlers.people import naming_of, page_of_people, queried_user_id
from handlers.reports import refusal_of, report_by_grant, report_of
from handlers.user_agents import UserAgent

BEACON = {**TEXT, "contentMediaType": JSON, "description": "JSON as for `application/json`."}


@endpoint(
    "PUT /api/v1/videos/{video_id}/progress",
    Operation(
        tag=Tag.PROGRESS,
        summary="Report, by bearer token; answered once it is committed",
        answers=(Answer(200, "What holds after it.", {JSON: ReportView}),),
        body=Body({JSON: ProgressPut}),
        problems=(*SEEING, *BODY, RateLimited),
    ),
)
async def put_progress(request: web.Request) -> web.Response:
    """Stores a report by bearer token."""
    viewer, longest_s = request[keys.VIEWER], _longest_s(request)
    require_report(request, viewer.user_id, viewer.roles)
    video = await allowed_video(request, Right.WATCH)
    said = await read_json(request, ProgressPut)
    report = report_of(
        said,
        video.duration_s,
        longest_s,
        video.id,
        video.course_id,
        viewer.user_id,
        _user_agent(request),
        is_believed=SERVICE in viewer.roles,
    )
    return await _answer(request, report, is_told_more=viewer.is_privileged)


@endpoint(
    "POST /play/{grant}/{video_id}/progress",
    Operation(
        tag=Tag.PROGRESS,
        summary="Report, by grant, as `navigator.sendBeacon` can; any media type is read as JSON",
        answers=(Answer(200, "What holds after it.", {JSON: ReportView}),),
        body=Body({JSON: ProgressPut, "text/plain": BEACON}),
        problems=(InvalidRequest, TooLarge, RateLimited),
    ),
)
async def post_progress(request: web.Request) -> web.Response:
    """Stores a report by grant, as `navigator.sendBeacon` sends it, with any Content-Type."""
    grant = granted(request)
    require_report(request, grant.user_id, grant.roles)
    body = await read_body(request)
    report = report_by_grant(grant, body, _longest_s(request), _user_agent(request))
    return await _answer(request, report, is_told_more=grant.is_privileged)


@endpoint(
    "GET /api/v1/videos/{video_id}/progress",
    Operation(
        tag=Tag.PROGRESS,
        summary="The caller's own progress; zeros before the first report",
        answers=(Answer(200, "The progress.", {JSON: ProgressView}),),
        problems=SEEING,
    ),
)
async def get_progress(request: web.Request) -> web.Response:
    """Returns the caller's progress; zeros before the first report."""
    video = await allowed_video(request, Right.WATCH)
    state = await progress.get(request.app[keys.DATABASE], request[keys.VIEWER].user_id, video.id)
    return answer_json(ProgressView.of(state))


@endpoint(
    "GET /api/v1/courses/{course_id}/progress",
    Operation(
        tag=Tag.PROGRESS,
        summary="Progress in a course: the caller's own, for instructors everyone's",
        answers=(Answer(200, "A page of it.", {JSON: Listing[ProgressItem]}),),
        parameters=("of_user", *PAGED),
        problems=ALLOWED,
    ),
)
async def list_progress(request: web.Request) -> web.Response:
    """Lists the progress in a course: the caller's own, for instructors everyone's."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    access = request.app[keys.ACCESS]
    course = await allowed_course(request, Right.WATCH)
    wanted = await queried_user_id(request)
    if not await access.may(viewer, course.id, Right.READ_EVERYONE):
        if wanted not in (None, viewer.user_id):
            raise NotAllowed
        wanted = viewer.user_id
    page, naming = page_of_people(request), naming_of(request)
    rows = await progress.list_for_course(
        database,
        course.id,
        wanted,
        after=page.after(tuple[datetime, UUID, str], (BEGINNING, NO_UUID, "")),
        limit=page.fetch_limit,
    )
    return answer_json(
        page.answer(
            rows,
            lambda row: _item(row, naming.shown(row.user_id)),
            lambda row: (row.created_at, row.video_id, row.user_id),
        )
    )


def _item(row: CourseProgress, user_name: str) -> ProgressItem:
    shown = msgspec.structs.asdict(ProgressView.of(row.state))
    return ProgressItem(video_id=row.video_id, user_id=user_name, **shown)


async def _answer(
    request: web.Request, report: ProgressReport, *, is_told_more: bool
) -> web.Response:
    """Raises as `persister.submit`, and what `refusal_of` makes of it."""
    try:
        state = await submit(request.app[keys.EMITTER], report)
    except VideoMissing as exc:
        raise refusal_of(exc, is_told_more=is_told_more) from exc
    request[keys.NOTES].is_routine = True
    return answer_json(ReportView.after(state))


def _user_agent(request: web.Request) -> UserAgent:
    return request.app[keys.USER_AGENTS].read(request.headers.get(hdrs.USER_AGENT))


def _longest_s(request: web.Request) -> float:
    """Returns the longest duration of a video that has not been probed, in seconds."""
    return request.app[keys.UPLOAD_SETTINGS].media_limits.max_duration_s
