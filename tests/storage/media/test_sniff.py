import io
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.errors import StorageError, TooComplex, Truncated, Undecodable, UnsupportedFormat
from storage.media import sniff as sniff_module
from storage.media.sniff import (
    check_file,
    check_lengths,
    is_fragmented,
    moov_is_last,
    sniff,
    sniff_file,
)
from storage.samples import write_clock_mp4

FTYP = b"\0\0\0\x18ftypisom\0\0\2\0isommp42"
FASTSTART = {"movflags": "+faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def large_box(kind: bytes, length: int, content: bytes = b"") -> bytes:
    return struct.pack(">I", 1) + kind + struct.pack(">Q", length) + content


def ebml(doc_type: bytes) -> bytes:
    content = b"\x42\x82" + bytes([0x80 | len(doc_type)]) + doc_type
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(content)]) + content


SEGMENT = b"\x18\x53\x80\x67"
CLUSTER = b"\x1f\x43\xb6\x75"
UNKNOWN = b"\x01" + b"\xff" * 7


@pytest.mark.parametrize(
    ("head", "name"),
    [
        pytest.param(FTYP, "mp4", id="isom"),
        pytest.param(b"\0\0\0\x14ftypM4V \0\0\0\0M4V ", "mp4", id="itunes"),
        pytest.param(b"\0\0\0\x14ftypXXXX\0\0\0\0mp41", "mp4", id="compatible-brand"),
        pytest.param(b"\0\0\0\x18ftypXXXX\0\0\0\0????mp42", "mp4", id="last-brand"),
        pytest.param(b"\0\0\0\x14ftyp3gp5\0\0\0\0isom", "3gp", id="3gp"),
        pytest.param(b"\0\0\0\x14ftypM4A \0\0\0\0isom", "m4a", id="itunes-sound"),
        pytest.param(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "mov", id="quicktime"),
        pytest.param(b"\0\0\x04\xd2moov\0\0\0\x6cmvhd", "mov", id="quicktime-moov-first"),
        pytest.param(b"\0\0\0\x08wide\0\0\x02\0mdat", "mov", id="quicktime-wide-first"),
        pytest.param(ebml(b"webm"), "webm", id="webm"),
        pytest.param(ebml(b"matroska"), "mkv", id="matroska"),
        pytest.param(ebml(b"webm\0\0"), "webm", id="RFC-8794-s13-padded-string"),
    ],
)
def test_format_is_known_by_its_content(head: bytes, name: str) -> None:
    assert sniff(head) == name


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"ffconcat version 1.0\nfile /etc/passwd\n", id="ffconcat"),
        pytest.param(b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", id="playlist"),
        pytest.param(b"<?xml version='1.0'?><MPD/>", id="dash-manifest"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", id="avi"),
        pytest.param(b"\xff\xd8\xff\xe0JFIF", id="jpeg"),
        pytest.param(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf", id="heif-picture"),
        pytest.param(b"\0\0\0\x08ftyp", id="ftyp-without-brands"),
        pytest.param(FTYP[:7], id="cut-before-the-type"),
        pytest.param(box(b"junk") + box(b"moov") + box(b"mdat"), id="no-known-box"),
        pytest.param(ebml(b"other"), id="other-ebml"),
        pytest.param(b"\x1a\x45\xdf\xa3" + UNKNOWN, id="ebml-header-without-size"),
        pytest.param(b"\x1a\x45\xdf\xa3\x9f\x42", id="cut-ebml-header"),
        pytest.param(b"\x1a\x45\xdf\xa3\xff" + b"\0" * 64, id="ebml-header-of-zeros"),
        pytest.param(bytes(4096), id="zeros"),
        pytest.param(b"\xff" * 4096, id="ones"),
        pytest.param(b"\x1a\x45\xdf\xa3\x8a\x42\x86" + UNKNOWN, id="ebml-version-without-size"),
    ],
)
def test_anything_else_is_refused(head: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        sniff(head)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(FTYP + box(b"moov") + box(b"mdat", b"1234"), id="plain"),
        pytest.param(FTYP + box(b"moov") + b"\0\0\0\0mdat1234", id="size-0-to-the-end"),
        pytest.param(FTYP + box(b"moov") + large_box(b"mdat", 20, b"1234"), id="64-bit-size"),
        pytest.param(ebml(b"webm") + SEGMENT + b"\x82\xec\x80", id="segment"),
        pytest.param(
            ebml(b"webm")
            + SEGMENT
            + UNKNOWN
            + CLUSTER
            + UNKNOWN
            + b"\xe7\x81\0"
            + CLUSTER
            + b"\x80",
            id="unknown-sizes",
        ),
    ],
)
def test_whole_files_pass(content: bytes) -> None:
    check_lengths(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(FTYP + box(b"moov") + b"\0\0\0\x10mdat1234", Truncated, id="box-too-long"),
        pytest.param(FTYP + box(b"moov") + large_box(b"mdat", 1 << 63), Truncated, id="size-2^63"),
        pytest.param(
            FTYP + box(b"moov") + large_box(b"mdat", (1 << 64) - 1), Truncated, id="size-2^64-1"
        ),
        pytest.param(FTYP + large_box(b"moov", 15), Undecodable, id="64-bit-size-too-small"),
        pytest.param(FTYP + b"\0\0\0\x07moov", Undecodable, id="size-7"),
        pytest.param(FTYP + box(b"moov") + box(b"mdat") + b"\0\0\0", Truncated, id="half-header"),
        pytest.param(FTYP + large_box(b"mdat", 99)[:-1], Truncated, id="half-of-a-64-bit-header"),
        pytest.param(FTYP + box(b"moov"), Truncated, id="no-mdat"),
        pytest.param(FTYP + box(b"mdat"), Truncated, id="no-moov"),
        pytest.param(FTYP + b"\0\0\0\0mdat", Truncated, id="mdat-to-the-end-hides-moov"),
        pytest.param(ebml(b"webm"), Truncated, id="no-segment"),
        pytest.param(ebml(b"webm") + SEGMENT + b"\x84\xec", Truncated, id="segment-too-long"),
        pytest.param(
            ebml(b"webm") + SEGMENT + b"\x01\x7f" + b"\xff" * 6, Truncated, id="segment-of-2^55"
        ),
        pytest.param(
            ebml(b"webm") + SEGMENT + UNKNOWN + CLUSTER + b"\x85\xe7",
            Truncated,
            id="cluster-too-long",
        ),
        pytest.param(
            ebml(b"webm") + SEGMENT + UNKNOWN + b"\xe7" + UNKNOWN, Undecodable, id="unknown-leaf"
        ),
        pytest.param(ebml(b"webm") + b"\0" * 9, Undecodable, id="not-an-element"),
        pytest.param(b"#EXTM3U", UnsupportedFormat, id="playlist"),
    ],
)
def test_wrong_lengths_are_refused(content: bytes, error: type[StorageError]) -> None:
    with pytest.raises(error):
        check_lengths(io.BytesIO(content), len(content))


def test_millions_of_tiny_boxes_end_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sniff_module, "_MAX_BOXES", 1000)
    content = FTYP + box(b"free") * 2000

    with pytest.raises(TooComplex):
        check_lengths(io.BytesIO(content), len(content))


def test_live_recording_past_the_bound_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sniff_module, "_MAX_ELEMENTS", 4)
    content = ebml(b"webm") + SEGMENT + UNKNOWN + (CLUSTER + b"\x80") * 5 + b"\xff"

    check_lengths(io.BytesIO(content), len(content))


@pytest.mark.parametrize("tiny", [b"\xec\x80", b"\xa3\x82ab"], ids=["empty", "two-bytes"])
def test_elements_without_content_are_soon_too_many(tiny: bytes) -> None:
    head = ebml(b"webm") + SEGMENT + UNKNOWN + CLUSTER + UNKNOWN
    few, many = head + tiny * 10_000, head + tiny * 10_001

    check_lengths(io.BytesIO(few), len(few))
    with pytest.raises(TooComplex):
        check_lengths(io.BytesIO(many), len(many))


def test_header_cost_is_linear() -> None:
    content = FTYP + box(b"moov") + box(b"free") * 100_000 + box(b"mdat")

    started = time.process_time()
    check_lengths(io.BytesIO(content), len(content))

    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("muxer", "video", "audio", "options", "is_last", "in_fragments"),
    [
        pytest.param("mp4", "libx264", "aac", {}, True, False, id="moov-last"),
        pytest.param("mp4", "libx264", "aac", FASTSTART, False, False, id="faststart"),
        pytest.param("mp4", "libx264", "aac", FRAGMENTED, False, True, id="fragmented"),
        pytest.param("webm", "libvpx-vp9", "libopus", {}, False, False, id="webm"),
        pytest.param("webm", "libvpx-vp9", "libopus", {"live": "1"}, False, False, id="live-webm"),
    ],
)
def test_order_of_real_files_is_seen(
    make_clip: Callable[..., Path], muxer, video, audio, options, is_last, in_fragments
) -> None:
    path = make_clip(muxer=muxer, video=video, audio=audio, muxer_options=options)

    with path.open("rb") as file:
        check_lengths(file, path.stat().st_size)
        assert moov_is_last(file) is is_last
        assert is_fragmented(file) is in_fragments


@pytest.mark.parametrize(
    ("muxer", "video", "audio", "options"),
    [
        pytest.param("mp4", "libx264", "aac", {}, id="moov-last"),
        pytest.param("mp4", "libx264", "aac", FASTSTART, id="faststart"),
        pytest.param("webm", "libvpx-vp9", "libopus", {}, id="webm"),
    ],
)
def test_file_cut_anywhere_is_refused(
    make_clip: Callable[..., Path], muxer, video, audio, options
) -> None:
    content = make_clip(muxer=muxer, video=video, audio=audio, muxer_options=options).read_bytes()

    passed = [cut for cut in range(len(content)) if _passes(content[:cut])]

    assert passed == []


def _passes(content: bytes) -> bool:
    try:
        check_lengths(io.BytesIO(content), len(content))
    except StorageError:
        return False
    return True


def test_cut_file_is_known_but_not_whole(tmp_path: Path) -> None:
    write_clock_mp4(tmp_path / "a", 1)
    check_file(tmp_path / "a")
    os.truncate(tmp_path / "a", 4000)

    assert sniff_file(tmp_path / "a") == "mp4"
    with pytest.raises(Truncated):
        check_file(tmp_path / "a")
