"""The URL table."""

from aiohttp import web

from handlers import health, metrics
from handlers.courses import courses, enrollments, videos
from handlers.event_stream import event_stream
from handlers.openapi import document
from handlers.pages import pages
from handlers.playback import grants, playback, text_tracks, thumbnails
from handlers.progress import progress
from handlers.uploads import form_upload, open_uploads, tus

API = "/api/v1"
COURSE = API + "/courses/{course_id}"
MODULE = API + "/modules/{module_id}"
UPLOADS = API + "/uploads"
UPLOAD = UPLOADS + "/{upload_id}"
VIDEO = API + "/videos/{video_id}"
PLAY = "/play/{grant}"


def routes() -> list[web.RouteDef]:
    return [
        web.get(API + "/courses", courses.list_courses),
        web.put(COURSE, courses.put_course),
        web.get(COURSE, courses.get_course),
        web.delete(COURSE, courses.delete_course),
        web.put(COURSE + "/modules/{module_id}", courses.put_module),
        web.delete(COURSE + "/modules/{module_id}", courses.delete_module),
        web.get(COURSE + "/enrollments", enrollments.list_enrollments),
        web.put(COURSE + "/enrollments/{user_id}", enrollments.put_enrollment),
        web.delete(COURSE + "/enrollments/{user_id}", enrollments.delete_enrollment),
        web.get(COURSE + "/progress", progress.list_progress),
        web.post(MODULE + "/videos", form_upload.post_video),
        web.get(MODULE + "/videos", videos.list_videos),
        web.get(UPLOADS, open_uploads.list_uploads, allow_head=False),
        web.get(COURSE + "/uploads", open_uploads.list_course_uploads),
        web.options(UPLOADS, tus.tell_uploads),
        web.post(UPLOADS, tus.post_upload),
        web.options(UPLOAD, tus.tell_upload),
        web.head(UPLOAD, tus.head_upload),
        web.patch(UPLOAD, tus.patch_upload),
        web.delete(UPLOAD, tus.delete_upload),
        web.get(VIDEO, videos.get_video),
        web.patch(VIDEO, videos.patch_video),
        web.delete(VIDEO, videos.delete_video),
        web.post(VIDEO + "/restore", videos.restore_video),
        web.post(VIDEO + "/playback", grants.post_playback),
        web.get(VIDEO + "/stream", playback.get_stream),
        web.get(VIDEO + "/download", playback.get_download),
        web.put(VIDEO + "/thumbnail", thumbnails.put_thumbnail),
        web.get(VIDEO + "/thumbnails/{size}", playback.get_thumbnail),
        web.put(VIDEO + "/captions/{language}", text_tracks.put_captions),
        web.get(VIDEO + "/captions/{language}", text_tracks.get_captions),
        web.delete(VIDEO + "/captions/{language}", text_tracks.delete_captions),
        web.put(VIDEO + "/chapters", text_tracks.put_chapters),
        web.get(VIDEO + "/chapters", text_tracks.get_chapters),
        web.delete(VIDEO + "/chapters", text_tracks.delete_chapters),
        web.get(VIDEO + "/storyboard.vtt", playback.get_storyboard),
        web.get(VIDEO + "/storyboard-{sheet}.jpg", playback.get_storyboard_sheet),
        web.get(VIDEO + "/progress", progress.get_progress),
        web.put(VIDEO + "/progress", progress.put_progress),
        web.get(API + "/events", event_stream.get_events),
        web.post(API + "/events/grant", grants.post_events_grant),
        web.get(PLAY + "/events", event_stream.get_events_by_grant, allow_head=False),
        web.post(PLAY + "/{video_id}/progress", progress.post_progress),
        web.get(PLAY + "/{video_id}/captions/{language}", text_tracks.get_captions_by_grant),
        web.get(PLAY + "/{video_id}/chapters", text_tracks.get_chapters_by_grant),
        web.get(PLAY + "/{video_id}/{asset}", playback.get_asset),
        web.get("/healthz", health.get_healthz),
        web.get("/readyz", health.get_readyz),
        web.get("/metrics", metrics.get_metrics),
        web.get("/openapi.json", document.get_openapi),
        web.get("/docs", pages.show_docs),
        web.get("/", pages.show_home),
        web.get("/watch/{video_id}", pages.show_watch),
        web.get("/web/{name}", pages.serve_file),
        web.get("/favicon.ico", pages.show_icon),
    ]
