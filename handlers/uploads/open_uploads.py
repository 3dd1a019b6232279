"""Lists of open resumable uploads: a user's, a course's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from aiohttp import web

from db.uploads import uploads
from db.uploads.uploads import Upload
from events.privacy.naming import Naming
from handlers import keys
from handlers.access.rules import Right
from handlers.checks.authorisation import allowed_course
from handlers.errors import InvalidRequest
from handlers.messages import Listing, UploadView, answer_json
from handlers.openapi.descriptions import ALLOWED, JSON, PAGED, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.paging import BEGINNING, NO_UUID, Page, page_of
from handlers.people import naming_of

FIRST = (BEGINNING, NO_UUID)


@endpoint(
    "GET /api/v1/uploads",
    Operation(
        tag=Tag.VIDEOS,
        summary="The caller's resumable uploads that are open",
        answers=(Answer(200, "A page of them.", {JSON: Listing[UploadView]}),),
        parameters=PAGED,
        problems=(InvalidRequest,),
    ),
    has_implied_head=False,
)
async def list_uploads(request: web.Request) -> web.Response:
    """The caller's own uploads, in all courses."""
    page = page_of(request)
    found = await uploads.list_of_user(
        request.app[keys.DATABASE],
        request[keys.VIEWER].user_id,
        after=page.after(tuple[datetime, UUID], FIRST),
        limit=page.fetch_limit,
    )
    return _answer(page, found, naming_of(request))


@endpoint(
    "GET /api/v1/courses/{course_id}/uploads",
    Operation(
        tag=Tag.VIDEOS,
        summary="The resumable uploads that are open in a course (instructor)",
        answers=(Answer(200, "A page of them.", {JSON: Listing[UploadView]}),),
        parameters=PAGED,
        problems=ALLOWED,
    ),
)
async def list_course_uploads(request: web.Request) -> web.Response:
    """The uploads of all users to a course, for callers who may add videos to it."""
    course = await allowed_course(request, Right.EDIT)
    page = page_of(request)
    found = await uploads.list_of_course(
        request.app[keys.DATABASE],
        course.id,
        after=page.after(tuple[datetime, UUID], FIRST),
        limit=page.fetch_limit,
    )
    return _answer(page, found, naming_of(request))


def _answer(page: Page, found: Sequence[Upload], naming: Naming) -> web.Response:
    return answer_json(
        page.answer(found, lambda one: _view(one, naming), lambda one: (one.created_at, one.id))
    )


def _view(upload: Upload, naming: Naming) -> UploadView:
    return UploadView(
        id=upload.id,
        course_id=upload.course_id,
        module_id=upload.module_id,
        title=upload.title,
        filename=upload.filename,
        uploaded_by=naming.shown(upload.user_id),
        length=upload.length_bytes,
        offset=upload.offset_bytes,
        replaces=upload.replaces,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )
