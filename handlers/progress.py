"""How far a viewer has come: reports, and what is known from them.

A report is answered once it is committed; until then it is only a `ReportReceived`, which goes to
the persister and nowhere else.
"""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from db import progress
from db.progress import CourseProgress
from events.errors import VideoMissing
from events.persister import submit
from events.reports import ProgressReport
from handlers import keys
from handlers.access.rules import Right
from handlers.allowed import allowed_course, allowed_video, granted
from handlers.errors import InvalidRequest, NotAllowed, NotEnrolled, NotFound
from handlers.messages import (
    Identifier,
    ProgressItem,
    ProgressPut,
    ProgressView,
    Quality,
    answer_json,
    in_words,
    read_json,
)
from handlers.paging import BEGINNING, NO_UUID, page_of

TOLERANCE_S = 1.0  # a player's clock may run past the duration that the container tells


async def put_progress(request: web.Request) -> web.Response:
    """Report by bearer token."""
    video = await allowed_video(request, Right.WATCH)
    body = await read_json(request, ProgressPut)
    viewer = request[keys.VIEWER]
    _check_times(request, body, video.duration_s)
    report = _report(body, video.id, video.course_id, viewer.user_id)
    return await _answer(request, report, is_told_more=viewer.is_privileged)


async def post_progress(request: web.Request) -> web.Response:
    """Report by grant: what `navigator.sendBeacon` can send."""
    grant = granted(request)
    body = await read_json(request, ProgressPut, any_type=True)
    _check_times(request, body, grant.duration_s)
    report = _report(body, grant.video_id, grant.course_id, grant.user_id)
    return await _answer(request, report, is_told_more=grant.is_privileged)


async def get_progress(request: web.Request) -> web.Response:
    """The caller's own; zeros before the first report."""
    video = await allowed_video(request, Right.WATCH)
    state = await progress.get(request.app[keys.DATABASE], request[keys.VIEWER].user_id, video.id)
    return answer_json(ProgressView.of(state))


async def list_progress(request: web.Request) -> web.Response:
    """Of a course: the caller's own; everyone's for who may read it."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    access = request.app[keys.ACCESS]
    course = await allowed_course(request, Right.WATCH)
    wanted = _user_id(request)
    if not await access.may(viewer, course.id, Right.READ_EVERYONE):
        if wanted not in (None, viewer.user_id):
            raise NotAllowed
        wanted = viewer.user_id
    page = page_of(request)
    rows = await progress.list_for_course(
        database,
        course.id,
        wanted,
        after=page.after(tuple[datetime, UUID, str], (BEGINNING, NO_UUID, "")),
        limit=page.fetch_limit,
    )
    return answer_json(
        page.answer(rows, _item, lambda row: (row.created_at, row.video_id, row.user_id))
    )


def _item(row: CourseProgress) -> ProgressItem:
    shown = msgspec.structs.asdict(ProgressView.of(row.state))
    return ProgressItem(video_id=row.video_id, user_id=row.user_id, **shown)


def _user_id(request: web.Request) -> str | None:
    """Raises InvalidRequest."""
    try:
        return msgspec.convert(request.query.get("user_id"), Identifier | None)
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"user_id: {in_words(exc)}.") from exc


async def _answer(
    request: web.Request, report: ProgressReport, *, is_told_more: bool
) -> web.Response:
    """Raises as `events.persister.submit`; a stranger is not told that a video was deleted."""
    try:
        state = await submit(request.app[keys.EMITTER], report)
    except VideoMissing as exc:
        raise (NotFound if is_told_more else NotEnrolled) from exc
    request[keys.IS_ROUTINE] = True
    return answer_json(ProgressView.of(state))


def _report(body: ProgressPut, video_id: UUID, course_id: str, user_id: str) -> ProgressReport:
    return ProgressReport(
        user_id=user_id,
        video_id=video_id,
        course_id=course_id,
        session_id=body.session_id,
        sequence=body.sequence,
        position_s=body.position,
        watched=tuple(body.watched),
        event=body.event,
        rate=body.rate,
        delayed_s=body.delayed_s,
        quality=_measured(body.quality) if body.quality else None,
        received_at=datetime.now(UTC),
    )


def _measured(quality: Quality) -> dict[str, Any]:
    """What the report tells; what it leaves out must not wipe out what one before it told."""
    figures = msgspec.structs.asdict(quality)
    if quality.error is not None:
        # PostgreSQL stores no NUL; a strange message is no reason to lose the place.
        figures["error"] = quality.error.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return {name: figure for name, figure in figures.items() if figure is not None}


def _check_times(request: web.Request, body: ProgressPut, duration_s: float | None) -> None:
    """Raises InvalidRequest for what lies outside `[0, duration + 1 s]` or is reversed."""
    if duration_s is None:  # nobody has seen the file, but how long one may be is known
        duration_s = request.app[keys.UPLOAD_SETTINGS].media_limits.max_duration_s
    end = duration_s + TOLERANCE_S
    if not (math.isfinite(body.position) and 0 <= body.position <= end):
        raise InvalidRequest(f"position must lie within 0 and {end:.2f} seconds.")
    for start, stop in body.watched:
        if not (math.isfinite(start) and math.isfinite(stop) and 0 <= start <= stop <= end):
            raise InvalidRequest(
                f"A watched interval is [from, to] with 0 <= from <= to <= {end:.2f}."
            )
