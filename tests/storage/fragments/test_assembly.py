from collections.abc import Sequence
from pathlib import Path

import pytest

from storage.errors import FileMissing, MismatchedPieces, Undecodable
from storage.fragments.assembly import assemble, read_assembled
from storage.fragments.fragmented_file import FragmentedFile
from storage.fragments.pieces import Piece, read_fragments
from storage.mp4.boxes import build_box, read_top_level
from tests.storage.fragments.built_pieces import (
    KEYFRAME,
    TIMESCALE,
    TYPE_OF_SEGMENT,
    BuiltPiece,
    Initialization,
    Part,
    Sample,
)

# Each lasts a fifth of a second; the second piece does not begin at 0, and has 32-bit times.
FIRST = BuiltPiece([Part(before=TYPE_OF_SEGMENT), Part([KEYFRAME, Sample()], decode_time=200)])
SECOND = BuiltPiece(
    [
        Part([Sample(is_sync=True, content=b"another")], 50, is_64_bit=False),
        Part([Sample(is_sync=True, content=b"last")], 250, is_64_bit=False),
    ],
    after=build_box(b"mfra"),
)


@pytest.fixture
def pieces(tmp_path: Path) -> list[Path]:
    return [FIRST.write(tmp_path / "0.mp4"), SECOND.write(tmp_path / "1.mp4")]


def join(
    pieces: Sequence[Path], starts: Sequence[int], segments: Sequence[int] | None = None
) -> tuple[Path, FragmentedFile]:
    result = pieces[0].with_name("result.mp4")
    return result, assemble(pieces, starts, result, segments)


def kinds(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [box.kind for box in read_top_level(file, path.stat().st_size)]


def fragments_of(path: Path) -> Piece:
    with path.open("rb") as file:
        return read_fragments(file)


def test_the_index_stands_in_front_and_nothing_but_fragments_behind(pieces: list[Path]) -> None:
    path, _ = join(pieces, [0, 400])

    assert kinds(path) == [b"ftyp", b"moov", b"sidx", *[b"moof", b"mdat"] * 4]


def test_each_piece_begins_at_its_start(pieces: list[Path]) -> None:
    path, _ = join(pieces, [1000, 1400])

    assert [one.start for one in fragments_of(path).fragments] == [1000, 1200, 1400, 1600]


def test_fragments_are_numbered_anew(pieces: list[Path]) -> None:
    path, _ = join(pieces, [0, 400])
    content = path.read_bytes()

    numbers = [
        content[place + 8 : place + 12]
        for place in range(len(content))
        if content[place : place + 4] == b"mfhd"
    ]
    assert [int.from_bytes(number, "big") for number in numbers] == [1, 2, 3, 4]


def test_samples_are_where_their_runs_say(pieces: list[Path]) -> None:
    """Also behind times that were 32 bits wide."""
    path, _ = join(pieces, [0, 400])
    content = path.read_bytes()

    ends = [content[: one.first_stop] for one in fragments_of(path).fragments]
    expected = [b"keyframe!", b"keyframe!", b"another", b"last"]
    assert [end.endswith(word) for end, word in zip(ends, expected, strict=True)] == [True] * 4


def test_the_description_names_the_bytes_of_the_file(pieces: list[Path]) -> None:
    path, file = join(pieces, [0, 400])
    content = path.read_bytes()

    assert content[: file.initialization_size] == FIRST.initialization.build()
    assert content[slice(*file.index_range)][4:8] == b"sidx"
    assert [content[one.offset + 4 :][:4] for one in file.fragments] == [b"moof"] * 4
    keyframes = [content[one.offset :][: one.keyframe_size] for one in file.fragments]
    expected = [b"keyframe!", b"keyframe!", b"another", b"last"]
    assert [one.partition(b"mdat")[2] for one in keyframes] == expected
    assert file.size == len(content)
    assert file.timescale == TIMESCALE


def test_durations_reach_to_the_next_start(pieces: list[Path]) -> None:
    """As they are presented: a gap between pieces belongs to the segment before it."""
    _, file = join(pieces, [0, 450])

    assert [(one.start, one.duration) for one in file.fragments] == [
        (0, 200),
        (200, 250),
        (450, 200),
        (650, 100),
    ]


def test_fragments_between_two_starts_are_one_segment(pieces: list[Path]) -> None:
    path, file = join(pieces, [0, 400], [0, 400])

    assert [(one.start, one.duration) for one in file.fragments] == [(0, 400), (400, 300)]
    assert sum(one.size for one in file.fragments) == path.stat().st_size - file.index_range[1]


def test_an_assembled_file_is_described_as_when_it_was_made(pieces: list[Path]) -> None:
    for segments in (None, [0, 400]):
        path, file = join(pieces, [0, 400], segments)

        assert read_assembled(path) == file


def test_pictures_that_are_reordered_keep_their_times(tmp_path: Path) -> None:
    """Also those of pieces that have no offsets: all samples of a file are delayed alike."""
    reordered = [KEYFRAME, Sample(delay=100), Sample(delay=-100)]
    pieces = [
        BuiltPiece([Part(reordered)]).write(tmp_path / "0.mp4"),
        BuiltPiece([Part(has_offsets=False)]).write(tmp_path / "1.mp4"),
    ]

    path, file = join(pieces, [0, 300])

    first, second = fragments_of(path).fragments
    assert (first.start, first.end, first.lowest_offset) == (0, 300, 0)
    assert (second.start, second.end, second.lowest_offset) == (300, 500, 100)
    assert b"elst" in path.read_bytes()[: file.initialization_size]
    assert read_assembled(path) == file


def test_a_film_of_more_than_32_bits_of_time_is_joined(tmp_path: Path) -> None:
    """15 hours at 90 kHz."""
    clock = Initialization(timescale=90_000)
    piece = BuiltPiece([Part(is_64_bit=False)], clock).write(tmp_path / "piece.mp4")
    late = 15 * 3600 * 90_000

    path, file = join([piece, piece], [late, late + 90_000])

    assert [one.start for one in fragments_of(path).fragments] == [late, late + 90_000]
    assert [one.start for one in file.fragments] == [late, late + 90_000]


def test_a_single_picture_of_no_duration_has_one(tmp_path: Path) -> None:
    piece = BuiltPiece([Part([Sample(0, is_sync=True)])]).write(tmp_path / "piece.mp4")

    _, file = join([piece], [0])

    assert [one.duration for one in file.fragments] == [1]


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(BuiltPiece(initialization=Initialization(codec=b"tes2")), id="other codec"),
        pytest.param(BuiltPiece(initialization=Initialization(timescale=999)), id="other clock"),
        pytest.param(BuiltPiece([Part([Sample()] * 3)]), id="keyframe missing at a start"),
    ],
)
def test_pieces_of_another_rendition_are_refused(tmp_path: Path, second: BuiltPiece) -> None:
    first = FIRST.write(tmp_path / "0.mp4")

    with pytest.raises(MismatchedPieces):
        join([first, second.write(tmp_path / "1.mp4")], [0, 400], [0, 400])


def test_pieces_out_of_order_are_refused(pieces: list[Path]) -> None:
    with pytest.raises(MismatchedPieces):
        join(pieces, [400, 0])


def test_no_pieces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MismatchedPieces):
        assemble([], [], tmp_path / "result.mp4")


def test_a_piece_that_is_gone_is_missing(pieces: list[Path]) -> None:
    pieces[1].unlink()

    with pytest.raises(FileMissing):
        join(pieces, [0, 400])


@pytest.mark.parametrize("content", [b"", FIRST.build(), build_box(b"ftyp")])
def test_another_file_is_not_described(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.mp4"
    path.write_bytes(content)

    with pytest.raises(Undecodable):
        read_assembled(path)


def test_an_assembled_file_that_was_cut_is_not_described(pieces: list[Path]) -> None:
    path, file = join(pieces, [0, 400])
    path.write_bytes(path.read_bytes()[: file.fragments[-1].offset + 4])

    with pytest.raises(Undecodable):
        read_assembled(path)


def test_an_index_that_points_elsewhere_is_not_described(pieces: list[Path]) -> None:
    """At an mdat, for instance."""
    path, file = join(pieces, [0, 400])
    content = path.read_bytes()
    first = file.fragments[0]
    moof_size = int.from_bytes(content[first.offset : first.offset + 4], "big")
    sizes = file.index_range[0] + 8 + 32
    path.write_bytes(content[:sizes] + moof_size.to_bytes(4, "big") + content[sizes + 4 :])

    with pytest.raises(Undecodable):
        read_assembled(path)
