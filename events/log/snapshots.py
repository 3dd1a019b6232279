"""Snapshots of a video as clients see it, in API responses and in events."""

from datetime import UTC, datetime
from typing import Literal, TypeVar
from uuid import UUID

import msgspec

from db.media.rungs import RungRow
from db.videos.video import Video
from events.log.types import VideoSnapshotEvent

SnapshotEvent = TypeVar("SnapshotEvent", bound=VideoSnapshotEvent)


class Failure(msgspec.Struct, frozen=True):
    """The reason why a video cannot be played, for the instructor who uploaded it."""

    code: str
    detail: str


class Captions(msgspec.Struct, frozen=True):
    """URL of the WebVTT captions of a language (BCP 47)."""

    language: str
    url: str


class AudioTrackView(msgspec.Struct, frozen=True):
    """A sound of the served file; the language is a BCP 47 tag, null where the file states none."""

    language: str | None
    title: str | None
    default: bool


class ReplacementView(msgspec.Struct, frozen=True):
    """Another film for the video: how far it is, or why the video keeps the one that it has."""

    processing_ratio: float
    failure: Failure | None


class RenditionView(msgspec.Struct, frozen=True, kw_only=True):
    """A picture size of the adaptive ladder; what it takes is None until it is ready.

    `bitrate` is the average of the pictures alone, in bits a second; `codecs` as in RFC 6381.
    """

    height: int | None
    width: int | None
    bitrate: int | None
    codecs: str | None
    size: int | None
    state: Literal["waiting", "processing", "ready", "failed"]
    failure: Failure | msgspec.UnsetType = msgspec.UNSET


class VideoSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The API's video object.

    `position` is its place in the module; null comes after those that have one, oldest first.
    `size` (bytes) and `sha256` describe the served file; None until there is one. The media facts
    are None until the file has been probed.
    """

    id: UUID
    course_id: str
    module_id: str
    position: int | None
    title: str
    original_filename: str
    status: str
    failure: Failure | None
    processing_ratio: float
    duration: float | None
    width: int | None
    height: int | None
    frame_rate: float | None
    rotation: int | None
    container: str | None
    video_codec: str | None
    audio_codec: str | None
    mime_type: str | None
    size: int | None
    sha256: str | None
    original_size: int
    original_sha256: str | None
    formats: list[str]
    renditions: list[RenditionView]
    audio_tracks: list[AudioTrackView]
    thumbnails: dict[str, str]
    captions: list[Captions]
    chapters_url: str | None
    replacement: ReplacementView | None
    uploaded_by: str
    created_at: datetime
    updated_at: datetime


FILE_FACTS = (
    "width",
    "height",
    "frame_rate",
    "rotation",
    "container",
    "video_codec",
    "audio_codec",
)


def snapshot(video: Video) -> VideoSnapshot:
    media, primary = video.probed, video.primary
    return VideoSnapshot(
        id=video.id,
        course_id=video.course_id,
        module_id=video.module_id,
        position=video.position,
        title=video.title,
        original_filename=video.original_filename,
        # Playable from S3 counts as ready: clients need not know the source.
        status="ready" if video.plays_from else video.status,
        failure=_failure(video),
        processing_ratio=_processing_ratio(video),
        duration=video.duration_s,
        **{name: getattr(media, name, None) for name in FILE_FACTS},
        mime_type=getattr(primary or media, "mime_type", None),
        size=primary.size_bytes if primary else None,
        sha256=primary.sha256 if primary else None,
        original_size=video.original_size_bytes,
        original_sha256=video.original_sha256,
        formats=[row.format for row in video.representations],
        renditions=[_rendition(row) for row in video.rungs if row.kind == "video"],
        audio_tracks=_audio_tracks(video),
        thumbnails=thumbnail_urls(video),
        captions=captions(video, f"/api/v1/videos/{video.id}/"),
        chapters_url=chapters_url(video, f"/api/v1/videos/{video.id}/"),
        replacement=_replacement(video),
        uploaded_by=video.uploaded_by,
        created_at=video.created_at,
        updated_at=video.updated_at,
    )


def video_event(kind: type[SnapshotEvent], video: Video, user_id: str) -> SnapshotEvent:
    """Builds an event with a snapshot of the video; `user_id` is the acting user."""
    return kind(
        video_id=video.id,
        course_id=video.course_id,
        user_id=user_id,
        occurred_at=datetime.now(UTC),
        video=msgspec.to_builtins(snapshot(video)),
    )


def thumbnail_urls(video: Video) -> dict[str, str]:
    """Returns size name -> URL, for a bearer token."""
    return {
        row.size_name: f"/api/v1/videos/{video.id}/thumbnails/{row.size_name}"
        for row in video.thumbnails
    }


def captions(video: Video, base: str) -> list[Captions]:
    """`base` is the URL prefix of the video's assets, by bearer token or by grant."""
    return [Captions(one, f"{base}captions/{one}") for one in video.caption_languages]


def chapters_url(video: Video, base: str) -> str | None:
    return f"{base}chapters" if video.has_chapters else None


def _audio_tracks(video: Video) -> list[AudioTrackView]:
    """The sounds of a file; of one not probed yet, what its codec implies."""
    media = video.probed
    if media is None or media.audio_codec is None:
        return []
    if media.audio_tracks is None:
        return [AudioTrackView(None, None, default=True)]
    return [AudioTrackView(one.language, one.title, one.is_default) for one in media.audio_tracks]


def _processing_ratio(video: Video) -> float:
    """Progress of the film which a video in processing waits for."""
    replacement = video.replacement
    if video.status == "processing" and replacement is not None and replacement.is_pending:
        return replacement.processing_ratio
    return video.processing_ratio


def _replacement(video: Video) -> ReplacementView | None:
    found = video.replacement
    if found is None:
        return None
    failure = None
    if found.failure_code is not None:
        failure = Failure(found.failure_code, found.failure_detail or "")
    return ReplacementView(found.processing_ratio, failure)


def _rendition(row: RungRow) -> RenditionView:
    failure: Failure | msgspec.UnsetType = msgspec.UNSET
    if row.failure_code is not None:
        failure = Failure(row.failure_code, row.failure_detail or "")
    return RenditionView(
        height=row.height,
        width=row.width,
        bitrate=row.bitrate,
        codecs=row.codecs,
        size=row.size_bytes,
        state=row.state,
        failure=failure,
    )


def _failure(video: Video) -> Failure | None:
    if video.failure_code is None:
        return None
    return Failure(video.failure_code, video.failure_detail or "")
