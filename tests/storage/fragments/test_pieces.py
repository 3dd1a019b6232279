import os
from contextlib import suppress
from pathlib import Path

import pytest

from storage.errors import StorageError, Truncated, Undecodable
from storage.fragments.pieces import Piece, read_fragments
from storage.mp4.boxes import build_box
from tests.storage.fragments.built_pieces import (
    KEYFRAME,
    MOVIE_SCALE,
    TIMESCALE,
    TYPE_OF_SEGMENT,
    BuiltPiece,
    Initialization,
    Part,
    Sample,
)

LATE = Part(decode_time=500)


def read(piece: BuiltPiece, tmp_path: Path) -> Piece:
    with piece.write(tmp_path / "piece.mp4").open("rb") as file:
        return read_fragments(file)


def test_a_piece_is_read_with_its_initialization(tmp_path: Path) -> None:
    built = BuiltPiece([Part(track=3)] * 2, Initialization(track=3))

    piece = read(built, tmp_path)

    assert piece.initialization == built.initialization.build()
    assert (piece.track, piece.timescale, len(piece.fragments)) == (3, TIMESCALE, 2)


def test_positions_of_a_fragment_name_its_bytes(tmp_path: Path) -> None:
    built = BuiltPiece([Part(), LATE])
    content = built.build()

    _, fragment = read(built, tmp_path).fragments

    assert content[fragment.position :] == LATE.build()
    assert content[fragment.data :] == build_box(b"mdat", b"keyframe!picture")
    assert content[: fragment.first_stop].endswith(b"keyframe!")
    assert (fragment.stop, fragment.size) == (len(content), len(LATE.build()))
    assert fragment.keyframe_size == len(LATE.build()) - len(b"picture")


def test_a_fragment_grows_where_its_time_has_32_bits(tmp_path: Path) -> None:
    part = Part(is_64_bit=False)

    (fragment,) = read(BuiltPiece([part]), tmp_path).fragments

    assert fragment.growth == 4
    assert fragment.size == len(part.build()) + 4


REORDERED = [
    Sample(100, b"I", 0, is_sync=True),
    Sample(100, b"P", 200),
    Sample(100, b"B", 0),
    Sample(100, b"B", 0),
]
CUT_AT_NEGATIVE = [
    Sample(100, b"I", 0, is_sync=True),
    Sample(100, b"P", 100),
    Sample(100, b"B", -100),
]
LEADING = [Sample(100, b"I", 200, is_sync=True), Sample(100, b"B", 0), Sample(100, b"B", 0)]


@pytest.mark.parametrize(
    ("samples", "start", "end", "access_point"),
    [
        pytest.param([KEYFRAME], 40, 140, 1, id="one picture"),
        pytest.param(REORDERED, 40, 440, 1, id="B-frames"),
        pytest.param(CUT_AT_NEGATIVE, 40, 340, 1, id="negative composition offsets"),
        pytest.param(LEADING, 140, 340, 2, id="pictures before the keyframe"),
        pytest.param([Sample(), Sample()], 40, 240, 0, id="no keyframe"),
    ],
)
def test_times_are_those_of_presentation(
    tmp_path: Path, samples: list[Sample], start: int, end: int, access_point: int
) -> None:
    (fragment,) = read(BuiltPiece([Part(samples, decode_time=40)]), tmp_path).fragments

    assert (fragment.start, fragment.end) == (start, end)
    assert fragment.access_point == access_point
    assert fragment.first_duration == 100


@pytest.mark.parametrize(
    ("edits", "shift"),
    [
        pytest.param([(0, 0)], 0, id="from the beginning"),
        pytest.param([(0, 200)], -200, id="media before it is hidden"),
        pytest.param([(MOVIE_SCALE, -1), (0, 0)], TIMESCALE, id="after a second"),
        pytest.param([(MOVIE_SCALE, -1), (0, 200)], TIMESCALE - 200, id="both"),
    ],
)
def test_an_edit_list_moves_all(tmp_path: Path, edits: list[tuple[int, int]], shift: int) -> None:
    built = BuiltPiece([Part(decode_time=500)], Initialization(edits=edits))

    (fragment,) = read(built, tmp_path).fragments

    assert (fragment.start, fragment.end) == (500 + shift, 700 + shift)


def test_a_fragment_is_moved_in_time_alone(tmp_path: Path) -> None:
    (fragment,) = read(BuiltPiece(), tmp_path).fragments

    assert fragment.moved(77, is_delayed=False) == fragment._replace(start=77, end=277)


def test_a_fragment_without_offsets_grows_when_it_is_delayed(tmp_path: Path) -> None:
    part = Part(has_offsets=False)

    (fragment,) = read(BuiltPiece([part]), tmp_path).fragments

    assert fragment.moved(0, is_delayed=True).size == len(part.build()) + 2 * 4
    assert fragment.moved(0, is_delayed=False).size == len(part.build())


def test_other_boxes_between_fragments_are_passed_over(tmp_path: Path) -> None:
    built = BuiltPiece([Part(before=TYPE_OF_SEGMENT), LATE], after=build_box(b"mfra", b"index"))

    assert len(read(built, tmp_path).fragments) == 2


def test_a_track_number_in_a_wide_header_is_found(tmp_path: Path) -> None:
    built = BuiltPiece([Part(track=9)], Initialization(track=9, is_wide=True))

    assert read(built, tmp_path).track == 9


@pytest.mark.parametrize("cut", [1, 8, 15, 20])
def test_a_piece_that_was_cut_is_refused(tmp_path: Path, cut: int) -> None:
    path = BuiltPiece([Part(), LATE]).write(tmp_path / "piece.mp4")
    os.truncate(path, path.stat().st_size - cut)

    with path.open("rb") as file, pytest.raises(Truncated):
        read_fragments(file)


def test_a_piece_without_the_data_of_its_last_fragment_is_refused(tmp_path: Path) -> None:
    path = BuiltPiece().write(tmp_path / "piece.mp4")
    os.truncate(path, path.stat().st_size - 8 - len(b"keyframe!picture"))

    with path.open("rb") as file, pytest.raises(Truncated):
        read_fragments(file)


@pytest.mark.parametrize(
    "built",
    [
        pytest.param(BuiltPiece([]), id="no fragments"),
        pytest.param(BuiltPiece(after=Initialization().build()), id="two indexes"),
        pytest.param(BuiltPiece(initialization=Initialization(tracks=2)), id="two tracks"),
        pytest.param(BuiltPiece(initialization=Initialization(tracks=0)), id="no track"),
        pytest.param(BuiltPiece(initialization=Initialization(timescale=0)), id="time scale 0"),
        pytest.param(
            BuiltPiece(initialization=Initialization(edits=[(MOVIE_SCALE, 0)])), id="an edit cuts"
        ),
        pytest.param(
            BuiltPiece(initialization=Initialization(edits=[(100, 0), (0, 900)])),
            id="several edits",
        ),
        pytest.param(BuiltPiece([Part(between=build_box(b"free"))]), id="mdat elsewhere"),
        pytest.param(BuiltPiece([Part(trafs=2)]), id="two tracks in a fragment"),
        pytest.param(BuiltPiece([Part(has_time=False)]), id="no time"),
        pytest.param(BuiltPiece([Part([])]), id="no samples"),
        pytest.param(BuiltPiece([Part(misplaced=-1)]), id="data before its box"),
        pytest.param(BuiltPiece([Part(misplaced=1)]), id="data behind its box"),
    ],
)
def test_what_is_no_piece_is_refused(tmp_path: Path, built: BuiltPiece) -> None:
    with pytest.raises((Undecodable, Truncated)):
        read(built, tmp_path)


def test_damage_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    """No byte of an index makes more than the errors of storage."""
    content = bytearray(BuiltPiece([Part(in_runs=2), LATE]).build())
    path = tmp_path / "piece.mp4"
    path.write_bytes(content)
    with path.open("r+b") as file:
        for place in range(len(content)):
            for value in (0, 0xFF, content[place] ^ 0x80):
                os.pwrite(file.fileno(), bytes([value]), place)
                file.seek(0)
                with suppress(StorageError):
                    read_fragments(file)
            os.pwrite(file.fileno(), content[place : place + 1], place)
