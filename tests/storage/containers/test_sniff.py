import os
from pathlib import Path

import pytest

from storage.containers.chunk_lengths import ASF_HEADER
from storage.containers.completeness import check_file
from storage.containers.sniff import sniff, sniff_file
from storage.errors import Truncated, UnsupportedFormat
from storage.samples import write_clock_mp4
from tests.storage.containers.headers import FTYP, UNKNOWN, box, ebml

MP3_FRAME = b"\xff\xfb\x90\x00".ljust(417, b"\0")
AAC_FRAME = b"\xff\xf1\x50\x80\x2e\x7f\xfc".ljust(371, b"\0")
TAG = b"ID3\4\0\0\0\0\x40\0" + bytes(8192)


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
        pytest.param(b"RIFF\0\0\0\0AVI LIST", "avi", id="avi"),
        pytest.param(b"RIFF\0\0\0\0WAVEfmt ", "wav", id="wav"),
        pytest.param(ASF_HEADER, "wmv", id="asf"),
        pytest.param(b"FLV\x01\x05", "flv", id="flv"),
        pytest.param(bytes.fromhex("060e2b34020501010d0102010102"), "mxf", id="mxf"),
        pytest.param(b"\0\0\1\xba\x44", "mpg", id="program-stream"),
        pytest.param(b"OggS\0\2", "ogg", id="ogg"),
        pytest.param(b"fLaC\0", "flac", id="flac"),
        pytest.param((b"\x47" + bytes(187)) * 8, "ts", id="transport-stream"),
        pytest.param((b"\0\0\0\0\x47" + bytes(187)) * 8, "ts", id="with-times-of-arrival"),
        pytest.param((b"\x47" + bytes(203)) * 8, "ts", id="with-parity"),
        pytest.param(bytes(100) + (b"\x47" + bytes(187)) * 8, "ts", id="from-within-a-packet"),
        pytest.param(MP3_FRAME * 2, "mp3", id="mp3"),
        pytest.param(b"ID3\4\0\0\0\0\0\5" + bytes(9), "mp3", id="tag"),
        pytest.param(AAC_FRAME * 2, "aac", id="aac"),
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
        pytest.param(b"RIFF\0\0\0\0WEBPVP8 ", id="webp-picture"),
        pytest.param((b"\x47" + bytes(187)) * 7, id="seven-packets"),
        pytest.param(MP3_FRAME, id="one-frame-of-mp3"),
        pytest.param(MP3_FRAME[:-1] * 2, id="frames-of-mp3-that-do-not-follow"),
        pytest.param(AAC_FRAME, id="one-frame-of-aac"),
        pytest.param(b"FLV\x02", id="later-flv"),
        pytest.param(b"\0\0\1\xb3", id="pictures-without-container"),
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
    ("behind", "name"),
    [
        pytest.param(MP3_FRAME * 2, "mp3", id="mp3"),
        pytest.param(AAC_FRAME * 2, "aac", id="aac"),
        pytest.param(b"fLaC\0\0", "flac", id="flac"),
        pytest.param(bytes(100), "mp3", id="padding"),
    ],
)
def test_sound_is_known_by_what_follows_its_tag(tmp_path: Path, behind: bytes, name: str) -> None:
    (tmp_path / "a").write_bytes(TAG + behind)

    assert sniff_file(tmp_path / "a") == name


def test_cut_file_is_known_but_not_whole(tmp_path: Path) -> None:
    write_clock_mp4(tmp_path / "a", 1)
    check_file(tmp_path / "a")
    os.truncate(tmp_path / "a", 4000)

    assert sniff_file(tmp_path / "a") == "mp4"
    with pytest.raises(Truncated):
        check_file(tmp_path / "a")
