"""Choice of the streams that are a file's film: the picture shown, and its sounds. Pure.

Enabled before disabled, default before first, the film before its preview. Cover pictures and timed
thumbnails are no film; streams that nobody here can read are left out beside those that can be.
"""

import re
from collections.abc import Sequence
from typing import TypeVar

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from storage.errors import NoVideo

_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails
# A preview has at most a quarter of the pixels, or less than half of the length.
_PREVIEW_PIXELS, _PREVIEW_LENGTH = 4, 2

# 00:00:02.007000000
_DURATION = re.compile(r"([0-9]{1,4}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)")
_UNITS_S = (3600, 60, 1)

_Stream = TypeVar("_Stream", VideoStream, AudioStream)


def choose_picture(media: InputContainer) -> VideoStream:
    """The stream of pictures that is shown. Raises: NoVideo."""
    found = [one for one in media.streams.video if not one.disposition & _NO_FILM]
    films = _enabled(_known(found))
    if not films:
        raise NoVideo
    return next(one for one in films if not _is_preview(one, films))


def choose_sounds(media: InputContainer) -> list[AudioStream]:
    """All streams of sound that can be read; the one that is heard comes first."""
    known = [one for one in media.streams.audio if _can_be_heard(one)]
    return sorted(known, key=lambda one: not one.disposition & Disposition.default)


def _can_be_heard(stream: AudioStream) -> bool:
    """A stream that is announced but has no packet has no rate."""
    return stream.codec_context is not None and stream.codec_context.sample_rate > 0


def _known(streams: Sequence[_Stream]) -> Sequence[_Stream]:
    """All where none is known, so that its codec can be named."""
    return [one for one in streams if one.codec_context is not None] or streams


def _enabled(streams: Sequence[_Stream]) -> Sequence[_Stream]:
    """MP4 enables tracks, Matroska has defaults: FFmpeg's word for both is default."""
    return [one for one in streams if one.disposition & Disposition.default] or streams


def _is_preview(stream: VideoStream, films: Sequence[VideoStream]) -> bool:
    return any(
        0 < _pixels(stream) * _PREVIEW_PIXELS <= _pixels(other)
        or 0 < _length(stream) * _PREVIEW_LENGTH < _length(other)
        for other in films
        # Of two, one small and one short, the large one is the film.
        if other is not stream and _pixels(other) >= _pixels(stream)
    )


def _pixels(stream: VideoStream) -> int:
    decoder = stream.codec_context
    return decoder.width * decoder.height if decoder is not None else 0


def _length(stream: VideoStream) -> float:
    """Length in seconds, as the header says, or a tag in Matroska; 0 where neither does."""
    if stream.duration:
        return float(stream.duration * (stream.time_base or 0))
    found = _DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if found is None:
        return 0.0
    return sum(unit_s * float(part) for unit_s, part in zip(_UNITS_S, found.groups(), strict=True))
