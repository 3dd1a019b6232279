"""Video endpoints: list, show, rename and place, delete, restore."""

from datetime import datetime
from uuid import UUID

from aiohttp import web
from msgspec import UNSET

from db import courses, positions
from db.pool import Transaction
from db.videos import videos
from db.videos.video import Video
from events.log.snapshots import VideoSnapshot
from events.log.video_events import append_updated
from handlers import keys
from handlers.access.rules import Right, refuse_missing
from handlers.checks.authorisation import allowed_module, allowed_video
from handlers.messages import Listing, VideoPatch, answer_json, read_json, video_id_of
from handlers.openapi.descriptions import (
    ALLOWED,
    BODY,
    GONE,
    JSON,
    PAGED,
    SEEING,
    Answer,
    Body,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING, NO_UUID, page_of
from handlers.people import shown_video


@endpoint(
    "GET /api/v1/modules/{module_id}/videos",
    Operation(
        tag=Tag.VIDEOS,
        summary="The videos of a module; students see those that are ready",
        answers=(Answer(200, "A page of them.", {JSON: Listing[VideoSnapshot]}),),
        parameters=PAGED,
        problems=SEEING,
    ),
)
async def list_videos(request: web.Request) -> web.Response:
    """Lists a module's videos, oldest first; students see ready ones only."""
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    access = request.app[keys.ACCESS]
    module = await allowed_module(request, Right.WATCH)
    page = page_of(request)
    found = await videos.list_of_module(
        database,
        module.id,
        ready_only=not await access.may(viewer, module.course_id, Right.SEE_UNREADY),
        after=page.after(tuple[datetime, UUID], (BEGINNING, NO_UUID)),
        limit=page.fetch_limit,
    )
    return answer_json(
        page.answer(
            found,
            lambda video: shown_video(request, video),
            lambda video: (video.created_at, video.id),
        )
    )


@endpoint(
    "GET /api/v1/videos/{video_id}",
    Operation(
        tag=Tag.VIDEOS,
        summary="A video",
        answers=(Answer(200, "The video.", {JSON: VideoSnapshot}),),
        problems=SEEING,
    ),
)
async def get_video(request: web.Request) -> web.Response:
    return answer_json(shown_video(request, await allowed_video(request, Right.WATCH)))


@endpoint(
    "PATCH /api/v1/videos/{video_id}",
    Operation(
        tag=Tag.VIDEOS,
        summary="Rename a video, or place it in its module (instructor)",
        answers=(Answer(200, "The video.", {JSON: VideoSnapshot}),),
        body=Body({JSON: VideoPatch}),
        problems=(*ALLOWED, *BODY),
    ),
)
async def patch_video(request: web.Request) -> web.Response:
    """Renames or places a video."""
    video = await allowed_video(request, Right.EDIT)
    body = await read_json(request, VideoPatch)
    async with request.app[keys.DATABASE].transaction() as transaction:
        if await _change(transaction, video.id, body):
            await append_updated(transaction, video.id, request[keys.VIEWER].user_id)
        changed = await videos.get(transaction, video.id)
    request.app[keys.CATALOG].forget(video.id)
    return answer_json(shown_video(request, changed or video))


@endpoint(
    "DELETE /api/v1/videos/{video_id}",
    Operation(
        tag=Tag.VIDEOS,
        summary="Delete a video (instructor); it can be restored for a while",
        answers=GONE,
        problems=ALLOWED,
    ),
)
async def delete_video(request: web.Request) -> web.Response:
    """Soft-deletes a video; its files are removed after the trash retention."""
    video = await allowed_video(request, Right.EDIT)
    gone = await request.app[keys.DELETION].delete_video(video.id, request[keys.VIEWER].user_id)
    request.app[keys.CATALOG].forget(*gone)
    return web.Response(status=204)


@endpoint(
    "POST /api/v1/videos/{video_id}/restore",
    Operation(
        tag=Tag.VIDEOS,
        summary="Undo a deletion (instructor)",
        answers=(Answer(200, "The video, as it was.", {JSON: VideoSnapshot}),),
        problems=ALLOWED,
    ),
)
async def restore_video(request: web.Request) -> web.Response:
    """Restores a video from the trash; returns a video that was not deleted unchanged."""
    viewer = request[keys.VIEWER]
    video = await _restorable_video(request)
    if video is None:
        refuse_missing(viewer)
    await request.app[keys.ACCESS].require(viewer, video.course_id, Right.EDIT)
    restored = await request.app[keys.DELETION].restore(video, viewer.user_id)
    if restored is None:  # it left the trash in the last moment
        refuse_missing(viewer)
    return answer_json(shown_video(request, restored))


async def _change(transaction: Transaction, video_id: UUID, body: VideoPatch) -> bool:
    """False when the video is as the body has it, or deleted."""
    is_changed = False
    if body.title is not UNSET:
        is_changed = await videos.rename(transaction, video_id, body.title)
    if body.position is not UNSET:
        is_changed |= await positions.set_video(transaction, video_id, body.position)
    return is_changed


async def _restorable_video(request: web.Request) -> Video | None:
    """Returns the video of the path, a deleted one only to callers who may restore it.

    Only admin and service can restore a video of a deleted course.
    """
    viewer, database = request[keys.VIEWER], request.app[keys.DATABASE]
    video = await request.app[keys.DELETION].find(video_id_of(request) or NO_UUID)
    if video is None or video.deleted_at is None or viewer.is_privileged:
        return video
    may_restore = await request.app[keys.ACCESS].may(viewer, video.course_id, Right.EDIT)
    if not may_restore or await courses.get_course(database, video.course_id) is None:
        return None
    return video
