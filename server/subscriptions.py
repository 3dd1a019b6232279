"""Event subscriptions: the one place where listeners are connected to the emitter."""

from aiohttp import web

from events.log.emitter import Emitter
from events.log.types import EnrollmentChanged, Event, VideoDeleted, VideoEvent, VideoUpdated
from handlers import keys


def join(emitter: Emitter, app: web.Application) -> None:
    """Subscribes all listeners; the hub last, so that clients see an event after its effects."""
    access, revocations = app[keys.ACCESS], app[keys.REVOCATIONS]
    catalog, transfers, hub = app[keys.CATALOG], app[keys.TRANSFERS], app[keys.HUB]

    def enrollment_changed(_: int, event: EnrollmentChanged) -> None:
        access.apply(event)
        revocations.apply(event)
        transfers.end_for(
            event.user_id, event.course_id, event.version, is_withdrawn=event.role is None
        )

    def video_changed(_: int, event: VideoEvent) -> None:
        catalog.forget(event.video_id)

    def video_deleted(_: int, event: VideoDeleted) -> None:
        revocations.apply(event)
        transfers.end_for_video(event.video_id)

    def video_updated(_: int, event: VideoUpdated) -> None:
        revocations.apply(event)

    emitter.subscribe(EnrollmentChanged, enrollment_changed)
    emitter.subscribe(VideoEvent, video_changed)
    emitter.subscribe(VideoDeleted, video_deleted)
    emitter.subscribe(VideoUpdated, video_updated)
    emitter.subscribe(Event, hub.publish)
