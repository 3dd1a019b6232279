"""An MP4 written anew in one piece, with its index in front: the tracks that are wanted, of each
the part that its edit list shows, from the time 0 on.

Boxes of the index that do not count samples or tell times keep their bytes: languages, names,
matrices, flags, sample descriptions. For sandboxed children; blocks.
"""

import heapq
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

from storage.errors import Undecodable, wrap_os_errors
from storage.mp4.boxes import Node, build_box, build_header
from storage.mp4.cutting import Cut, cut_track
from storage.mp4.edits import build_edits
from storage.mp4.movie import Movie, MovieTrack, read_movie
from storage.mp4.samples import Samples
from storage.mp4.tables import build_tables, replace_duration

# Sound and pictures lie so close together: players read ahead less than a second at once.
_CHUNK_S = Fraction(1, 2)
_MOST_AT_ONCE = 4 << 20
_LARGEST_32_BIT = 2**32 - 1
# Brands that players know; QuickTime's own says that it is none of theirs.
_BRANDS = b"isom\0\0\2\0isomiso2iso6mp41"
_DROPPED = frozenset({b"mvex", b"trak", b"iods", b"meta"})


def rebuild_mp4(source: Path, target: Path, numbers: list[int], movie: Movie | None = None) -> None:
    """Write `target` with the tracks of these numbers; `movie`: the index, where it has been read.

    Raises: Undecodable when only a conversion shows what the file shows, TooComplex, FileMissing,
    StorageFull.
    """
    with wrap_os_errors(), source.open("rb") as file, target.open("wb") as out:
        movie = movie or read_movie(file)
        tracks = [one for one in movie.tracks if one.number in numbers and len(one.samples)]
        if not tracks:
            raise Undecodable("no samples of these tracks")
        cuts = [cut_track(track) for track in tracks]
        begin_at_zero(cuts)
        chunks = list(_interleave(tracks, cuts))
        _write(file, out, movie, tracks, cuts, chunks)


def begin_at_zero(cuts: list[Cut]) -> None:
    """Moves all by the same time, so that the first begins at 0."""
    first_s = min(cut.delay_s for cut in cuts)
    for cut in cuts:
        cut.shift(first_s)


class _Chunk(NamedTuple):
    time_s: Fraction
    track: int
    """Its place among the tracks."""
    first: int
    stop: int


def _interleave(tracks: list[MovieTrack], cuts: list[Cut]) -> Iterator[_Chunk]:
    return heapq.merge(
        *(
            _chunks(place, track, cut)
            for place, (track, cut) in enumerate(zip(tracks, cuts, strict=True))
        )
    )


def _chunks(place: int, track: MovieTrack, cut: Cut) -> Iterator[_Chunk]:
    samples, longest = cut.samples, _CHUNK_S * track.scale
    first = 0
    for number in range(1, len(samples) + 1):
        is_last = number == len(samples)
        if (
            is_last
            or samples.times[number] - samples.times[first] >= longest
            or samples.descriptions[number] != samples.descriptions[first]
        ):
            time_s = cut.delay_s + Fraction(samples.times[first], track.scale)
            yield _Chunk(time_s, place, first, number)
            first = number


def _write(
    file: BinaryIO,
    out: BinaryIO,
    movie: Movie,
    tracks: list[MovieTrack],
    cuts: list[Cut],
    chunks: list[_Chunk],
) -> None:
    data_bytes = sum(sum(cut.samples.sizes) for cut in cuts)
    header = build_header(b"mdat", data_bytes)
    ftyp = build_box(b"ftyp", _BRANDS)
    starts = _starts(chunks, cuts, 0)
    # Twice: where the data begins is known once the index has its length.
    index = _index(movie, tracks, cuts, chunks, starts, is_wide=data_bytes > _LARGEST_32_BIT // 2)
    offset = len(ftyp) + len(index) + len(header)
    starts = array("Q", [start + offset for start in starts])
    index = _index(movie, tracks, cuts, chunks, starts, is_wide=data_bytes > _LARGEST_32_BIT // 2)
    out.write(ftyp + index + header)
    for chunk in chunks:
        for start, stop in _ranges(cuts[chunk.track].samples, chunk):
            _copy(file, out, start, stop)


def _starts(chunks: list[_Chunk], cuts: list[Cut], position: int) -> "array[int]":
    starts = array("Q")
    for chunk in chunks:
        starts.append(position)
        position += sum(cuts[chunk.track].samples.sizes[chunk.first : chunk.stop])
    return starts


def _ranges(samples: Samples, chunk: _Chunk) -> Iterator[tuple[int, int]]:
    """The bytes of a chunk in the source, joined where they lie side by side."""
    start = stop = samples.positions[chunk.first]
    for number in range(chunk.first, chunk.stop):
        position, size = samples.positions[number], samples.sizes[number]
        if position != stop or stop - start > _MOST_AT_ONCE:
            yield start, stop
            start = stop = position
        stop += size
    yield start, stop


def _copy(file: BinaryIO, out: BinaryIO, start: int, stop: int) -> None:
    file.seek(start)
    content = file.read(stop - start)
    if len(content) < stop - start:
        raise Undecodable("samples behind the end of the file")
    out.write(content)


def _index(
    movie: Movie,
    tracks: list[MovieTrack],
    cuts: list[Cut],
    chunks: list[_Chunk],
    starts: "array[int]",
    *,
    is_wide: bool,
) -> bytes:
    traks, longest = [], 0
    for place, (track, cut) in enumerate(zip(tracks, cuts, strict=True)):
        own = [
            (chunk, start)
            for chunk, start in zip(chunks, starts, strict=True)
            if chunk.track == place
        ]
        layout = _Layout([c for c, _ in own], array("Q", [start for _, start in own]), is_wide)
        trak, duration = _trak(track, cut, layout, movie.scale)
        traks.append(trak)
        longest = max(longest, duration)
    children = [node for node in movie.moov.children if not _is_dropped(node)]
    children = [
        replace_duration(node, longest, movie.scale) if node.kind == b"mvhd" else node
        for node in children
    ]
    place = next((n for n, node in enumerate(children) if node.kind == b"mvhd"), -1) + 1
    children[place:place] = traks
    return Node(b"moov", children=children).serialize()


def _is_dropped(node: Node) -> bool:
    if node.kind == b"meta":
        # Positions of items would have to follow.
        return b"iloc" in node.content
    return node.kind in _DROPPED or not node.kind


@dataclass(frozen=True, slots=True)
class _Layout:
    """Positions of a track's chunks."""

    chunks: list[_Chunk]
    starts: "array[int]"
    is_wide: bool


def _trak(track: MovieTrack, cut: Cut, layout: _Layout, movie_scale: int) -> tuple[Node, int]:
    """The track's box, and until when it is shown in units of the movie."""
    delay = round(cut.delay_s * movie_scale)
    duration = round(Fraction(cut.duration, track.scale) * movie_scale)
    children = []
    for node in track.trak.children:
        match node.kind:
            case b"tkhd":
                children.append(replace_duration(node, delay + duration))
            case b"mdia":
                if _needs_edits(cut, delay):
                    children.append(build_edits(delay, cut.start, duration))
                children.append(_mdia(node, track, cut, layout))
            # References to tracks that may be gone, and the old list.
            case b"edts" | b"tref" | b"":
                continue
            case b"meta" if b"iloc" in node.content:
                continue
            case _:
                children.append(node)
    return Node(b"trak", children=children), delay + duration


def _needs_edits(cut: Cut, delay: int) -> bool:
    return bool(delay or cut.start) or cut.duration < cut.samples.stop


def _mdia(mdia: Node, track: MovieTrack, cut: Cut, layout: _Layout) -> Node:
    counts = [chunk.stop - chunk.first for chunk in layout.chunks]
    children = []
    for node in mdia.children:
        match node.kind:
            case b"mdhd":
                children.append(replace_duration(node, cut.samples.stop))
            case b"minf":
                is_whole = len(cut.samples) == len(track.samples)
                tables = build_tables(
                    node.need(b"stbl"), cut.samples, counts, layout.starts,
                    is_whole=is_whole, is_wide=layout.is_wide,
                )  # fmt: skip
                minf = [tables if one.kind == b"stbl" else one for one in node.children]
                children.append(Node(b"minf", children=minf))
            case _:
                children.append(node)
    return Node(b"mdia", children=children)
