import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.containers.box_lengths import check_boxes, is_fragmented, moov_is_last
from storage.errors import TooComplex, Truncated
from storage.mp4 import boxes
from tests.storage.containers.headers import FTYP, box, ebml, large_box

FASTSTART = {"movflags": "+faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
WHOLE = FTYP + box(b"moov") + box(b"mdat", b"1234")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WHOLE, id="plain"),
        pytest.param(FTYP + box(b"moov") + b"\0\0\0\0mdat1234", id="size-0-to-the-end"),
        pytest.param(FTYP + box(b"moov") + large_box(b"mdat", 20, b"1234"), id="64-bit-size"),
        pytest.param(box(b"wide") + box(b"mdat") + box(b"moov"), id="quicktime-without-ftyp"),
        pytest.param(WHOLE + b"\n", id="line-feed-behind"),
        pytest.param(WHOLE + bytes(3), id="three-zeros-behind"),
        pytest.param(WHOLE + bytes(4), id="quicktime-terminator-behind"),
        pytest.param(WHOLE + bytes(16), id="zeros-behind"),
        pytest.param(WHOLE + b"TAG" + bytes(125), id="empty-id3v1-behind"),
        pytest.param(WHOLE + b"TAGA lecture".ljust(128, b"\0"), id="id3v1-behind"),
        pytest.param(WHOLE + b"\0\0\0\x07free", id="size-7-behind"),
        pytest.param(WHOLE + b"\0\0\x10\0udta", id="cut-udta-behind"),
        pytest.param(WHOLE + b"\r\n" * 4000, id="thousands-of-line-feeds-behind"),
    ],
)
def test_whole_files_pass(content: bytes) -> None:
    check_boxes(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(FTYP + box(b"moov") + b"\0\0\0\x10mdat1234", id="box-too-long"),
        pytest.param(WHOLE + b"\0\0\0\x10mdat1234", id="second-mdat-too-long"),
        pytest.param(WHOLE + b"\0\0\0\x10moof1234", id="moof-too-long"),
        pytest.param(FTYP + box(b"moov") + b"\0\0\0\x10free1234", id="too-long-before-the-mdat"),
        pytest.param(FTYP + box(b"moov") + large_box(b"mdat", 1 << 63), id="size-2^63"),
        pytest.param(FTYP + box(b"moov") + large_box(b"mdat", (1 << 64) - 1), id="size-2^64-1"),
        pytest.param(FTYP + large_box(b"moov", 15), id="64-bit-size-too-small"),
        pytest.param(FTYP + b"\0\0\0\x07moov", id="size-7"),
        pytest.param(FTYP + box(b"moov") + b"\0\0\0", id="half-header"),
        pytest.param(FTYP + large_box(b"mdat", 99)[:-1], id="half-of-a-64-bit-header"),
        pytest.param(FTYP + box(b"moov"), id="no-mdat"),
        pytest.param(FTYP + box(b"mdat"), id="no-moov"),
        pytest.param(FTYP + b"\0\0\0\0mdat", id="mdat-to-the-end-hides-moov"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_cut_files_are_truncated(content: bytes) -> None:
    with pytest.raises(Truncated):
        check_boxes(io.BytesIO(content), len(content))


def test_a_box_past_the_largest_position_of_a_file_is_no_box() -> None:
    huge = FTYP + (1).to_bytes(4, "big") + b"free" + ((1 << 64) - 1).to_bytes(8, "big") + bytes(16)

    assert not is_fragmented(io.BytesIO(huge))


def test_millions_of_tiny_boxes_end_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "_MAX_BOXES", 1000)
    content = FTYP + box(b"free") * 2000

    with pytest.raises(TooComplex):
        check_boxes(io.BytesIO(content), len(content))


def test_header_cost_is_linear() -> None:
    content = FTYP + box(b"moov") + box(b"free") * 100_000 + box(b"mdat")

    started = time.process_time()
    check_boxes(io.BytesIO(content), len(content))

    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("content", "is_last"),
    [
        pytest.param(FTYP + box(b"moov") + box(b"mdat"), False, id="moov-first"),
        pytest.param(FTYP + box(b"mdat") + box(b"moov"), True, id="moov-last"),
        pytest.param(FTYP, False, id="neither"),
        pytest.param(ebml(b"webm"), False, id="no-boxes"),
    ],
)
def test_order_is_seen(content: bytes, is_last: bool) -> None:
    assert moov_is_last(io.BytesIO(content)) is is_last


@pytest.mark.parametrize(
    ("muxer", "video", "audio", "options", "is_last", "in_fragments"),
    [
        pytest.param("mp4", "libx264", "aac", {}, True, False, id="moov-last"),
        pytest.param("mov", "libx264", "aac", {}, True, False, id="quicktime"),
        pytest.param("mp4", "libx264", "aac", FASTSTART, False, False, id="faststart"),
        pytest.param("mp4", "libx264", "aac", FRAGMENTED, False, True, id="fragmented"),
        pytest.param("webm", "libvpx-vp9", "libopus", {}, False, False, id="webm"),
    ],
)
def test_order_of_real_files_is_seen(
    make_clip: Callable[..., Path], muxer, video, audio, options, is_last, in_fragments
) -> None:
    path = make_clip(muxer=muxer, video=video, audio=audio, muxer_options=options)

    with path.open("rb") as file:
        assert moov_is_last(file) is is_last
        assert is_fragmented(file) is in_fragments
