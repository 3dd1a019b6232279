"""Every handler described: the table from which the OpenAPI document is made.

A handler that stands in the URL table and not here keeps the server from starting, and fails a
test. Described is what the handler itself does; what all of them share (a token that is missing, a
database that is away) is added where the document is made.
"""

from collections.abc import Mapping
from typing import Any

from events.log.snapshots import VideoSnapshot
from handlers import health, metrics
from handlers.courses import courses, enrollments, videos
from handlers.errors import (
    ChecksumMismatch,
    EmptyUpload,
    Failed,
    InvalidRequest,
    Locked,
    ModuleElsewhere,
    NotAcceptable,
    NotAllowed,
    NotEnrolled,
    NotFound,
    NotReady,
    NoVideo,
    OffsetMismatch,
    OverQuota,
    PreconditionFailed,
    RangeNotSatisfiable,
    RateLimited,
    RequestError,
    TooComplex,
    TooLarge,
    Undecodable,
    UnsupportedFormat,
)
from handlers.event_stream import event_stream
from handlers.messages import (
    CoursePut,
    CourseSummary,
    CourseView,
    EnrollmentPut,
    EnrollmentView,
    EventsGrantPost,
    EventsGrantView,
    Health,
    Listing,
    ModulePut,
    ModuleView,
    PlaybackPost,
    PlaybackView,
    ProgressItem,
    ProgressPut,
    ProgressView,
    Readiness,
    ThumbnailPut,
    UploadView,
    VideoPatch,
)
from handlers.openapi import document
from handlers.openapi.descriptions import (
    BYTES,
    CONDITIONS,
    FILTERS,
    JSON,
    PAGED,
    RANGES,
    TEXT,
    UPLOAD_FACTS,
    VALIDATORS,
    Answer,
    Body,
    Operation,
)
from handlers.pages import pages
from handlers.playback import grants, playback, text_tracks, thumbnails
from handlers.progress import progress
from handlers.uploads import form_upload, open_uploads, tus
from handlers.uploads.tus_headers import OFFSET_OCTETS

COURSES, VIDEOS, PLAYING, PROGRESS = "Course structure", "Videos", "Playing", "Progress"
EVENTS, OPERATING, PAGES = "Events", "Operations", "Pages"

SEEING = (InvalidRequest, NotEnrolled, NotFound)
ALLOWED = (*SEEING, NotAllowed)
BODY = (InvalidRequest, TooLarge, UnsupportedFormat)
SERVED = (PreconditionFailed, RangeNotSatisfiable, RateLimited)
WATCHABLE = (NotReady, Failed)

FORM = {
    "type": "object",
    "properties": {
        "title": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Comes before `file`; without it the file name is the title.",
        },
        "file": {"contentMediaType": "application/octet-stream"},
    },
    "required": ["file"],
}
VIDEO_BYTES = {"video/mp4": BYTES, "video/webm": BYTES}
PICTURE_BYTES = {"image/jpeg": BYTES, "image/webp": BYTES, "image/avif": BYTES}
CUES = {"text/vtt": TEXT}
SUBTITLES = {media_type: TEXT for media_type in text_tracks.MEDIA_TYPES}
EVENT_STREAM = (
    "Server-sent events (WHATWG HTML section 9.2): `id` is the place in the log, `event` the type,"
    " `data` JSON with `video_id`, `course_id`, `user_id`, `occurred_at` and what the type tells."
    " `reset` says that what was missed is no longer kept. Ends when the credential does."
)
BEACON = {**TEXT, "contentMediaType": JSON, "description": "JSON as for `application/json`."}


IN_S3 = Answer(
    307,
    "The bytes still stand in S3: `Location` opens them there, Range included, until the grant"
    " ends at the latest (by bearer token for 15 minutes).",
    headers=("Location", "Cache-Control"),
)


def _bytes(content: Mapping[str, Any], *, varies: bool) -> tuple[Answer, ...]:
    headers = (*VALIDATORS, *(("Vary",) if varies else ()))
    ranged = ("Accept-Ranges", "Content-Length", *headers)
    several = {**content, "multipart/byteranges": BYTES}
    return (
        Answer(200, "The whole file.", content, ranged),
        Answer(206, "The ranges asked for.", several, ("Content-Range", *ranged)),
        Answer(304, "As the client has it.", headers=headers),
    )


def _put(kind: Any) -> tuple[Answer, ...]:
    return (Answer(200, "Changed, or as it was.", {JSON: kind}), Answer(201, "Made.", {JSON: kind}))


def _page(summary: str, content: Mapping[str, Any]) -> Operation:
    return Operation(
        tag=PAGES,
        summary=summary,
        answers=(
            Answer(200, "The file.", content, VALIDATORS),
            Answer(304, "As the client has it.", headers=VALIDATORS),
        ),
        parameters=CONDITIONS,
        problems=(NotFound, PreconditionFailed),
    )


def _put_track(summary: str) -> Operation:
    return Operation(
        tag=VIDEOS,
        summary=summary,
        answers=_put(VideoSnapshot),
        body=Body(SUBTITLES),
        parameters=("If-Match", "If-None-Match"),
        problems=(*ALLOWED, *BODY, EmptyUpload, PreconditionFailed),
    )


def _get_track(summary: str, problems: tuple[type[RequestError], ...]) -> Operation:
    return Operation(
        tag=VIDEOS,
        summary=summary,
        answers=(
            Answer(200, "The cues.", CUES, VALIDATORS),
            Answer(304, "As the client has it.", headers=VALIDATORS),
        ),
        parameters=CONDITIONS,
        problems=(*problems, InvalidRequest, PreconditionFailed, RateLimited),
        has_head=True,
    )


def _delete_track(summary: str) -> Operation:
    return Operation(
        tag=VIDEOS,
        summary=summary,
        answers=GONE,
        parameters=("If-Match",),
        problems=(*ALLOWED, PreconditionFailed),
    )


GONE = (Answer(204, "Gone."),)
OCTETS = Body({OFFSET_OCTETS: BYTES}, is_required=False)
RECEIVING = (
    PreconditionFailed,
    TooLarge,
    UnsupportedFormat,
    Undecodable,
    NoVideo,
    TooComplex,
    Locked,
    ChecksumMismatch,
    OverQuota,
)
TUS = Operation(
    tag=VIDEOS,
    summary="What is understood of tus 1.0.0 (https://tus.io/protocols/resumable-upload)",
    answers=(
        Answer(
            204,
            "This.",
            headers=("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
        ),
    ),
    access="open",
)
HTML = {"text/html": TEXT}
STREAM = (
    Answer(
        200,
        EVENT_STREAM,
        {"text/event-stream": TEXT},
        ("Cache-Control", "X-Accel-Buffering"),
    ),
    Answer(204, "There will be nothing for this client: it should not come back."),
)

OPERATIONS: Mapping[Any, Operation] = {
    # Course structure
    courses.list_courses: Operation(
        tag=COURSES,
        summary="The caller's courses; all for admin and service",
        answers=(Answer(200, "A page of them.", {JSON: Listing[CourseSummary]}),),
        parameters=PAGED,
        problems=(InvalidRequest,),
    ),
    courses.put_course: Operation(
        tag=COURSES,
        summary="Create or rename a course (admin, service)",
        answers=_put(CourseSummary),
        body=Body({JSON: CoursePut}),
        problems=(*BODY, NotEnrolled, NotAllowed),
    ),
    courses.get_course: Operation(
        tag=COURSES,
        summary="A course with its modules and their videos, each with the caller's progress",
        answers=(Answer(200, "The course.", {JSON: CourseView}),),
        problems=SEEING,
    ),
    courses.delete_course: Operation(
        tag=COURSES,
        summary="Delete a course with its videos (admin, service)",
        answers=GONE,
        problems=ALLOWED,
    ),
    courses.put_module: Operation(
        tag=COURSES,
        summary="Create or change a module (instructor)",
        answers=_put(ModuleView),
        body=Body({JSON: ModulePut}),
        problems=(*ALLOWED, *BODY, ModuleElsewhere),
    ),
    courses.delete_module: Operation(
        tag=COURSES,
        summary="Delete a module with its videos (instructor)",
        answers=GONE,
        problems=ALLOWED,
    ),
    enrollments.list_enrollments: Operation(
        tag=COURSES,
        summary="Who is enrolled (instructor)",
        answers=(Answer(200, "A page of them.", {JSON: Listing[EnrollmentView]}),),
        parameters=PAGED,
        problems=ALLOWED,
    ),
    enrollments.put_enrollment: Operation(
        tag=COURSES,
        summary="Enrol a user, or change the role (an instructor: students only)",
        answers=_put(EnrollmentView),
        body=Body({JSON: EnrollmentPut}),
        problems=(*ALLOWED, *BODY),
    ),
    enrollments.delete_enrollment: Operation(
        tag=COURSES,
        summary="Withdraw a user: grants, transfers, event streams and uploads end",
        answers=GONE,
        problems=ALLOWED,
    ),
    # Videos
    form_upload.post_video: Operation(
        tag=VIDEOS,
        summary="Upload a video (instructor)",
        answers=(
            Answer(201, "Received and stored; processing.", {JSON: VideoSnapshot}, ("Location",)),
        ),
        body=Body({"multipart/form-data": FORM}),
        problems=(
            *ALLOWED,
            *BODY,
            EmptyUpload,
            Undecodable,
            NoVideo,
            TooComplex,
            OverQuota,
            RateLimited,
        ),
    ),
    open_uploads.list_uploads: Operation(
        tag=VIDEOS,
        summary="The caller's resumable uploads that are open",
        answers=(Answer(200, "A page of them.", {JSON: Listing[UploadView]}),),
        parameters=PAGED,
        problems=(InvalidRequest,),
    ),
    open_uploads.list_course_uploads: Operation(
        tag=VIDEOS,
        summary="The resumable uploads that are open in a course (instructor)",
        answers=(Answer(200, "A page of them.", {JSON: Listing[UploadView]}),),
        parameters=PAGED,
        problems=ALLOWED,
    ),
    tus.tell_uploads: TUS,
    tus.tell_upload: TUS,
    tus.post_upload: Operation(
        tag=VIDEOS,
        summary="Begin an upload that can be resumed (instructor), perhaps with its first bytes",
        answers=(Answer(201, "To be sent to `Location`.", headers=("Location", *UPLOAD_FACTS)),),
        body=OCTETS,
        parameters=("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Checksum"),
        problems=(*ALLOWED, *RECEIVING, EmptyUpload, RateLimited),
    ),
    tus.head_upload: Operation(
        tag=VIDEOS,
        summary="How far the caller's upload is; ends whoever writes to it",
        answers=(
            Answer(
                200,
                "How far it is.",
                headers=("Upload-Length", "Upload-Metadata", "Cache-Control", *UPLOAD_FACTS),
            ),
        ),
        parameters=("Tus-Resumable",),
        problems=(*ALLOWED, PreconditionFailed, Locked),
    ),
    tus.patch_upload: Operation(
        tag=VIDEOS,
        summary="Go on with the caller's upload; ends whoever writes to it",
        answers=(Answer(204, "Stored.", headers=UPLOAD_FACTS),),
        body=OCTETS,
        parameters=("Tus-Resumable", "Upload-Offset", "Upload-Checksum"),
        problems=(*ALLOWED, *RECEIVING, OffsetMismatch),
    ),
    tus.delete_upload: Operation(
        tag=VIDEOS,
        summary="Terminate an upload (who made it, instructor); a video that it became stays",
        answers=GONE,
        parameters=("Tus-Resumable",),
        problems=(*ALLOWED, PreconditionFailed, Locked),
    ),
    videos.list_videos: Operation(
        tag=VIDEOS,
        summary="The videos of a module; students see those that are ready",
        answers=(Answer(200, "A page of them.", {JSON: Listing[VideoSnapshot]}),),
        parameters=PAGED,
        problems=SEEING,
    ),
    videos.get_video: Operation(
        tag=VIDEOS,
        summary="A video",
        answers=(Answer(200, "The video.", {JSON: VideoSnapshot}),),
        problems=SEEING,
    ),
    videos.patch_video: Operation(
        tag=VIDEOS,
        summary="Rename a video (instructor)",
        answers=(Answer(200, "The video.", {JSON: VideoSnapshot}),),
        body=Body({JSON: VideoPatch}),
        problems=(*ALLOWED, *BODY),
    ),
    videos.delete_video: Operation(
        tag=VIDEOS,
        summary="Delete a video (instructor); it can be restored for a while",
        answers=GONE,
        problems=ALLOWED,
    ),
    videos.restore_video: Operation(
        tag=VIDEOS,
        summary="Undo a deletion (instructor)",
        answers=(Answer(200, "The video, as it was.", {JSON: VideoSnapshot}),),
        problems=ALLOWED,
    ),
    text_tracks.put_captions: _put_track("Captions of a language, as WebVTT or SRT (instructor)"),
    text_tracks.get_captions: _get_track("Captions as WebVTT, by bearer token", SEEING),
    text_tracks.get_captions_by_grant: _get_track("The same by grant, for `<track>`", ()),
    text_tracks.delete_captions: _delete_track("Remove captions (instructor)"),
    text_tracks.put_chapters: _put_track("Chapters, each a cue with its title (instructor)"),
    text_tracks.get_chapters: _get_track("Chapters as WebVTT, by bearer token", SEEING),
    text_tracks.get_chapters_by_grant: _get_track("The same by grant, for `<track>`", ()),
    text_tracks.delete_chapters: _delete_track("Remove chapters (instructor)"),
    thumbnails.put_thumbnail: Operation(
        tag=VIDEOS,
        summary="Choose the thumbnail (instructor): the frame at a second, or a picture",
        answers=(Answer(200, "The video; its pictures are the new ones.", {JSON: VideoSnapshot}),),
        body=Body({JSON: ThumbnailPut, **dict.fromkeys(thumbnails.ACCEPTED_TYPES, BYTES)}),
        problems=(*ALLOWED, *BODY, *WATCHABLE, EmptyUpload, Undecodable, TooComplex, OverQuota),
    ),
    # Playing
    grants.post_playback: Operation(
        tag=PLAYING,
        summary="A playback grant, and all that a player needs beside it",
        answers=(Answer(201, "Playing may begin.", {JSON: PlaybackView}),),
        body=Body({JSON: PlaybackPost}, is_required=False),
        problems=(*SEEING, *BODY, *WATCHABLE, RateLimited),
    ),
    playback.get_stream: Operation(
        tag=PLAYING,
        summary="The video's bytes, by bearer token",
        answers=(*_bytes(VIDEO_BYTES, varies=True), IN_S3),
        parameters=("format", "Accept", *RANGES),
        problems=(*SEEING, *WATCHABLE, NotAcceptable, *SERVED),
        has_head=True,
    ),
    playback.get_download: Operation(
        tag=PLAYING,
        summary="The same bytes, to be saved under the name that the file came with",
        answers=(*_bytes(VIDEO_BYTES, varies=True), IN_S3),
        parameters=("format", "Accept", *RANGES),
        problems=(*SEEING, *WATCHABLE, NotAcceptable, *SERVED),
        has_head=True,
    ),
    playback.get_asset: Operation(
        tag=PLAYING,
        summary="The bytes of a video, a picture or a storyboard, by grant",
        answers=(*_bytes(VIDEO_BYTES | PICTURE_BYTES | CUES, varies=False), IN_S3),
        parameters=RANGES,
        problems=SERVED,
        has_head=True,
    ),
    playback.get_storyboard: Operation(
        tag=PLAYING,
        summary="The storyboard: WebVTT whose cues point into sheets beside this address",
        answers=_bytes(CUES, varies=False),
        parameters=RANGES,
        problems=(*SEEING, *WATCHABLE, *SERVED),
        has_head=True,
    ),
    playback.get_storyboard_sheet: Operation(
        tag=PLAYING,
        summary="A sheet of the storyboard, as its cues name it",
        answers=_bytes({"image/jpeg": BYTES}, varies=False),
        parameters=RANGES,
        problems=(*SEEING, *WATCHABLE, *SERVED),
        has_head=True,
    ),
    playback.get_thumbnail: Operation(
        tag=PLAYING,
        summary="A picture of the video, by bearer token",
        answers=_bytes(PICTURE_BYTES, varies=True),
        parameters=("Accept", *RANGES),
        problems=(*SEEING, *WATCHABLE, NotAcceptable, *SERVED),
        has_head=True,
    ),
    # Progress
    progress.get_progress: Operation(
        tag=PROGRESS,
        summary="The caller's own progress; zeros before the first report",
        answers=(Answer(200, "The progress.", {JSON: ProgressView}),),
        problems=SEEING,
    ),
    progress.put_progress: Operation(
        tag=PROGRESS,
        summary="Report, by bearer token; answered once it is committed",
        answers=(Answer(200, "What holds after it.", {JSON: ProgressView}),),
        body=Body({JSON: ProgressPut}),
        problems=(*SEEING, *BODY, RateLimited),
    ),
    progress.post_progress: Operation(
        tag=PROGRESS,
        summary="Report, by grant, as `navigator.sendBeacon` can; any media type is read as JSON",
        answers=(Answer(200, "What holds after it.", {JSON: ProgressView}),),
        body=Body({JSON: ProgressPut, "text/plain": BEACON}),
        problems=(InvalidRequest, TooLarge, RateLimited),
    ),
    progress.list_progress: Operation(
        tag=PROGRESS,
        summary="Progress in a course: the caller's own, for instructors everyone's",
        answers=(Answer(200, "A page of it.", {JSON: Listing[ProgressItem]}),),
        parameters=("of_user", *PAGED),
        problems=ALLOWED,
    ),
    # Events
    event_stream.get_events: Operation(
        tag=EVENTS,
        summary="All that happens and the caller may see",
        answers=STREAM,
        parameters=FILTERS,
        problems=(InvalidRequest, RateLimited),
    ),
    event_stream.get_events_by_grant: Operation(
        tag=EVENTS,
        summary="The same for `EventSource`; with a playback grant, of its video alone",
        answers=STREAM,
        parameters=FILTERS,
        problems=(InvalidRequest, RateLimited),
    ),
    grants.post_events_grant: Operation(
        tag=EVENTS,
        summary="A grant for the caller's own event stream",
        answers=(Answer(201, "Where to listen.", {JSON: EventsGrantView}),),
        body=Body({JSON: EventsGrantPost}, is_required=False),
        problems=(*BODY, RateLimited),
    ),
    # Operations
    health.get_healthz: Operation(
        tag=OPERATING,
        summary="Alive",
        answers=(Answer(200, "The process runs.", {JSON: Health}),),
    ),
    health.get_readyz: Operation(
        tag=OPERATING,
        summary="Able to work",
        answers=(
            Answer(200, "Everything that is needed is in order.", {JSON: Readiness}),
            Answer(503, "Something is not.", {JSON: Readiness}),
        ),
    ),
    metrics.get_metrics: Operation(
        tag=OPERATING,
        summary="What Prometheus reads (admin, service)",
        answers=(Answer(200, "In its text format.", {"text/plain": TEXT}, ("Cache-Control",)),),
        problems=(NotAllowed,),
        access="bearer",
    ),
    document.get_openapi: Operation(
        tag=OPERATING,
        summary="This document",
        answers=(Answer(200, "OpenAPI 3.1.", {JSON: {"type": "object"}}, ("Cache-Control",)),),
    ),
    # Pages
    pages.show_docs: _page("This document, to read", HTML),
    pages.show_home: _page("The courses", HTML),
    pages.show_watch: _page("A video, to watch", HTML),
    pages.show_icon: _page("The icon", {"image/svg+xml": TEXT}),
    pages.serve_file: _page(
        "The pages' own files",
        {"text/html": TEXT, "text/css": TEXT, "text/javascript": TEXT, "image/svg+xml": TEXT},
    ),
}
