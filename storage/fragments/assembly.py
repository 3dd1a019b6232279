"""Pieces of a rendition joined to one file: initialization, one index, all fragments. Blocks.

Reads the indexes of all pieces first, then copies; no piece is held in memory. Boxes other than
moof and mdat (indexes and types of the pieces) are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise
from pathlib import Path
from typing import BinaryIO

from storage.errors import MismatchedPieces, Undecodable, wrap_os_errors
from storage.fragments.fragmented_file import Fragment, FragmentedFile
from storage.fragments.moving import delay_track, move_fragment
from storage.fragments.pieces import MovieFragment, Piece, read_fragments, read_fragments_at
from storage.fragments.segment_index import Reference, SegmentIndex, parse_segment_index
from storage.fragments.segments import gather_segments
from storage.mp4.boxes import Box, iterate_top_level, read_index
from storage.mp4.copying import copy_range


def assemble(
    pieces: Sequence[Path],
    starts: Sequence[int],
    result: Path,
    segment_starts: Sequence[int] | None = None,
) -> FragmentedFile:
    """Write `result`, in which each piece begins at its start (presentation time, in ticks).

    Segments begin at `segment_starts` (ticks; within a sample), else with each keyframe that
    begins a fragment. Raises: MismatchedPieces, Truncated, Undecodable, TooComplex, FileMissing,
    StorageFull.
    """
    with wrap_os_errors():
        first, sources = _read_sources(pieces, starts)
        delay = max(0, *(-one.lowest_offset for source in sources for one in source.fragments))
        sources = [source.placed(is_delayed=delay > 0) for source in sources]
        fragments = [one for source in sources for one in source.fragments]
        segments = gather_segments(fragments, segment_starts, first.timescale)
        index = SegmentIndex(
            first.track, first.timescale, segments[0][0].start, list(_references(segments))
        )
        if delay:
            delay_track(first.index, delay)
        initialization = first.initialization
        with result.open("wb") as out:
            out.write(initialization + index.serialize())
            numbers = count(1)
            for source in sources:
                _copy(source, out, delay, numbers)
    openings = [segment[0].keyframe_size for segment in segments]
    return _describe(len(initialization), index, openings)


def read_assembled(path: Path) -> FragmentedFile:
    """The description of a file that `assemble` wrote. Raises: Undecodable, FileMissing."""
    with wrap_os_errors(), path.open("rb") as file:
        moov, sidx = _read_head(file, path.stat().st_size)
        file.seek(sidx.content)
        index = parse_segment_index(file.read(sidx.stop - sidx.content))
        bare = _describe(moov.stop, index, [0] * len(index.references))
        positions = (one.offset for one in bare.fragments)
        openings = [one.keyframe_size for one in read_fragments_at(file, moov, positions)]
    return _describe(moov.stop, index, openings)


@dataclass(frozen=True, slots=True)
class _Source:
    path: Path
    shift: int
    fragments: Sequence[MovieFragment]

    def placed(self, *, is_delayed: bool) -> "_Source":
        """The file with its fragments as they are in the result, but for their positions."""
        moved = [one.moved(self.shift, is_delayed=is_delayed) for one in self.fragments]
        return replace(self, fragments=moved)


def _read_sources(pieces: Sequence[Path], starts: Sequence[int]) -> tuple[Piece, list[_Source]]:
    first: Piece | None = None
    sources = []
    for number, (path, start) in enumerate(zip(pieces, starts, strict=True)):
        with path.open("rb") as file:
            piece = read_fragments(file)
        first = first or piece
        if piece.initialization != first.initialization:
            raise MismatchedPieces(f"the initialization of piece {number} differs")
        sources.append(_Source(path, start - piece.fragments[0].start, piece.fragments))
    if first is None:
        raise MismatchedPieces("no pieces")
    return first, sources


def _references(segments: Sequence[Sequence[MovieFragment]]) -> Iterator[Reference]:
    """Their durations are those of presentation: they end where the next begins."""
    starts = [segment[0].start for segment in segments]
    # A single picture may have no duration.
    end = max(starts[-1] + 1, *(one.end for one in segments[-1]))
    for segment, (start, stop) in zip(segments, pairwise([*starts, end]), strict=True):
        yield Reference(sum(one.size for one in segment), stop - start, segment[0].access_point)


def _copy(source: _Source, out: BinaryIO, delay: int, numbers: Iterator[int]) -> None:
    with source.path.open("rb") as file:
        for one in source.fragments:
            moof = read_index(file, next(iterate_top_level(file, one.data, one.position)))
            out.write(move_fragment(moof, next(numbers), source.shift, delay, one.growth))
            copy_range(file, out, one.data, one.stop)


def _read_head(file: BinaryIO, size: int) -> tuple[Box, Box]:
    boxes = iterate_top_level(file, size)
    found = [box for box, _ in zip(boxes, range(3), strict=False)]
    if [box.kind for box in found] != [b"ftyp", b"moov", b"sidx"]:
        raise Undecodable("not an assembled file")
    return found[1], found[2]


def _describe(
    initialization_size: int, index: SegmentIndex, keyframe_sizes: Sequence[int]
) -> FragmentedFile:
    offset, start = initialization_size + index.size, index.start
    index_range = (initialization_size, offset)
    fragments = []
    for one, keyframe_size in zip(index.references, keyframe_sizes, strict=True):
        fragments.append(Fragment(offset, one.size, start, one.duration, keyframe_size))
        offset, start = offset + one.size, start + one.duration
    return FragmentedFile(index.timescale, initialization_size, index_range, tuple(fragments))
