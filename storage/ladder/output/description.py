"""Description of a file of fragments that was just written. For sandboxed children only."""

from pathlib import Path

from av.stream import Stream
from av.video.stream import VideoStream

from storage.errors import wrap_os_errors
from storage.ladder.facts import Made
from storage.media.codec_strings import VideoFacts, audio_codec_string, video_codec_string
from storage.media.demux import open_media


def describe(name: str, file: Path, start: int, count: int) -> Made:
    """Raises: Undecodable, FileMissing."""
    with open_media(file, "mp4") as media:
        codecs = _codecs(media.streams[0])
    with wrap_os_errors():
        return Made(name, file, start, file.stat().st_size, count, codecs)


def _codecs(stream: Stream) -> str:
    coder = stream.codec_context
    codec, extradata = coder.codec.canonical_name, coder.extradata or b""
    if not isinstance(stream, VideoStream):
        return audio_codec_string(codec, extradata)
    facts = VideoFacts(
        codec=codec,
        extradata=extradata,
        profile=None,
        bit_depth=8,
        pixel_format="yuv420p",
        width=stream.width,
        height=stream.height,
        frame_rate=None,
    )
    return video_codec_string(facts)
