import pytest

from storage.bitstreams.h264 import (
    begins_with_idr,
    parameter_sets,
    parameter_sets_in,
    prefix_bytes,
    without_messages,
)

SPS, SMALL_SPS, PPS, IDR = b"\x67\x64\0\x1f\xac", b"\x27\x42\xc0\x0a", b"\x68\xee", b"\x65\x88"
# Lengths of 4 bytes, one set of each kind.
AVCC = b"\x01\x64\0\x1f\xff\xe1" + b"\0\5" + SPS + b"\x01\0\2" + PPS


@pytest.mark.parametrize(
    ("extradata", "width"),
    [
        (AVCC, 4),
        (AVCC[:4] + b"\xfc" + AVCC[5:], 1),
        (b"\0\0\0\1" + SPS, None),
        (AVCC[:6], None),
        (b"", None),
    ],
)
def test_width_of_lengths(extradata: bytes, width: int | None) -> None:
    assert prefix_bytes(extradata) == width


@pytest.mark.parametrize(
    ("extradata", "expected"),
    [
        pytest.param(AVCC, [SPS], id="configuration"),
        pytest.param(AVCC[:5] + b"\xe0" + AVCC[6:], [], id="configuration without one"),
        pytest.param(b"\0\0\0\1" + SPS + b"\0\0\1" + PPS, [SPS], id="start codes"),
        pytest.param(b"\0\0\1" + SMALL_SPS + b"\0\0\0\1" + SPS, [SMALL_SPS, SPS], id="two"),
        pytest.param(b"\0\0\1\0\0\1" + SPS, [SPS], id="empty unit"),
        pytest.param(SPS, [], id="no start code"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_parameter_sets_of_a_header(extradata: bytes, expected: list[bytes]) -> None:
    assert list(parameter_sets(extradata)) == expected


@pytest.mark.parametrize(
    ("sample", "prefix", "expected"),
    [
        pytest.param(b"\0\0\0\5" + SPS + b"\0\0\0\2" + IDR, 4, [SPS], id="lengths of 4"),
        pytest.param(b"\2" + IDR + b"\4" + SMALL_SPS, 1, [SMALL_SPS], id="lengths of 1"),
        pytest.param(b"\0\0\0\0\0\0\0\5" + SPS, 4, [SPS], id="empty unit"),
        pytest.param(b"\0\0\0\6" + SPS, 4, [], id="cut"),
        pytest.param(b"\0\0\1" + SPS + b"\0\0\1" + IDR, None, [SPS], id="start codes"),
    ],
)
def test_parameter_sets_in_a_sample(
    sample: bytes, prefix: int | None, expected: list[bytes]
) -> None:
    assert list(parameter_sets_in(sample, prefix)) == expected


SLICE, SEI = b"\x41\x9a", b"\x06\x05"


@pytest.mark.parametrize(
    ("sample", "prefix", "expected"),
    [
        pytest.param(
            b"\0\0\0\2" + SEI + b"\0\0\0\2" + IDR, 4, b"\0\0\0\2" + IDR, id="lengths of 4"
        ),
        pytest.param(b"\2" + SEI + b"\2" + IDR + b"\2" + SEI, 1, b"\2" + IDR, id="lengths of 1"),
        pytest.param(b"\0\0\0\1" + SEI + b"\0\0\1" + IDR, None, b"\0\0\1" + IDR, id="start codes"),
        pytest.param(b"\2" + SEI, 1, b"", id="nothing else"),
    ],
)
def test_messages_are_left_out(sample: bytes, prefix: int | None, expected: bytes) -> None:
    assert without_messages(sample, prefix) == expected


@pytest.mark.parametrize(
    ("sample", "prefix", "expected"),
    [
        pytest.param(b"\0\0\0\2" + IDR, 4, True, id="IDR"),
        pytest.param(b"\0\0\0\2" + SLICE, 4, False, id="another picture"),
        pytest.param(b"\0\0\0\2" + SEI + b"\0\0\0\2" + IDR, 4, True, id="behind a message"),
        pytest.param(b"\2" + SEI + b"\2" + SLICE, 1, False, id="recovery point"),
        pytest.param(b"\0\0\0\5" + SPS, 4, False, id="no picture"),
        pytest.param(b"\0\0\0\xff\6", 4, False, id="cut"),
        pytest.param(b"", 4, False, id="nothing"),
    ],
)
def test_idr_pictures_are_distinguished_from_other_keyframes(
    sample: bytes, prefix: int, expected: bool
) -> None:
    assert begins_with_idr(sample, prefix) is expected
    assert begins_with_idr(memoryview(sample), prefix) is expected
