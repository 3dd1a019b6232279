"""A file that browsers play, made from one that they do not, or not all of them.

Runs in a sandboxed child. A stream that plays in the target is copied, whatever becomes of the
others. What browsers do not show is left out: data, subtitles, cover pictures.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.conversion.picture_track import PictureTrack
from storage.conversion.sound_film import make_sound_film
from storage.conversion.tracks import CODINGS, Track, sound_tracks
from storage.errors import FINAL, NoVideo, Undecodable, wrap_os_errors
from storage.formats import TRAITS, Container, SourceFormat
from storage.media import one_clock
from storage.media.codec_strings import VideoFacts
from storage.media.demux import open_media, video_stream, wrap_media_errors
from storage.media.orientation import UPRIGHT, orientation_of
from storage.media.playable import is_video_playable
from storage.media.probe import look
from storage.mp4.movie import read_movie
from storage.remux.copied_track import CannotCopy, CopiedTrack, mux, start_of
from storage.remux.mp4_plan import cuts_something_off
from storage.remux.packet_copy import MUXERS, verify
from storage.remux.stream_marks import carry_marks, carry_title

Report = Callable[[float], None]


def transcode(
    path: Path,
    source: SourceFormat,
    target: Path,
    targets: list[Container],
    duration_s: float,
    max_pixels: int,
    report: Report,
    anew: bool = False,
) -> Container:
    """Write `target`: in the source's own container or the one next to it if that is one of
    `targets` and the picture plays there, else in the first of them; returns which. `report` hears
    of the share that is done.

    Raises: Undecodable, NoVideo, TooComplex, FileMissing, StorageFull.
    """
    make = partial(_make, path, source, target, targets, duration_s, max_pixels, report)
    try:
        return make(anew=anew)
    except CannotCopy:
        if anew:
            raise
        return make(anew=True)


def _make(
    path: Path,
    source: SourceFormat,
    target: Path,
    targets: list[Container],
    duration_s: float,
    max_pixels: int,
    report: Report,
    *,
    anew: bool,
) -> Container:
    """Raises: CannotCopy unless `anew`, and as `transcode`."""
    try:
        first, facts = _first_look(path, source, max_pixels)
    except NoVideo:
        made = "mp4" if "mp4" in targets else targets[0]
        make_sound_film(path, source, target, made, duration_s, max_pixels, report, anew=anew)
        return made
    home = TRAITS[source].container
    may_stay = home in targets and is_video_playable(home, facts)
    made = home if may_stay else targets[0]
    muxer, options = MUXERS[made]
    with (
        open_media(path, source) as media,
        wrap_media_errors(),
        av.open(f"file:{target}", "w", format=muxer, options=options) as out,
    ):
        anew = anew or _is_cut(path, source)
        may_copy = TRAITS[source].is_timed and is_video_playable(made, facts)
        tracks = _tracks(
            media, out, made, first, facts, max_pixels, anew=anew, may_copy_picture=may_copy
        )
        carry_title(media, out)
        for index, made_stream in zip(tracks, out.streams, strict=True):
            is_copy = isinstance(tracks[index], CopiedTrack)
            carry_marks(media.streams[index], made_stream, is_copy=is_copy)
        _carry_over(media, out, tracks, duration_s, report)
    verify(target)
    return made


def _is_cut(path: Path, source: SourceFormat) -> bool:
    """True if packets would show what an edit list hides; decoded frames do not."""
    if TRAITS[source].demuxer != "mov":
        return False
    try:
        with wrap_os_errors(), path.open("rb") as file:
            return cuts_something_off(read_movie(file))
    except FINAL:
        return True


def _first_look(path: Path, source: SourceFormat, max_pixels: int) -> tuple[VideoFrame, VideoFacts]:
    with open_media(path, source) as media:
        return look(media, video_stream(media), max_pixels)


def _is_shape_coded(stream: VideoStream) -> bool:
    """True if the codec knows the shape of its pixels: what only the container states is lost."""
    told, coded = stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio
    return (told or 1) == (coded or 1)


def _tracks(
    media: InputContainer,
    out: OutputContainer,
    made: Container,
    first: VideoFrame,
    facts: VideoFacts,
    max_pixels: int,
    *,
    anew: bool,
    may_copy_picture: bool,
) -> dict[int, Track]:
    """Tracks by the index of the stream that each is made from; the picture's comes first."""
    stream, start_s, coding = video_stream(media), start_of(media), CODINGS[made]
    # A WebM has no place for the orientation that an MP4 tells of.
    is_turned = orientation_of(first) != UPRIGHT
    is_kept = not (made == "webm" and is_turned) and _is_shape_coded(stream)
    if may_copy_picture and not anew and is_kept:
        tracks: dict[int, Track] = {stream.index: CopiedTrack(out, stream, start_s)}
    else:
        picture = PictureTrack(out, coding, stream, first, facts, start_s, max_pixels)
        tracks = {stream.index: picture}
    return tracks | sound_tracks(media, out, made, anew=anew)


def _carry_over(
    media: InputContainer,
    out: OutputContainer,
    tracks: dict[int, Track],
    duration_s: float,
    report: Report,
) -> None:
    for packet in one_clock.demux(media, [media.streams[index] for index in tracks]):
        if packet.dts is not None:
            report(float(packet.dts * packet.time_base) / duration_s)
        mux(out, tracks[packet.stream.index].convert(packet))
    for track in tracks.values():
        mux(out, track.flush())
    picture, *_ = tracks.values()
    if not picture.has_content:
        raise Undecodable("no picture could be decoded")
