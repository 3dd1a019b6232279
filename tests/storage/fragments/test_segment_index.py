import pytest

from storage.errors import TooComplex, Undecodable
from storage.fragments.segment_index import Reference, SegmentIndex, parse_segment_index

INDEX = SegmentIndex(2, 90_000, 2**32 + 5, [Reference(1000, 360_000, 1), Reference(77, 9, 2)])


def test_the_fields_stand_where_the_standard_has_them() -> None:
    expected = (
        "00000040 73696478 01000000 00000002 00015f90 0000000100000005 0000000000000000 0000 0002"
        "000003e8 00057e40 90000000 0000004d 00000009 a0000000"
    )

    assert INDEX.serialize() == bytes.fromhex(expected)
    assert INDEX.size == 64


def test_an_index_is_read_as_it_was_written() -> None:
    assert parse_segment_index(INDEX.serialize()[8:]) == INDEX


def test_a_segment_without_a_keyframe_is_said_to_start_with_none() -> None:
    written = SegmentIndex(1, 1, 0, [Reference(1, 1, 0)]).serialize()

    assert written[-4:] == bytes(4)


@pytest.mark.parametrize(
    "references",
    [
        pytest.param([Reference(2**31, 1, 1)], id="31 bits of size"),
        pytest.param([Reference(1, 2**32, 1)], id="32 bits of duration"),
        pytest.param([Reference(1, 1, 1)] * 2**16, id="16 bits of count"),
    ],
)
def test_what_no_field_holds_is_refused(references: list[Reference]) -> None:
    with pytest.raises(TooComplex):
        SegmentIndex(1, 1, 0, references).serialize()


def test_the_largest_values_are_kept() -> None:
    largest = [Reference(2**31 - 1, 2**32 - 1, 1)] * (2**16 - 1)
    index = SegmentIndex(1, 1, 2**64 - 1, largest)

    assert parse_segment_index(index.serialize()[8:]) == index


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0" + INDEX.serialize()[9:], id="version 0"),
        pytest.param(INDEX.serialize()[8:-1], id="cut"),
        pytest.param(INDEX.serialize()[8:] + b"\0", id="longer"),
        pytest.param(INDEX.serialize()[8:40] + b"\x80" + INDEX.serialize()[41:], id="of indexes"),
    ],
)
def test_another_index_is_refused(content: bytes) -> None:
    with pytest.raises(Undecodable):
        parse_segment_index(content)
