"""Figures of the service itself, for its operator: live numbers, problems, storage by course.

The numbers are those of `/metrics`, of all processes of this machine, in a form that a page reads.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from aiohttp import web

from db import jobs
from db.insight import problems
from db.insight.problems import Kind, ServiceProblem
from db.insight.storage_shares import StorageShare
from db.progress import sessions
from handlers import keys
from handlers.errors import NotAllowed
from handlers.messages import answer_json
from handlers.openapi.descriptions import JSON, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from storage.mount.space import read_space

MOST_PROBLEMS = 100
MOST_COURSES = 100
FOLLOWED = (
    "transfers_running",
    "sent_bytes",
    "event_subscribers",
    "events_waiting",
    "progress_reports_waiting",
    "progress_reports_committed",
    "damaged_files",
)


class PlaybacksView(msgspec.Struct, frozen=True):
    playing: int
    paused: int


class JobsView(msgspec.Struct, frozen=True):
    """Background jobs; those that succeeded are gone."""

    waiting: int
    running: int
    failed: int


class ProblemView(msgspec.Struct, frozen=True):
    """`subject_id` is of a video, or of a webhook; `at` is null where nobody noted it."""

    kind: Kind
    subject_id: str
    course_id: str | None
    title: str | None
    code: str | None
    detail: str | None
    count: int
    at: datetime | None

    @staticmethod
    def of(problem: ServiceProblem) -> "ProblemView":
        return msgspec.convert(problem, ProblemView, from_attributes=True)


class ServerView(msgspec.Struct, frozen=True, kw_only=True):
    """Transfers and bytes are by purpose; sent bytes and reports rise from the start on."""

    playbacks: PlaybacksView
    transfers: dict[str, int]
    sent_bytes: dict[str, int]
    event_streams: int
    events_waiting: int
    reports_waiting: int
    reports_stored: int
    damaged_files: int
    jobs: JobsView
    problems: list[ProblemView]


class StorageShareView(msgspec.Struct, frozen=True):
    course_id: str
    title: str
    videos: int
    bytes: int

    @staticmethod
    def of(share: StorageShare) -> "StorageShareView":
        return msgspec.convert(share, StorageShareView, from_attributes=True)


class StorageView(msgspec.Struct, frozen=True, kw_only=True):
    """`used_bytes` is what the quota counts; the largest courses come first. Both may be seconds
    old, since all files are summed up; the disk's are of this moment."""

    disk_bytes: int
    free_bytes: int
    used_bytes: int
    quota_bytes: int | None
    courses: list[StorageShareView]


@endpoint(
    "GET /api/v1/analytics/server",
    Operation(
        tag=Tag.ANALYTICS,
        summary="The service at this moment, and its problems (admin, service)",
        answers=(Answer(200, "The numbers.", {JSON: ServerView}),),
        problems=(NotAllowed,),
    ),
)
async def get_server(request: web.Request) -> web.Response:
    """The numbers of all processes on this machine; jobs and playbacks of all machines."""
    _require_operator(request)
    metrics, database = request.app[keys.METRICS], request.app[keys.DATABASE]
    metrics.sample()
    numbers = await request.app[keys.DISK].run(metrics.numbers, *FOLLOWED)
    return answer_json(
        _server_view(
            numbers,
            await sessions.count_open(database),
            await jobs.count_by_status(database),
            await problems.list_problems(database, MOST_PROBLEMS),
        )
    )


@endpoint(
    "GET /api/v1/analytics/storage",
    Operation(
        tag=Tag.ANALYTICS,
        summary="The storage and its largest courses (admin, service)",
        answers=(Answer(200, "The bytes.", {JSON: StorageView}),),
        problems=(NotAllowed,),
    ),
)
async def get_storage(request: web.Request) -> web.Response:
    _require_operator(request)
    app = request.app
    disk = await read_space(app[keys.STORAGE].root, app[keys.DISK])
    stored = await app[keys.STORED_BYTES].get(MOST_COURSES)
    return answer_json(
        StorageView(
            disk_bytes=disk.size_bytes,
            free_bytes=disk.free_bytes,
            used_bytes=stored.used_bytes,
            quota_bytes=app[keys.UPLOAD_SETTINGS].quota_bytes,
            courses=[StorageShareView.of(share) for share in stored.courses],
        )
    )


def _require_operator(request: web.Request) -> None:
    """Raises: NotAllowed."""
    if not request[keys.VIEWER].is_privileged:
        raise NotAllowed


def _server_view(
    numbers: Mapping[str, Mapping[str, float]],
    playbacks: Mapping[str, int],
    by_status: Mapping[str, int],
    found: list[ServiceProblem],
) -> ServerView:
    def number(name: str) -> int:
        return int(sum(numbers[name].values()))

    return ServerView(
        playbacks=PlaybacksView(playbacks.get("playing", 0), playbacks.get("paused", 0)),
        transfers={key: int(count) for key, count in numbers["transfers_running"].items()},
        sent_bytes={key: int(count) for key, count in numbers["sent_bytes"].items()},
        event_streams=number("event_subscribers"),
        events_waiting=number("events_waiting"),
        reports_waiting=number("progress_reports_waiting"),
        reports_stored=number("progress_reports_committed"),
        damaged_files=number("damaged_files"),
        jobs=JobsView(*(by_status.get(status, 0) for status in ("todo", "doing", "failed"))),
        problems=[ProblemView.of(problem) for problem in found],
    )
