"""Still pictures of a video: the best of nine candidates, at every size asked for.

Runs in a sandboxed child; one decoded frame serves every size and kind. A candidate is good when
it is neither black nor white nor plain; the sharpest good one wins. Rotation and sample aspect
ratio are applied. HDR is not tone-mapped.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageFilter, ImageStat

from storage.demux import decode_frames, open_media, video_stream
from storage.errors import Undecodable, os_errors_wrapped
from storage.geometry import clockwise_rotation, display_size
from storage.hashing import sha256_file
from storage.media import Picture, PictureKind
from storage.sniff import Container

_CANDIDATES = 9
# Candidates are judged small: enough to tell a slide from a blur, and quick.
_JUDGED_WIDTH_PX = 160
_LEAST_LUMA, _MOST_LUMA = 16, 235
_LEAST_CONTRAST = 10
# Of a recording that does not know its length, the first seconds are looked through.
_GUESSED_DURATION = 10 * av.time_base
# In a short clip all candidates have one keyframe: this many frames are looked through.
_MAX_FRAMES_PAST_KEYFRAME = 60
# Four times as high as wide: more is a fault of the file, and JPEG ends at 65,535.
_MAX_HEIGHT_RATIO = 4
# The probe has applied the configured limit; this one keeps the memory limit meaningful.
_MAX_PIXELS = 1 << 27
_TRANSPOSED = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_EDGES = ImageFilter.Kernel((3, 3), (0, -1, 0, -1, 4, -1, 0, -1, 0), scale=1, offset=128)


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """How Pillow is told to write one kind of picture."""

    pillow_name: str
    quality_ratio: float
    """Of the quality asked for, which is JPEG's: AVIF's scale says the same with less."""
    options: dict[str, int]


FORMATS: dict[PictureKind, PictureFormat] = {
    "jpg": PictureFormat("JPEG", 1, {"optimize": True, "progressive": True}),
    "webp": PictureFormat("WEBP", 1, {"method": 4}),
    # A slower search saves a tenth of the bytes and costs eight times the time.
    "avif": PictureFormat("AVIF", 0.8, {"speed": 8, "max_threads": 1}),
}


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """How good a candidate is; the greater the better."""

    is_good: bool
    sharpness: float


def make_thumbnails(
    path: Path,
    container: Container,
    sizes: list[tuple[str, int]],
    quality: int,
    out_dir: Path,
    kinds: list[PictureKind],
) -> list[Picture]:
    """Write a picture of each kind for each (name, width in pixels) to `out_dir`/name.kind.

    Raises: NoVideo, TooComplex, Undecodable, FileMissing, StorageFull.
    """
    widest = max(width for _, width in sizes)
    with open_media(path, container) as media:
        stream = video_stream(media)
        frame = _best_frame(media, stream)
        image = _shown(frame, stream, widest)
    return [
        _write(image, name, width, quality, out_dir, kind)
        for kind in kinds
        for name, width in sizes
    ]


def score(image: Image.Image) -> Score:
    """Judge a grey picture."""
    facts = ImageStat.Stat(image)
    is_good = _LEAST_LUMA <= facts.mean[0] <= _MOST_LUMA and facts.stddev[0] > _LEAST_CONTRAST
    return Score(is_good, ImageStat.Stat(image.filter(_EDGES)).var[0])


def _best_frame(media: InputContainer, stream: VideoStream) -> VideoFrame:
    best: tuple[Score, VideoFrame] | None = None
    for frame in _candidates(media, stream):
        found = score(_judged(frame))
        if best is None or found > best[0]:
            best = (found, frame)
    if best is None:
        raise Undecodable("no picture could be decoded")
    return best[1]


def _candidates(media: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    seen_s = -1.0
    for target in _targets(media):
        # A live recording may have no index to seek by: what comes next will do.
        with suppress(av.FFmpegError):
            media.seek(target, backward=True)
        frame = _frame_near(media, stream, target / av.time_base, seen_s)
        if frame is not None:
            seen_s = frame.time or 0
            yield frame


def _targets(media: InputContainer) -> list[int]:
    start, duration = media.start_time or 0, media.duration or _GUESSED_DURATION
    return [start + duration * n // (_CANDIDATES + 1) for n in range(1, _CANDIDATES + 1)]


def _frame_near(
    media: InputContainer, stream: VideoStream, target_s: float, seen_s: float
) -> VideoFrame | None:
    """The keyframe before the target, or when that was a candidate already, what is nearer."""
    frame = None
    frames = decode_frames(media, stream, _MAX_PIXELS)
    for frame in islice(frames, _MAX_FRAMES_PAST_KEYFRAME):
        time_s = frame.time or 0
        if time_s >= target_s or (frame.key_frame and time_s > seen_s):
            break
    return frame


def _judged(frame: VideoFrame) -> Image.Image:
    height = max(1, min(_JUDGED_WIDTH_PX * frame.height // frame.width, 4 * _JUDGED_WIDTH_PX))
    return _image(frame, _JUDGED_WIDTH_PX, height).convert("L")


def _shown(frame: VideoFrame, stream: VideoStream, width_px: int) -> Image.Image:
    """The picture as a player shows it, `width_px` wide."""
    rotation = clockwise_rotation(frame.rotation)
    sample_ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    shown_width, shown_height = display_size(frame.width, frame.height, sample_ratio, rotation)
    height_px = _height_px(width_px, shown_width, shown_height)
    coded = (height_px, width_px) if rotation in (90, 270) else (width_px, height_px)
    image = _image(frame, *coded)
    return image.transpose(_TRANSPOSED[rotation]) if rotation else image


def _image(frame: Any, width_px: int, height_px: int) -> Image.Image:
    # Any: PyAV's own stub leaves to_image without types.
    image = frame.to_image(width=width_px, height=height_px, interpolation="AREA")
    assert isinstance(image, Image.Image)
    return image


def _height_px(width_px: int, shown_width: int, shown_height: int) -> int:
    height_px = round(width_px * shown_height / shown_width)
    return max(1, min(height_px, width_px * _MAX_HEIGHT_RATIO))


def _write(
    image: Image.Image, name: str, width_px: int, quality: int, out_dir: Path, kind: PictureKind
) -> Picture:
    file, form = out_dir / f"{name}.{kind}", FORMATS[kind]
    size = (width_px, _height_px(width_px, image.width, image.height))
    scaled = image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
    with os_errors_wrapped():
        form_quality = max(1, round(quality * form.quality_ratio))
        scaled.save(file, form.pillow_name, quality=form_quality, **form.options)
        size_bytes = file.stat().st_size
    return Picture(
        name=name,
        file=file,
        extension=kind,
        width_px=size[0],
        height_px=size[1],
        size_bytes=size_bytes,
        sha256=sha256_file(file),
    )
