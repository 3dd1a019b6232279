"""Arguments and results of media functions: values that cross into the sandbox.

No FFmpeg here, so that the serving processes never load it.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from storage.formats import Container, SourceFormat

# How a picture is written, by the extension of its file.
PictureKind = Literal["jpg", "webp", "avif"]
PICTURE_TYPES: dict[str, str] = {
    "jpg": "image/jpeg",
    "avif": "image/avif",
    "webp": "image/webp",
}

# A child writes one for each percent that is done; no JSON begins with it.
PROGRESS_MARK = b"."


# What else of a video is served beside its pictures.
CUES_TYPE = "text/vtt; charset=utf-8"


# How much WebVTT a text track may be, sent and written: ten hours of speech.
MAX_TRACK_BYTES = 2**20
TrackKind = Literal["captions", "chapters"]


class MediaLimits(msgspec.Struct, frozen=True):
    """Past these a video is TooComplex."""

    max_pixels: int
    max_duration_s: float
    max_streams: int


class ProbedSound(msgspec.Struct, frozen=True, kw_only=True):
    """A sound as the file describes it; empty where it does not."""

    language: str
    title: str


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a video file."""

    container: Container
    """The format that it is served in."""
    duration_s: float
    width: int
    """As shown, after rotation and sample aspect ratio."""
    height: int
    frame_rate: float | None
    """None when the file states no plausible one."""
    rotation: int
    """Clockwise, 0, 90, 180 or 270: what a player turns the coded picture by."""
    video_codec: str
    """FFmpeg's short name: h264, vp9, av1, ..."""
    audio_codec: str | None
    mime_type: str
    """With RFC 6381 codecs."""
    streams: int
    is_playable_in_browsers: bool
    audio_tracks: list[ProbedSound] = []
    """The one that is heard unless another is chosen comes first."""


class Examined(msgspec.Struct, frozen=True):
    """Facts about an uploaded file."""

    source: SourceFormat
    probe: Probe


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A thumbnail that was written to `file`, still under a temporary name."""

    name: str
    file: Path
    extension: PictureKind
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


# A storyboard's tiles lie in rows on sheets; phones decode sheets of this size.
TILES_PER_SHEET, SHEET_COLUMNS = 100, 10
MAX_TILES = 4 * TILES_PER_SHEET


class Sheet(msgspec.Struct, frozen=True):
    """Tiles of a storyboard, written to `file`, still under a temporary name."""

    file: Path
    size_bytes: int
    sha256: str


class Storyboard(msgspec.Struct, frozen=True):
    """Tiles of one size, row by row, sheet by sheet; `times_s` are those of their frames."""

    tile_width_px: int
    tile_height_px: int
    times_s: list[float]
    sheets: list[Sheet]


def sheet_file(directory: Path, number: int) -> Path:
    """Path of sheet `number`, counted from 0."""
    return directory / f"sheet-{number}.jpg"


class ProbeTask(msgspec.Struct, frozen=True):
    path: Path
    source: SourceFormat
    limits: MediaLimits


class ExamineTask(msgspec.Struct, frozen=True):
    path: Path
    limits: MediaLimits
    allowed: list[str]


class TextTrackTask(msgspec.Struct, frozen=True):
    """The track itself comes from standard input."""

    kind: TrackKind


# What was done to a file so that it can be served.
Way = Literal["as-is", "index-moved", "rebuilt", "converted"]


class MeasuredTrack(msgspec.Struct, frozen=True, kw_only=True):
    """A track as its packets are."""

    is_picture: bool
    codec: str
    language: str
    packets: int
    start_s: float
    """From the first of all tracks on."""
    stop_s: float
    first: str = ""
    """A digest of the packet that is shown first; empty where that is not known."""
    last: str = ""
    is_steady: bool = True
    """False where the size of the pictures changes, or may."""


class Measured(msgspec.Struct, frozen=True):
    """Content of a file by its packets, not by its header; the picture is the first track."""

    probe: Probe
    tracks: list[MeasuredTrack]

    @property
    def is_steady(self) -> bool:
        """True if the pictures have one size throughout."""
        return all(track.is_steady for track in self.tracks)


# A grey picture of the first or last moment of a film is so many pixels wide and high.
END_SIDE_PX = 32


class EndPictures(msgspec.Struct, frozen=True):
    """The first and the last picture of a film, rows of `END_SIDE_PX` grey levels."""

    first: bytes
    last: bytes = b""
    """Empty where that is not known."""
    is_hdr: bool = False
    """True if a conversion gives it other levels, of which only the order stays."""


class Prepared(msgspec.Struct, frozen=True):
    """Outcome of preparing an upload; `converted` is still to be done, and why."""

    way: Way
    reason: str = ""
    upload: Measured | None = None
    made: Measured | None = None
    """None of what is still to be converted."""


class RemuxTask(msgspec.Struct, frozen=True):
    source: Path
    target: Path
    source_format: SourceFormat


class EndsTask(msgspec.Struct, frozen=True):
    path: Path
    source: SourceFormat


class TranscodeTask(msgspec.Struct, frozen=True):
    path: Path
    source: SourceFormat
    target: Path
    targets: list[Container]
    duration_s: float
    max_pixels: int
    anew: bool = False
    """Codes also what would play."""


class ThumbnailsTask(msgspec.Struct, frozen=True):
    path: Path
    container: Container
    sizes: list[tuple[str, int]]
    quality: int
    out_dir: Path
    kinds: list[PictureKind]
    at_s: float | None = None


class CustomThumbnailsTask(msgspec.Struct, frozen=True):
    path: Path
    max_pixels: int
    sizes: list[tuple[str, int]]
    quality: int
    out_dir: Path
    kinds: list[PictureKind]


class StoryboardTask(msgspec.Struct, frozen=True):
    path: Path
    container: Container
    quality: int
    out_dir: Path
    cpu_s: float


def encode(value: object) -> bytes:
    """JSON of one of the values above."""
    return msgspec.json.encode(value, enc_hook=_encode_path)


def decode(text: bytes | str | msgspec.Raw, kind: Any) -> Any:
    """The value of type `kind` in `text`. Raises: msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=kind, dec_hook=_decode_path)


def _encode_path(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value)} does not cross into the sandbox")


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"{kind} does not cross into the sandbox")
