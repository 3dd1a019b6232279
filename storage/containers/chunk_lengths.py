"""Completeness of AVI, WAV, Windows Media, Flash Video, MXF, Ogg and MP3 files.

Each judges by what its container tells of its own size; one that tells nothing is taken as it is,
and so is what lies behind the end that it tells. For sandboxed children; blocks.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from storage.containers.sound_headers import id3_bytes, xing_bytes
from storage.errors import TooComplex, Truncated, Undecodable

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
# A WAV that went through a pipe: GStreamer tells 0x7FFF0000 bytes of samples, SoX 0x7FFFF000,
# arecord 0x80000000; the headers before them are counted as well.
_PIPED_WAVE_SIZES = range(0x7FFF0000, 0x80001000)
# Some writers count the eight bytes of the chunk's own header.
_RIFF_TOLERANCE_BYTES = 8
_MAX_RIFF_CHUNKS = 4096  # of 1 GiB each, as OpenDML cuts an AVI

# Advanced Systems Format specification, s. 10.1, in the order of the bytes.
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 1
_MAX_ASF_OBJECTS = 1000

# Sound, pictures, script (Adobe Flash Video File Format Specification, annex E.4.1).
_FLV_TAGS = frozenset({8, 9, 18})
# Both streams of a day.
_MAX_FLV_TAGS = 10_000_000

# RFC 3533 s. 6: a page has at most 27 + 255 + 255 * 255 bytes.
_MAX_OGG_PAGE_BYTES = 65_307
# What taggers append to music.
_MP3_TOLERANCE_BYTES = 2048


def check_riff(file: BinaryIO, size: int) -> None:
    """AVI and WAV (Microsoft, "Multimedia Programming Interface"). Raises: Truncated."""
    position = 0
    for _ in range(_MAX_RIFF_CHUNKS):
        header = _read(file, position, 12)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or length in _UNKNOWN_SIZES:
            return
        if header[8:] == b"WAVE" and length in _PIPED_WAVE_SIZES:
            return
        _require(position + 8 + length, size + _RIFF_TOLERANCE_BYTES)
        position += 8 + length + length % 2


def check_asf(file: BinaryIO, size: int) -> None:
    """Raises: Truncated, Undecodable, TooComplex."""
    stop = int.from_bytes(_read(file, 16, 8), "little")
    _require(stop, size)
    for kind, start in _asf_objects(file, stop):
        if kind == _ASF_FILE_PROPERTIES:
            properties = _read(file, start, 68)
            flags = int.from_bytes(properties[64:68], "little")
            if not flags & _ASF_BROADCAST:
                _require(int.from_bytes(properties[16:24], "little"), size)


def _asf_objects(file: BinaryIO, stop: int) -> Iterator[tuple[bytes, int]]:
    """Objects inside the header: their kind, and where their content starts."""
    position = 30
    for _ in range(_MAX_ASF_OBJECTS):
        if position >= stop:
            return
        header = _read(file, position, 24)
        length = int.from_bytes(header[16:], "little")
        if length < 24:
            raise Undecodable("an object is smaller than its header")
        yield header[:16], position + 24
        position += length
    raise TooComplex(f"more than {_MAX_ASF_OBJECTS} objects in the header")


def check_flv(file: BinaryIO, size: int) -> None:
    """Raises: Truncated, TooComplex."""
    if _last_flv_tag_is_whole(file, size):
        return
    position = int.from_bytes(_read(file, 5, 4), "big") + 4
    for _ in range(_MAX_FLV_TAGS):
        tag = _read(file, position, 11)
        if not tag or tag[0] & 31 not in _FLV_TAGS:
            return  # what follows is no tag
        stop = position + 11 + int.from_bytes(tag[1:4], "big")
        if len(tag) < 11:
            raise Truncated("the file ends inside the header of a tag")
        _require(stop, size)
        position = stop + 4
    raise TooComplex(f"more than {_MAX_FLV_TAGS} tags")


def _last_flv_tag_is_whole(file: BinaryIO, size: int) -> bool:
    """The file ends with the size of its last tag, which is there."""
    length = int.from_bytes(_read(file, size - 4, 4), "big")
    if not 11 <= length <= size - 13:
        return False
    tag = _read(file, size - 4 - length, 4)
    return tag[0] & 31 in _FLV_TAGS and int.from_bytes(tag[1:], "big") == length - 11


def check_mxf(file: BinaryIO, size: int) -> None:
    """SMPTE ST 377-1 s. 7: the header partition knows where the footer partition begins.

    Raises: Truncated.
    """
    head = _read(file, 0, 64)
    _, value = _ber_length(head, 16)
    footer = int.from_bytes(head[value + 24 : value + 32], "big")
    if footer:
        length, start = _ber_length(_read(file, footer, 25), 16)
        _require(footer + start + length, size)


def _ber_length(data: bytes, at: int) -> tuple[int, int]:
    """A length (SMPTE ST 336 s. 6.3) and where what it measures starts. Raises: Truncated."""
    if len(data) <= at:
        raise Truncated("the file ends inside the header of a partition")
    if data[at] < 0x80:
        return data[at], at + 1
    stop = at + 1 + (data[at] & 0x7F)
    return int.from_bytes(data[at + 1 : stop], "big"), stop


def check_ogg(file: BinaryIO, size: int) -> None:
    """The last page is whole; a file cut between two pages is a shorter one. Raises: Truncated."""
    start = max(0, size - 2 * _MAX_OGG_PAGE_BYTES)
    tail = _read(file, start, size - start)
    page = tail[tail.rfind(b"OggS") :]
    if not page.startswith(b"OggS"):
        return
    segments = page[26] if len(page) > 26 else 0
    _require(27 + segments + sum(page[27 : 27 + segments]), len(page))


def check_mp3(file: BinaryIO, size: int) -> None:
    """Compares the file with the size that encoders note in the first frame. Raises: Truncated."""
    start = id3_bytes(_read(file, 0, 10))
    noted = xing_bytes(_read(file, start, 64))
    _require(start + noted, size + _MP3_TOLERANCE_BYTES)


def _read(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(max(0, position), os.SEEK_SET)
    return file.read(max(0, length))


def _require(stop: int, size: int) -> None:
    if stop > size:
        raise Truncated(f"the container tells of {stop} bytes, and there are {size}")
