"""Look-ups of what a path names, combined with the access check: endpoints never skip it.

`allowed_...` functions raise NotFound, to strangers NotEnrolled, NotAllowed where the role does not
suffice, and InvalidRequest for what is no id.
"""

from uuid import UUID

from aiohttp import web

from db import course_outlines, courses
from db.course_outlines import Outline
from db.courses import Course, Module
from db.playing_terms import PlayingTerms
from db.uploads import uploads
from db.uploads.uploads import Upload
from db.videos.video import Video
from handlers import keys
from handlers.access.grants import PlaybackGrant
from handlers.access.revocation import held_grant
from handlers.access.rules import Right, refuse_missing, require_right
from handlers.errors import Failed, NotFound, NotReady
from handlers.messages import identifier, upload_id_of, video_id_of


async def allowed_course(request: web.Request, right: Right) -> Course:
    """Returns the course of the path."""
    return await allowed_course_named(request, identifier(request, "course_id"), right)


async def allowed_course_named(request: web.Request, course_id: str, right: Right) -> Course:
    """Returns a course that the query names."""
    course = await courses.get_course(request.app[keys.DATABASE], course_id)
    if course is None:
        refuse_missing(request[keys.VIEWER])
    await _require(request, course.id, right)
    return course


async def allowed_outline(request: web.Request) -> tuple[Course, Outline]:
    """Returns the course of the path with its outline, for who may watch it."""
    course_id = identifier(request, "course_id")
    told = await course_outlines.get_course(request.app[keys.DATABASE], course_id)
    if told is None:
        refuse_missing(request[keys.VIEWER])
    course, version = told
    await _require(request, course.id, Right.WATCH)
    return course, await request.app[keys.OUTLINES].get(course.id, version)


async def allowed_module(request: web.Request, right: Right) -> Module:
    """Returns the module of the path, checked against the path's course."""
    module = await courses.get_module(request.app[keys.DATABASE], identifier(request, "module_id"))
    if module and "course_id" in request.match_info:
        module = module if module.course_id == identifier(request, "course_id") else None
    return await _allowed(request, module, right)


async def allowed_module_named(request: web.Request, module_id: str, right: Right) -> Module:
    """Returns a module that a header or a form names."""
    module = await courses.get_module(request.app[keys.DATABASE], module_id)
    return await _allowed(request, module, right)


async def own_upload(request: web.Request) -> Upload:
    """Returns the upload of the path, which is visible only to its creator.

    Raises as `allowed_...`; NotFound, too, when it has ended.
    """
    upload_id = upload_id_of(request)
    upload = await uploads.get(request.app[keys.DATABASE], upload_id) if upload_id else None
    if upload is not None and upload.user_id != request[keys.VIEWER].user_id:
        upload = None
    return await _present(request, upload)


async def allowed_upload(request: web.Request) -> Upload:
    """Returns the upload of the path, for any editor of its course. Raises as `own_upload`."""
    upload_id = upload_id_of(request)
    upload = await uploads.get(request.app[keys.DATABASE], upload_id) if upload_id else None
    return await _present(request, upload)


async def allowed_video(request: web.Request, right: Right) -> Video:
    """Returns the video of the path."""
    return await allowed_video_named(request, video_id_of(request), right)


async def allowed_video_named(request: web.Request, video_id: UUID | None, right: Right) -> Video:
    """Returns a video that a header names, or the path."""
    catalog = request.app[keys.CATALOG]
    video = await catalog.get(video_id)
    if video is None:
        refuse_missing(request[keys.VIEWER])
    await _require(request, video.course_id, right)
    # Checked again, from memory: a deletion during the check ends only transfers open by then.
    video = await catalog.get(video_id)
    if video is None:
        refuse_missing(request[keys.VIEWER])
    return video


async def playable_video(request: web.Request) -> tuple[Video, PlayingTerms]:
    """Returns the video of the path and the terms on which its viewer may play it, both of now: no
    cache decides."""
    viewer, video_id = request[keys.VIEWER], video_id_of(request)
    if video_id is None:
        refuse_missing(viewer)
    terms = await request.app[keys.PLAYING_TERMS].read(viewer.user_id, video_id)
    if terms.course_id is None:
        refuse_missing(viewer)
    if not viewer.is_privileged:
        require_right(terms.role, Right.WATCH)
    video = await request.app[keys.CATALOG].get_version(video_id, terms.video_version)
    if video is None:
        refuse_missing(viewer)
    return video, terms


async def replaceable_video(request: web.Request, video_id: UUID | None) -> Video:
    """Returns a video whose film the caller may replace. Raises NotReady for one that is
    still taken over from S3."""
    video = await allowed_video_named(request, video_id, Right.EDIT)
    if video.plays_from is not None:
        raise NotReady("The video is still being taken over from S3.")
    return video


async def video_for_edge(request: web.Request) -> Video:
    """Returns the video of the path for an edge, which knows the origin's secret.

    Raises NotAllowed, NotFound, NotReady, Failed.
    """
    request.app[keys.ORIGIN_SECRET].require(request.headers)
    video = await request.app[keys.CATALOG].get(video_id_of(request))
    if video is None:
        raise NotFound
    require_ready(video)
    return video


def require_ready(video: Video) -> None:
    """Raises NotReady, or Failed with the reason."""
    if video.status in ("announced", "processing"):
        raise NotReady
    if video.status == "failed":
        raise Failed(video.failure_detail)


def granted(request: web.Request) -> PlaybackGrant:
    """Returns the grant of the path, if it is valid for the video of the path.

    Raises InvalidToken, NotEnrolled, Unavailable.
    """
    app, token = request.app, request.match_info["grant"]
    return held_grant(app[keys.GRANTS], app[keys.REVOCATIONS], token, video_id_of(request))


async def _allowed(request: web.Request, module: Module | None, right: Right) -> Module:
    if module is None:
        refuse_missing(request[keys.VIEWER])
    await _require(request, module.course_id, right)
    return module


async def _present(request: web.Request, upload: Upload | None) -> Upload:
    if upload is None:
        refuse_missing(request[keys.VIEWER])
    await _require(request, upload.course_id, Right.EDIT)
    if upload.is_gone:
        raise NotFound
    return upload


async def _require(request: web.Request, course_id: str, right: Right) -> None:
    """Raises NotEnrolled, NotAllowed."""
    await request.app[keys.ACCESS].require(request[keys.VIEWER], course_id, right)
