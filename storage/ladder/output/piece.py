"""Encodes a piece of a film in all sizes of its ladder, from one decoding.

Runs in a sandboxed child, in one thread. Each rung is scaled from the next larger one.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame

from storage.conversion.filters import shown_colours
from storage.errors import Undecodable
from storage.formats import SourceFormat
from storage.ladder.facts import Colours, Made, PiecePlaces, VideoRung
from storage.ladder.output.description import describe
from storage.ladder.output.piece_pictures import Row, piece_pictures
from storage.ladder.output.video_file import CodedRung, open_fragments
from storage.media.demux import open_media, wrap_media_errors


def encode_piece(
    path: Path,
    source: SourceFormat,
    rungs: list[VideoRung],
    files: list[Path],
    piece: PiecePlaces,
    rate: tuple[int, int],
    timescale: int,
    picture_offset: int,
    max_pixels: int,
    colours: Colours | None,
) -> list[Made]:
    """Write one of `files` for each of `rungs`, in the order of their sizes.

    Raises: Undecodable, TooComplex, FileMissing, StorageFull.
    """
    row = Row(Fraction(*rate), picture_offset)
    size = rungs[0].width, rungs[0].height
    with open_media(path, source) as media, wrap_media_errors(), ExitStack() as stack:
        outs = [stack.enter_context(open_fragments(file, timescale)) for file in files]
        coded: list[CodedRung] = []
        for place, picture in piece_pictures(media, row, piece, size, max_pixels, colours):
            colours = colours or Colours(*shown_colours(picture))
            coded = coded or [
                CodedRung(out, rung, row.rate, piece.start, colours)
                for out, rung in zip(outs, rungs, strict=True)
            ]
            _encode(coded, place, picture, is_key=place in piece.keyframes)
        if not coded:
            raise Undecodable("no picture could be decoded")
        for one in coded:
            one.finish()
    start = round(piece.start * timescale / row.rate)
    return [
        describe(rung.name, file, start, one.count)
        for rung, file, one in zip(rungs, files, coded, strict=True)
    ]


def _encode(coded: Sequence[CodedRung], place: int, picture: VideoFrame, *, is_key: bool) -> None:
    for one in coded:
        if one.shows(place):
            picture = one.encode(place, picture, is_key=is_key)
