"""Playback sessions as a help desk looks for them: of a user or a video, by time.

They are those of reports, and those that requests alone tell of (CMCD).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from db.pool import Queries, Row
from db.progress.report_batch import MEASURES

# Instructors see those of the courses that they teach, everyone their own.
VISIBLE = """{{chosen}} AND (%(sees_all)s OR s.user_id = %(viewer)s OR EXISTS (
    SELECT FROM enrollments e WHERE e.course_id = {course} AND e.user_id = %(viewer)s
      AND e.role = 'instructor'
))"""
OF_REPORTS = f"""
SELECT s.started_at, s.user_id, s.video_id::text AS video_id, s.session_id, p.course_id,
    s.last_report_at, s.state, {MEASURES} AS measures, v.title
FROM playback_sessions s
JOIN progress p ON p.user_id = s.user_id AND p.video_id = s.video_id
JOIN videos v ON v.id = s.video_id AND v.deleted_at IS NULL
WHERE {VISIBLE.format(course="p.course_id")}
"""
# Requests say nothing of a pause or an end.
OF_REQUESTS = f"""
SELECT s.started_at, s.user_id, s.video_id::text AS video_id, s.session_id, v.course_id,
    s.last_at AS last_report_at, 'unknown' AS state, s.measures::text AS measures, v.title
FROM cmcd_sessions s
JOIN videos v ON v.id = s.video_id AND v.deleted_at IS NULL
WHERE {VISIBLE.format(course="v.course_id")} AND NOT EXISTS (
    SELECT FROM playback_sessions r
    WHERE r.user_id = s.user_id AND r.video_id = s.video_id AND r.session_id = s.session_id
)
"""
# A page of a video's sessions goes on in their index, where the last one ended.
PAGE = """
  AND s.started_at >= greatest(%(since)s, %(after_time)s) AND s.started_at < %(until)s
  AND (s.started_at, s.user_id, s.video_id, s.session_id)
    > (%(after_time)s, %(after_user)s, %(after_video)s::uuid, %(after_session)s)
ORDER BY s.started_at, s.user_id, s.video_id, s.session_id LIMIT %(limit)s
"""
NAMED = "AND s.session_id = %(session_id)s"
BOTH = "({reports} {part}) UNION ALL ({requests} {part})"
SEARCH = f"""
{BOTH.format(reports=OF_REPORTS, requests=OF_REQUESTS, part=PAGE)}
ORDER BY started_at, user_id, video_id, session_id LIMIT %(limit)s
"""
NEWEST = f"""
{BOTH.format(reports=OF_REPORTS, requests=OF_REQUESTS, part=NAMED)}
ORDER BY last_report_at DESC LIMIT 1
"""
TEACHES = """
SELECT true AS teaches FROM videos v JOIN enrollments e ON e.course_id = v.course_id
WHERE v.id = %(video_id)s AND e.user_id = %(viewer)s AND e.role = 'instructor'
"""
OF_USER, OF_VIDEO = "s.user_id = %(user_id)s", "s.video_id = %(video_id)s"

SessionPlace = tuple[datetime, str, UUID, str]


@dataclass(frozen=True, slots=True)
class Searcher:
    """The caller who looks for sessions; `sees_all`: admins and services."""

    user_id: str
    sees_all: bool


@dataclass(frozen=True, slots=True)
class FoundSession:
    """`measures` are JSON; None where the session measured nothing."""

    started_at: datetime
    user_id: str
    video_id: UUID
    session_id: str
    course_id: str
    last_report_at: datetime
    state: str
    measures: str | None
    title: str

    @property
    def place(self) -> SessionPlace:
        return self.started_at, self.user_id, self.video_id, self.session_id


async def search(
    queries: Queries,
    searcher: Searcher,
    user_id: str | None,
    video_id: UUID | None,
    since: datetime,
    until: datetime,
    after: SessionPlace,
    limit: int,
) -> list[FoundSession]:
    """Sessions of a user, of a video or of both that the searcher may see, the oldest first."""
    if user_id is None and not await _sees_others(queries, searcher, video_id):
        user_id = searcher.user_id  # or those of all viewers would be read for one's own
    chosen = [OF_USER] * (user_id is not None) + [OF_VIDEO] * (video_id is not None)
    parameters: dict[str, Any] = {
        **_of(searcher),
        "user_id": user_id,
        "video_id": str(video_id),
        "since": since,
        "until": until,
        "after_time": after[0],
        "after_user": after[1],
        "after_video": str(after[2]),
        "after_session": after[3],
        "limit": limit,
    }
    rows = await queries.fetch_all(SEARCH.format(chosen=" AND ".join(chosen)), parameters)
    return [_session(row) for row in rows]


async def get(
    queries: Queries, searcher: Searcher, user_id: str, session_id: str
) -> FoundSession | None:
    """A session of a user that the searcher may see; of several of that name the newest."""
    parameters = {**_of(searcher), "user_id": user_id, "session_id": session_id}
    row = await queries.fetch_one(NEWEST.format(chosen=OF_USER), parameters)
    return None if row is None else _session(row)


async def _sees_others(queries: Queries, searcher: Searcher, video_id: UUID | None) -> bool:
    parameters = {"video_id": str(video_id), "viewer": searcher.user_id}
    return searcher.sees_all or await queries.fetch_one(TEACHES, parameters) is not None


def _of(searcher: Searcher) -> dict[str, Any]:
    return {"viewer": searcher.user_id, "sees_all": searcher.sees_all}


def _session(row: Row) -> FoundSession:
    return FoundSession(
        row.started_at,
        row.user_id,
        UUID(row.video_id),
        row.session_id,
        row.course_id,
        row.last_report_at,
        row.state,
        row.measures,
        row.title,
    )
