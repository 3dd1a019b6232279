"""Sizes that AVI, WAV, Windows Media, Flash Video, MXF, Ogg and MP3 files tell of themselves."""

import io
import struct
from collections.abc import Callable

import pytest

from storage.containers import chunk_lengths
from storage.containers.chunk_lengths import (
    ASF_HEADER,
    check_asf,
    check_flv,
    check_mp3,
    check_mxf,
    check_ogg,
    check_riff,
)
from storage.errors import StorageError, TooComplex, Truncated, Undecodable

Check = Callable[[io.BytesIO, int], None]
PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def riff(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    size = 4 + len(content) if size is None else size
    return b"RIFF" + struct.pack("<I", size) + kind + content


def asf(file_bytes: int, flags: int = 0, header_bytes: int = 30 + 104) -> bytes:
    content = bytes(16) + struct.pack("<Q", file_bytes) + bytes(40) + struct.pack("<I", flags)
    properties = PROPERTIES + struct.pack("<Q", 104) + content.ljust(80, b"\0")
    return ASF_HEADER + struct.pack("<QI", header_bytes, 1) + b"\1\2" + properties


def flv_tag(kind: int, content: bytes) -> bytes:
    tag = bytes([kind]) + len(content).to_bytes(3, "big") + bytes(7) + content
    return tag + len(tag).to_bytes(4, "big")


FLV = b"FLV\1\5" + (9).to_bytes(4, "big") + bytes(4) + flv_tag(18, b"meta") + flv_tag(9, b"picture")
PARTITION = bytes.fromhex("060e2b34020501010d01020101020400")


def mxf(footer: int, size: int = 200) -> bytes:
    pack = bytes(24) + struct.pack(">Q", footer) + bytes(20)
    head = PARTITION + b"\x83" + len(pack).to_bytes(3, "big") + pack
    return (head.ljust(160, b"\0") + PARTITION + bytes([size - 160 - 17])).ljust(size, b"\0")


def page(content: bytes) -> bytes:
    return b"OggS" + bytes(22) + bytes([1, len(content)]) + content


def mp3(noted: int, flags: int = 3, frames: int = 4) -> bytes:
    frame = b"\xff\xfb\x90\xc0"  # MPEG-1, layer III, 128 kbit/s, 44.1 kHz, mono: 417 bytes
    xing = b"Xing" + struct.pack(">I", flags) + (bytes(4) if flags & 1 else b"")
    first = (frame + bytes(17) + xing + struct.pack(">I", noted)).ljust(417, b"\0")
    return first + frame.ljust(417, b"\0") * frames


WHOLE: list[tuple[Check, bytes, str]] = [
    (check_riff, riff(b"WAVE", b"samples"), "wav"),
    (check_riff, riff(b"WAVE", b"samples", 4 + 7 + 8), "size-with-its-header"),
    (check_riff, riff(b"AVI ", b"12") + riff(b"AVIX", b"1234"), "opendml"),
    (check_riff, riff(b"AVI ", b"1") + b"\0" + riff(b"AVIX", b"1234"), "padded"),
    (check_riff, riff(b"WAVE", b"samples", 0), "unfinished-0"),
    (check_riff, riff(b"AVI ", b"pictures", 0xFFFFFFFF), "unfinished-all-bits"),
    (check_riff, riff(b"WAVE", b"samples", 0x7FFF0000 + 36), "piped-by-gstreamer"),
    (check_riff, riff(b"WAVE", b"samples", 0x7FFFF000 + 36), "piped-by-sox"),
    (check_riff, riff(b"WAVE", b"samples", 0x80000000 + 36), "piped-by-arecord"),
    (check_riff, riff(b"AVI ", b"12") + b"\n" * 20, "line-feeds-behind-avi"),
    (check_asf, asf(134), "asf"),
    (check_asf, asf(100), "asf-with-bytes-behind"),
    (check_asf, asf(10_000, flags=1), "asf-broadcast"),
    (
        check_asf,
        ASF_HEADER + struct.pack("<QIH", 54, 1, 1) + bytes(16) + b"\x18" + bytes(7),
        "other",
    ),
    (check_flv, FLV, "flv"),
    (check_flv, FLV + b"\n", "line-feed-behind-flv"),
    (check_flv, FLV + bytes(128), "zeros-behind-flv"),
    (check_flv, FLV[:-4], "flv-without-its-last-four-bytes"),
    (check_mxf, mxf(160), "mxf"),
    (check_mxf, mxf(0), "mxf-that-grows"),
    (check_ogg, page(b"one") + page(b"two"), "ogg"),
    (check_ogg, page(b"one") + bytes(100), "zeros-behind-ogg"),
    (check_ogg, page(b"one") + bytes(200_000), "many-zeros-behind-ogg"),
    (check_mp3, mp3(5 * 417), "mp3"),
    (check_mp3, mp3(5 * 417, flags=2)[:-100], "mp3-a-little-short"),
    (check_mp3, mp3(1 << 30, flags=1), "mp3-without-size"),
    (check_mp3, mp3(1 << 30)[417:], "mp3-without-note"),
    (check_mp3, b"ID3" + bytes(100), "tag-alone"),
]
CUT: list[tuple[Check, bytes, type[StorageError], str]] = [
    (check_riff, riff(b"WAVE", b"samples", 4 + 7 + 9), Truncated, "wav"),
    (check_riff, riff(b"WAVE", b"samples", 0x7FFE0000), Truncated, "wav-of-nearly-2-gib"),
    (check_riff, riff(b"AVI ", b"pictures", 0x7FFFF024), Truncated, "avi-of-nearly-2-gib"),
    (check_riff, riff(b"AVI ", b"12") + riff(b"AVIX", b"1234", 100), Truncated, "second-chunk"),
    (check_asf, asf(135), Truncated, "asf"),
    (check_asf, asf(134)[:-1], Truncated, "asf-header"),
    (check_asf, asf(134)[:46] + bytes(88), Undecodable, "asf-object-of-0"),
    (check_flv, FLV[:-5], Truncated, "flv-tag"),
    (check_flv, FLV[:-20], Truncated, "flv-tag-header"),
    (check_mxf, mxf(160)[:-1], Truncated, "mxf-footer"),
    (check_mxf, mxf(160)[:150], Truncated, "mxf-body"),
    (check_ogg, (page(b"one") + page(b"two"))[:-1], Truncated, "ogg-page"),
    (check_ogg, (page(b"one") + page(b"two"))[:-20], Truncated, "ogg-page-header"),
    (check_mp3, mp3(12 * 417), Truncated, "mp3"),
]


@pytest.mark.parametrize(
    ("check", "content"), [pytest.param(*row, id=name) for *row, name in WHOLE]
)
def test_whole_files_pass(check: Check, content: bytes) -> None:
    check(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    ("check", "content", "error"), [pytest.param(*row, id=name) for *row, name in CUT]
)
def test_cut_files_are_refused(check: Check, content: bytes, error: type[StorageError]) -> None:
    with pytest.raises(error):
        check(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    ("bound", "check", "content"),
    [
        pytest.param("_MAX_FLV_TAGS", check_flv, FLV + b"\n", id="flv"),
        pytest.param("_MAX_ASF_OBJECTS", check_asf, asf(134), id="asf"),
    ],
)
def test_headers_are_read_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, bound: str, check: Check, content: bytes
) -> None:
    monkeypatch.setattr(chunk_lengths, bound, 1)

    with pytest.raises(TooComplex):
        check(io.BytesIO(content), len(content))


def test_chunks_of_riff_past_the_bound_are_taken_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunk_lengths, "_MAX_RIFF_CHUNKS", 1)
    content = riff(b"AVI ", b"12") + riff(b"AVIX", b"1234", 100)

    check_riff(io.BytesIO(content), len(content))
