"""Replacement of a video's film in one request, as `multipart/form-data`.

The film before plays until the new one is ready; id, title, captions and progress stay.
"""

from uuid import uuid4

from aiohttp import web

from db.videos.replacements import NewReplacement
from events.log.snapshots import VideoSnapshot
from handlers import keys
from handlers.access.rules import refuse_missing
from handlers.checks.authorisation import replaceable_video
from handlers.errors import NotReady
from handlers.messages import answer_json, video_id_of
from handlers.openapi.descriptions import JSON, Answer, Body, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.people import shown_video
from handlers.uploads.form_upload import FORM, REFUSALS, receive_form


@endpoint(
    "PUT /api/v1/videos/{video_id}/file",
    Operation(
        tag=Tag.VIDEOS,
        summary="Replace a video's film (instructor); `title` is not taken",
        answers=(
            Answer(
                200,
                "Received and stored; the film before plays until this one is ready.",
                {JSON: VideoSnapshot},
            ),
        ),
        body=Body({"multipart/form-data": FORM}),
        problems=(*REFUSALS, NotReady),
    ),
)
async def put_file(request: web.Request) -> web.Response:
    video = await replaceable_video(request, video_id_of(request))
    async with receive_form(request, video.course_id) as form:
        # Rights may have changed while hours of lecture arrived.
        video = await replaceable_video(request, video_id_of(request))
        new = NewReplacement(uuid4(), video.id, video.course_id, form.file)
        changed = await form.upload.publish(new)
    request.app[keys.CATALOG].forget(video.id)
    if changed is None:  # the video was deleted in the last moment
        refuse_missing(request[keys.VIEWER])
    return answer_json(shown_video(request, changed))
