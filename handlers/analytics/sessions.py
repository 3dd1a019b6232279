"""Playback sessions for a help desk: found by user, video and time, each with its timeline."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from db.insight import session_search
from db.insight.session_search import FoundSession, Searcher
from events.insight.sessions.timelines import ExplainedSession, read_timeline
from events.privacy.naming import Naming
from events.progress.measures import SessionMeasures, parse_measures
from handlers import keys
from handlers.access.rules import refuse_missing
from handlers.analytics.periods import moments_of
from handlers.errors import InvalidRequest
from handlers.messages import Listing, SessionId, answer_json
from handlers.openapi.descriptions import JSON, PAGED, SEEING, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING, NO_UUID
from handlers.people import naming_of, page_of_people, queried_user_id


class SessionQualityView(msgspec.Struct, frozen=True):
    """Sums of a session; averages of nothing, and what was not measured, are null."""

    device: str
    browser: str
    network: str
    startup_ms: int | None
    stalls: int
    stalled_seconds: float
    played_seconds: float
    dropped_frames: int
    bitrate: float | None
    height: float | None
    has_error: bool

    @staticmethod
    def of(measures: SessionMeasures) -> "SessionQualityView":
        return SessionQualityView(
            measures.device,
            measures.browser,
            measures.network,
            None if measures.startup_ms < 0 else measures.startup_ms,
            measures.stalls,
            measures.stalled_ms / 1000,
            measures.played_ms / 1000,
            measures.dropped_frames,
            measures.bits * 1000 / measures.bitrate_ms if measures.bitrate_ms else None,
            measures.height_lines / measures.height_ms if measures.height_ms else None,
            measures.has_error,
        )


class PlaybackSessionView(msgspec.Struct, frozen=True, kw_only=True):
    """`title` is the video's; `quality` is null where the session measured nothing."""

    session_id: str
    user_id: str
    video_id: UUID
    course_id: str
    title: str
    started_at: datetime
    last_report_at: datetime
    state: str
    quality: SessionQualityView | None


class SessionTimeline(PlaybackSessionView, frozen=True, kw_only=True):
    """Each moment has `at`, `kind`, and what belongs to its kind (`docs/analytics.md`)."""

    timeline: list[dict[str, Any]]
    cause: str | None
    sentence: str


@endpoint(
    "GET /api/v1/analytics/sessions",
    Operation(
        tag=Tag.ANALYTICS,
        summary="Playback sessions of a user or a video: one's own, for instructors their courses'",
        answers=(Answer(200, "A page of them.", {JSON: Listing[PlaybackSessionView]}),),
        parameters=("of_user", "of_video", "from", "to", *PAGED),
        problems=SEEING,
    ),
)
async def list_sessions(request: web.Request) -> web.Response:
    """Lists sessions by their beginning; without a user or a video the caller's own."""
    user_id, video_id = await queried_user_id(request), _queried_video_id(request)
    if user_id is None and video_id is None:
        user_id = request[keys.VIEWER].user_id
    (since, until), page = moments_of(request.query), page_of_people(request)
    naming = naming_of(request)
    rows = await session_search.search(
        request.app[keys.DATABASE],
        _searcher(request),
        user_id,
        video_id,
        since,
        until,
        page.after(tuple[datetime, str, UUID, str], (BEGINNING, "", NO_UUID, "")),
        page.fetch_limit,
    )
    return answer_json(page.answer(rows, lambda row: _view(row, naming), lambda row: row.place))


@endpoint(
    "GET /api/v1/analytics/sessions/{session_id}",
    Operation(
        tag=Tag.ANALYTICS,
        summary="A session as a timeline, and why it stalled; without a user one's own",
        answers=(Answer(200, "The session.", {JSON: SessionTimeline}),),
        parameters=("of_user",),
        problems=SEEING,
    ),
)
async def explain_session(request: web.Request) -> web.Response:
    database, viewer = request.app[keys.DATABASE], request[keys.VIEWER]
    user_id = await queried_user_id(request) or viewer.user_id
    try:
        session_id = msgspec.convert(request.match_info["session_id"], SessionId)
    except msgspec.ValidationError:
        refuse_missing(viewer)
    found = await session_search.get(database, _searcher(request), user_id, session_id)
    if found is None:
        refuse_missing(viewer)
    is_by_edge = bool(request.app[keys.MEDIA_ADDRESSES].url)
    timeline = await read_timeline(database, found, is_by_edge=is_by_edge)
    return answer_json(_timeline(found, timeline, naming_of(request)))


def _searcher(request: web.Request) -> Searcher:
    viewer = request[keys.VIEWER]
    return Searcher(viewer.user_id, viewer.is_privileged)


def _queried_video_id(request: web.Request) -> UUID | None:
    try:
        return msgspec.convert(request.query.get("video_id"), UUID | None, strict=False)
    except msgspec.ValidationError as exc:
        raise InvalidRequest("video_id must be a UUID.") from exc


def _fields(row: FoundSession, naming: Naming) -> dict[str, Any]:
    measures = None if row.measures is None else parse_measures(row.measures)
    return {
        "session_id": row.session_id,
        "user_id": naming.shown(row.user_id),
        "video_id": row.video_id,
        "course_id": row.course_id,
        "title": row.title,
        "started_at": row.started_at,
        "last_report_at": row.last_report_at,
        "state": row.state,
        "quality": None if measures is None else SessionQualityView.of(measures),
    }


def _view(row: FoundSession, naming: Naming) -> PlaybackSessionView:
    return PlaybackSessionView(**_fields(row, naming))


def _timeline(row: FoundSession, timeline: ExplainedSession, naming: Naming) -> SessionTimeline:
    moments = [{"at": one.at, "kind": one.kind, **one.details} for one in timeline.moments]
    return SessionTimeline(
        **_fields(row, naming),
        timeline=moments,
        cause=timeline.cause,
        sentence=timeline.sentence,
    )
