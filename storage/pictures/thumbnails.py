"""Thumbnails of a video: its first good frame, or the frame at a chosen time.

Runs in a sandboxed child; one decoded frame serves every size and kind. A good frame is neither
black nor white nor plain, and not part of a fade. The first one among a few of the film's first
tenth wins; where none there is good, the sharpest good one of nine from the whole film.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageChops, ImageFilter, ImageStat

from storage.errors import Undecodable
from storage.formats import Container
from storage.media.demux import decode_frames, open_media, video_stream
from storage.media.facts import Picture, PictureKind
from storage.pictures.picture_files import write_pictures
from storage.pictures.stills import MAX_PIXELS, Stills

_OPENING_RATIO = Fraction(1, 10)
_OPENING_CANDIDATES = 6
_CANDIDATES = 9
# Candidates are judged small: enough to distinguish a slide from a blur, and quick.
_JUDGED_WIDTH_PX = 160
_LEAST_LUMA, _MOST_LUMA = 16, 235
_LEAST_CONTRAST = 10
# Text on a plain slide has this much, however bright or dark the slide.
_CONTRAST_OF_TEXT = 20
# For a recording of unknown length, the candidates are in the first seconds.
_GUESSED_DURATION = 10 * av.time_base
# In a short clip all candidates have one keyframe: they are chosen among this many frames.
_MAX_FRAMES_PAST_KEYFRAME = 60
# A fade shows in three frames: the middle one is a blend of the others. Over so few frames the
# light of a room does not change by so many levels.
_FADE_STEP_FRAMES = 4
_LEAST_FADE_CHANGE = 4.0
_MOST_FADE_RESIDUE_RATIO = 0.25
_EDGES = ImageFilter.Kernel((3, 3), (0, -1, 0, -1, 4, -1, 0, -1, 0), scale=1, offset=128)


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """Quality of a candidate; greater is better."""

    is_good: bool
    sharpness: float


def make_thumbnails(
    path: Path,
    container: Container,
    sizes: list[tuple[str, int]],
    quality: int,
    out_dir: Path,
    kinds: list[PictureKind],
    at_s: float | None = None,
) -> list[Picture]:
    """Write a picture of each kind for each (name, width in pixels) to `out_dir`/name.kind.

    Shows the frame at `at_s`; without it the best candidate.
    Raises: NoVideo, TooComplex, Undecodable, FileMissing, StorageFull.
    """
    widest = max(width for _, width in sizes)
    with open_media(path, container) as media:
        stream = video_stream(media)
        stills = Stills(stream)
        if at_s is None:
            frame = _best_frame(media, stream, stills)
        else:
            frame = _frame_at(media, stream, at_s)
        image = stills.render(frame, widest)
    return write_pictures(image, sizes, quality, out_dir, kinds)


def score(image: Image.Image) -> Score:
    """Judge a grey picture."""
    facts = ImageStat.Stat(image)
    is_lit = _LEAST_LUMA <= facts.mean[0] <= _MOST_LUMA
    is_good = facts.stddev[0] > (_LEAST_CONTRAST if is_lit else _CONTRAST_OF_TEXT)
    return Score(is_good, ImageStat.Stat(image.filter(_EDGES)).var[0])


def is_fade(first: Image.Image, middle: Image.Image, last: Image.Image) -> bool:
    """True if the middle one of three grey pictures is a blend of the others, which differ."""
    change = _difference(first, last)
    residue = _difference(middle, Image.blend(first, last, 0.5))
    return change >= _LEAST_FADE_CHANGE and residue <= change * _MOST_FADE_RESIDUE_RATIO


def _difference(one: Image.Image, other: Image.Image) -> float:
    mean: float = ImageStat.Stat(ImageChops.difference(one, other)).mean[0]
    return mean


def _best_frame(media: InputContainer, stream: VideoStream, stills: Stills) -> VideoFrame:
    """The first good one of the film's opening, else the best of all candidates."""
    best: tuple[Score, VideoFrame] | None = None
    *opening, opening_end = _targets(media, _OPENING_RATIO, _OPENING_CANDIDATES)
    targets = [*opening, opening_end, *_targets(media, Fraction(1), _CANDIDATES)]
    for frame, following in _candidates(media, stream, targets):
        image = stills.render_grey(frame, _JUDGED_WIDTH_PX)
        found = score(image)
        if found.is_good and (best is None or found > best[0]):
            found = Score(not _is_fading(image, following, stills), found.sharpness)
        if best is None or found > best[0]:
            best = (found, frame)
        if best[0].is_good and (frame.time or 0) * av.time_base <= opening_end:
            break
    if best is None:
        raise Undecodable("no picture could be decoded")
    return best[1]


def _is_fading(image: Image.Image, following: Iterator[VideoFrame], stills: Stills) -> bool:
    """True if the picture is fading into the frames after it."""
    later = islice(following, _FADE_STEP_FRAMES - 1, 2 * _FADE_STEP_FRAMES, _FADE_STEP_FRAMES)
    images = [stills.render_grey(frame, _JUDGED_WIDTH_PX) for frame in later]
    return len(images) == 2 and is_fade(image, *images)


def _candidates(
    media: InputContainer, stream: VideoStream, targets: Sequence[int]
) -> Iterator[tuple[VideoFrame, Iterator[VideoFrame]]]:
    """Candidates, each with the frames that follow it."""
    seen_s = -1.0
    for target in targets:
        # A live recording may have no index to seek by: the next frames have to do.
        with suppress(av.FFmpegError):
            media.seek(target, backward=True)
        frames = decode_frames(media, stream, MAX_PIXELS)
        frame = _frame_near(frames, target / av.time_base, seen_s)
        if frame is not None:
            seen_s = frame.time or 0
            yield frame, frames


def _targets(media: InputContainer, ratio: Fraction, count: int) -> list[int]:
    """So many times, evenly over this share of the film; the end of the film is none of them."""
    start, duration = media.start_time or 0, (media.duration or _GUESSED_DURATION) * ratio
    parts = count if ratio < 1 else count + 1
    return [start + int(duration * number / parts) for number in range(1, count + 1)]


def _frame_near(frames: Iterator[VideoFrame], target_s: float, seen_s: float) -> VideoFrame | None:
    """The keyframe before the target or, when that was a candidate already, a nearer frame."""
    frame = None
    for frame in islice(frames, _MAX_FRAMES_PAST_KEYFRAME):
        time_s = frame.time or 0
        if time_s >= target_s or (frame.key_frame and time_s > seen_s):
            break
    return frame


def _frame_at(media: InputContainer, stream: VideoStream, at_s: float) -> VideoFrame:
    """The frame on screen at `at_s`: the last one that does not begin later."""
    with suppress(av.FFmpegError):
        media.seek(round(at_s * av.time_base), backward=True)
    shown = None
    for frame in decode_frames(media, stream, MAX_PIXELS):
        if shown is not None and (frame.time or 0) > at_s:
            break
        shown = frame
    if shown is None:
        raise Undecodable("no picture could be decoded there")
    return shown
