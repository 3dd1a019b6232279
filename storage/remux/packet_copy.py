"""The same streams in a WebM that starts playing at once: index in front, one piece.

Runs in a sandboxed child. Copies packets and never encodes; what browsers do not show (data,
subtitles, cover pictures) is left out.
"""

from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from storage.containers.box_lengths import is_fragmented, moov_is_last
from storage.containers.completeness import check_lengths
from storage.errors import Undecodable
from storage.formats import Container, SourceFormat
from storage.media.demux import open_media, video_stream, wrap_media_errors
from storage.media.stream_choice import choose_sounds
from storage.remux.copied_track import CopiedTrack, mux, start_of
from storage.remux.stream_marks import carry_marks, carry_title
from storage.remux.webm_picture import (
    padding_for,
    read_picture_element,
    write_picture_element,
)

# (muxer, options) of a file that starts playing at once.
MUXERS: dict[Container, tuple[str, dict[str, str]]] = {
    "mp4": ("mp4", {"movflags": "+faststart"}),
    "webm": ("webm", {"cues_to_front": "1"}),
}


def copy_packets(source: Path, target: Path, source_format: SourceFormat) -> None:
    """Write `target`, a WebM that a player can start from its first bytes, from the time 0 on.

    Raises: Undecodable, NoVideo, TooComplex, FileMissing, StorageFull.
    """
    muxer, options = MUXERS["webm"]
    with (
        open_media(source, source_format) as media,
        wrap_media_errors(),
        av.open(f"file:{target}", "w", format=muxer, options=options) as out,
    ):
        picture = video_stream(media)
        element = read_picture_element(source, media.streams.video.index(picture))
        _copy_packets(media, picture, out, element)
        name = picture.metadata.get("title", "")
    if element:
        write_picture_element(target, element, name)


def _copy_packets(
    media: InputContainer, picture: VideoStream, out: OutputContainer, element: bytes
) -> None:
    wanted: list[Stream] = [picture, *choose_sounds(media)]
    start_s = start_of(media)
    tracks = {stream.index: CopiedTrack(out, stream, start_s) for stream in wanted}
    for stream, made in zip(wanted, out.streams, strict=True):
        carry_marks(stream, made, is_copy=True)
    carry_title(media, out)
    if element:
        out.streams[0].metadata["title"] = padding_for(element)
    for packet in media.demux(wanted):
        mux(out, tracks[packet.stream_index].convert(packet))
    for track in tracks.values():
        mux(out, track.flush())


def verify(target: Path) -> None:
    """Raises: Undecodable when it is not in order, and as `check_lengths`."""
    with target.open("rb") as file:
        check_lengths(file, target.stat().st_size)
        if moov_is_last(file) or is_fragmented(file):
            raise Undecodable("the index did not come to the front")
