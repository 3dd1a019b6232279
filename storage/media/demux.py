"""Opens an untrusted media file; the one place where FFmpeg's errors are wrapped.

The demuxer is named by us and never guessed, and FFmpeg may open nothing but this one file: a
script or playlist in it would otherwise read others. For sandboxed children only; blocks.
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.errors import TooComplex, Undecodable, storage_error
from storage.formats import TRAITS, SourceFormat
from storage.media import decoders
from storage.media.stream_choice import choose_picture

# An MP4 may say that its media lie in other files.
_OPTIONS_OF = {"mov": {"enable_drefs": "0", "use_absolute_path": "0"}}
# These speak of the disk; whatever else FFmpeg reports speaks of what is in the file.
_DISK_ERRNOS = frozenset(
    {errno.ENOENT, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.ESTALE}
)
# A stream may start with packets that need an earlier one; 10 s of them is damage.
_MAX_PACKETS_WITHOUT_FRAME = 300


@contextmanager
def wrap_media_errors() -> Iterator[None]:
    """Everything FFmpeg raises inside the block leaves it as a StorageError."""
    try:
        yield
    except MemoryError as exc:
        raise TooComplex("more memory than the sandbox allows") from exc
    except OSError as exc:
        if isinstance(exc, av.FFmpegError) and exc.errno not in _DISK_ERRNOS:
            raise Undecodable(str(exc)) from exc
        raise storage_error(exc) from exc
    except (av.FFmpegError, ValueError) as exc:
        # ValueError: PyAV itself saw that the muxer does not take the codec.
        raise Undecodable(str(exc)) from exc


@contextmanager
def open_media(path: Path, source: SourceFormat) -> Iterator[InputContainer]:
    """The file, opened for reading, closed after the block.

    Raises: Undecodable, TooComplex, FileMissing.
    """
    demuxer = TRAITS[source].demuxer
    with (
        wrap_media_errors(),
        av.open(
            f"file:{path}",
            format=demuxer,
            container_options=_options(demuxer),
            # Titles in a broken encoding are no reason to refuse a video.
            metadata_errors="replace",
        ) as media,
    ):
        yield media


def _options(demuxer: str) -> dict[str, str]:
    return {
        # The file protocol alone is no protection: an ffconcat script names local files.
        "format_whitelist": demuxer,
        "protocol_whitelist": "file",
        "codec_whitelist": decoders.whitelist(),
        **_OPTIONS_OF.get(demuxer, {}),
    }


def video_stream(media: InputContainer) -> VideoStream:
    """The stream a player shows, ready to be decoded in one thread. Raises: NoVideo."""
    return choose_picture(media)


def first_frame(media: InputContainer, stream: VideoStream, max_pixels: int) -> VideoFrame:
    """The next picture that can be decoded from where the file stands.

    Raises: TooComplex, Undecodable.
    """
    frame = next(decode_frames(media, stream, max_pixels), None)
    if frame is None:
        raise Undecodable("no picture could be decoded")
    return frame


def decode_frames(
    media: InputContainer, stream: VideoStream, max_pixels: int
) -> Iterator[VideoFrame]:
    """Pictures from where the file stands, passing over damaged packets.

    Raises: TooComplex, Undecodable.
    """
    return decode_packets(stream, media.demux(stream), max_pixels)


def decode_packets(
    stream: VideoStream, packets: "Iterable[Packet[VideoStream]]", max_pixels: int
) -> Iterator[VideoFrame]:
    """Their pictures, passing over damaged packets. Raises: TooComplex, Undecodable."""
    prepare_decoder(stream, max_pixels)
    fruitless = 0
    for packet in packets:
        frames = decode_packet(stream, packet)
        fruitless = 0 if frames else fruitless + 1
        if fruitless > _MAX_PACKETS_WITHOUT_FRAME:
            return
        for frame in frames:
            require_pixels(frame.width, frame.height, max_pixels)
            yield frame


def prepare_decoder(stream: VideoStream, max_pixels: int) -> None:
    """Bound what the decoder may take before it runs. Raises: TooComplex, Undecodable."""
    if not decoders.is_decodable(stream):
        raise Undecodable("no decoder for this codec")
    decoder = stream.codec_context
    require_pixels(decoder.width, decoder.height, max_pixels)
    if not decoder.is_open:
        decoder.thread_count = 1
        # The header's size may lie: the decoder itself must refuse what the stream says. It
        # counts whole blocks of up to 128 pixels; what it gives out is measured exactly.
        decoder.options = {"max_pixels": str(max_pixels * 5 // 4 + 65_536)}


def require_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raises: TooComplex."""
    if width * height > max_pixels:
        raise TooComplex(f"{width} x {height} pixels")


def decode_packet(stream: Any, packet: "Packet[Any]") -> list[Any]:
    """The frames of a packet; none of a damaged one."""
    try:
        frames: list[Any] = stream.decode(packet)
    except av.InvalidDataError:
        return []
    return frames
