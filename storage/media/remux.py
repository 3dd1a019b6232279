"""The same streams in an order that starts playing at once: index in front, one piece.

Runs in a sandboxed child. An MP4 that lacks no more than that keeps every other byte. Fragments and
live recordings are rebuilt by copying packets; what browsers do not show (data, time codes,
subtitles, cover pictures) is then left out.
"""

from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from storage.errors import Undecodable
from storage.formats import Container
from storage.media.box_lengths import is_fragmented, moov_is_last
from storage.media.completeness import check_lengths
from storage.media.demux import open_media, video_stream, wrap_media_errors
from storage.media.stream_choice import choose_sounds

# (muxer, options) of a file that starts playing at once.
MUXERS: dict[Container, tuple[str, dict[str, str]]] = {
    "mp4": ("mp4", {"movflags": "+faststart"}),
    "webm": ("webm", {"cues_to_front": "1"}),
}


def copy_packets(source: Path, target: Path, container: Container) -> None:
    """Write `target`, which a player can start from its first bytes.

    Raises: Undecodable, NoVideo, TooComplex, FileMissing, StorageFull.
    """
    muxer, options = MUXERS[container]
    with (
        open_media(source, container) as media,
        wrap_media_errors(),
        av.open(f"file:{target}", "w", format=muxer, options=options) as out,
    ):
        _copy_packets(media, out)


def _copy_packets(media: InputContainer, out: OutputContainer) -> None:
    wanted: list[Stream] = [video_stream(media), *choose_sounds(media)]
    # Opaque: asks for no encoder, since there may be none by the decoder's name (libdav1d).
    copies = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in wanted}
    for packet in media.demux(wanted):
        # The demuxer ends every stream with an empty packet, for decoders.
        if packet.dts is not None:
            packet.stream = copies[packet.stream_index]
            out.mux(packet)


def verify(target: Path) -> None:
    """Raises: Undecodable when it is not in order, and as `check_lengths`."""
    with target.open("rb") as file:
        check_lengths(file, target.stat().st_size)
        if moov_is_last(file) or is_fragmented(file):
            raise Undecodable("the index did not come to the front")
