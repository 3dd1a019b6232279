"""A video, and the facts of its file, as read from its rows."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from db.media.assets import RepresentationRow, ThumbnailRow
from db.media.rungs import RungRow


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """A sound of a file; the language is a BCP 47 tag. None where the file states none."""

    language: str | None
    title: str | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Facts of a file, as probed."""

    duration_s: float
    width: int
    height: int
    frame_rate: float | None
    rotation: int
    container: Literal["mp4", "webm"]
    video_codec: str
    audio_codec: str | None
    mime_type: str
    is_playable: bool  # by browsers
    audio_tracks: tuple[AudioTrack, ...] | None = None
    """None where the file that is served was not looked at."""


@dataclass(frozen=True, slots=True)
class S3Source:
    """The S3 object that a video is taken over from; `is_left` once the local video replaces it."""

    bucket: str
    key: str
    endpoint_url: str | None
    region: str | None
    is_left: bool


@dataclass(frozen=True, slots=True)
class ReplacementState:
    """Another film for the video: in the making, or failed with the reason."""

    id: UUID
    processing_ratio: float
    failure_code: str | None
    failure_detail: str | None

    @property
    def is_pending(self) -> bool:
        return self.failure_code is None


@dataclass(frozen=True, slots=True)
class Video:
    """`probed` is None until the file has been fetched (`status` announced)."""

    id: UUID
    course_id: str
    module_id: str
    title: str
    original_filename: str
    status: str
    failure_code: str | None
    failure_detail: str | None
    processing_ratio: float
    probed: MediaFacts | None
    original_size_bytes: int
    original_sha256: str | None
    uploaded_by: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    representations: tuple[RepresentationRow, ...]
    thumbnails: tuple[ThumbnailRow, ...]
    caption_languages: tuple[str, ...]
    has_chapters: bool
    storyboard_file_name: str | None
    s3_source: S3Source | None
    source_format: str | None
    """Format of the upload; None in rows older than the column."""
    rungs: tuple[RungRow, ...]
    """Of the adaptive ladder, also those that are still to be made."""
    hls_file_name: str | None
    """None while there is no ladder of the served file."""
    dash_file_name: str | None
    has_own_picture: bool
    """An instructor sent the thumbnail; it shows no frame of the film."""
    replacement: ReplacementState | None
    position: int | None
    """Its place in the module; None comes after those that have one, oldest first."""
    version: int
    """Of all that is here: the id of the video's last event."""

    @property
    def is_being_replaced(self) -> bool:
        return self.replacement is not None and self.replacement.is_pending

    @property
    def media(self) -> MediaFacts:
        """Facts of a video whose file is here."""
        assert self.probed is not None
        return self.probed

    @property
    def duration_s(self) -> float | None:
        """None until the file has been probed."""
        return self.probed.duration_s if self.probed else None

    @property
    def is_watchable(self) -> bool:
        """The rule of `videos.WATCHABLE`."""
        return self.status == "ready" or self.s3_source is not None

    @property
    def plays_from(self) -> S3Source | None:
        """The S3 source, until the video is ready here and its reference is switched."""
        is_here = self.status == "ready" and self.s3_source is not None and self.s3_source.is_left
        return None if is_here else self.s3_source

    @property
    def primary(self) -> RepresentationRow | None:
        """The file described by `size` and `sha256`; None until it was made."""
        return next((row for row in self.representations if row.is_primary), None)

    @property
    def served_file(self) -> RepresentationRow:
        """The `primary` file of a video whose file was made."""
        assert self.primary is not None
        return self.primary


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that a user sent, and what it was found to be."""

    original_filename: str
    source_format: str
    media: MediaFacts
    original_size_bytes: int
    uploaded_by: str


@dataclass(frozen=True, slots=True)
class NewVideo:
    id: UUID
    course_id: str
    module_id: str
    title: str
    file: ReceivedFile


def parameters_of(media: MediaFacts) -> dict[str, Any]:
    """The facts by the names of their columns."""
    tracks = None if media.audio_tracks is None else msgspec.json.encode(media.audio_tracks)
    return {**asdict(media), "audio_tracks": None if tracks is None else tracks.decode()}
