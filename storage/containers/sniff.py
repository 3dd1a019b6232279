"""The format of an uploaded file by its content: strong signatures, each with its specification.

Only media files are recognised; scripts and playlists, which would make FFmpeg open other files,
are refused here for the first time. For sandboxed children; blocks.
"""

from collections.abc import Callable
from pathlib import Path

from storage.containers.box_lengths import QUICKTIME_STARTS
from storage.containers.chunk_lengths import ASF_HEADER
from storage.containers.element_lengths import doc_type
from storage.containers.sound_headers import adts_frame_bytes, id3_bytes, mp3_frame_bytes
from storage.errors import UnsupportedFormat, wrap_os_errors
from storage.formats import SourceFormat

# Enough for an ftyp box of 1,000 brands, any EBML header, and eight packets of a transport stream.
HEAD_BYTES = 4096

# HEIF and AVIF pictures are other formats in the same boxes.
_MP4_BRANDS = frozenset(
    b"isom,iso2,iso3,iso4,iso5,iso6,iso7,iso8,iso9,isoa,isob,isoc,mp41,mp42,mp71,avc1,av01,"
    b"dash,msdh,msix,cmfc,cmf2,M4V ,M4VH,M4VP,f4v ,F4V ,MSNV,XAVC,isml,piff,mp21".split(b",")
)
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})
_QUICKTIME_BRAND = b"qt  "
_3GP_BRANDS = (b"3gp", b"3gr", b"3gs", b"3ge", b"3gg", b"3g2", b"KDD")
_DOC_TYPES: dict[bytes | None, SourceFormat] = {b"webm": "webm", b"matroska": "mkv"}
_PREFIXES: tuple[tuple[bytes, SourceFormat], ...] = (
    (ASF_HEADER, "wmv"),
    (b"FLV\x01", "flv"),
    (bytes.fromhex("060e2b34020501010d0102"), "mxf"),  # SMPTE ST 377-1: a header partition
    (b"\0\0\1\xba", "mpg"),  # ISO/IEC 13818-1 s. 2.5.3.3: a pack header
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
)
_RIFF_KINDS: dict[bytes, SourceFormat] = {b"AVI ": "avi", b"WAVE": "wav"}
# ISO/IEC 13818-1 s. 2.4.3.2; camcorders put a time of arrival before each packet, receivers its
# parity behind it. What is recorded off the air may begin anywhere in one.
_TS_SYNC, _TS_PACKETS, _TS_LENGTHS = 0x47, 8, (188, 192, 204)


def sniff(head: bytes) -> SourceFormat:
    """The format whose first bytes (`HEAD_BYTES` are enough) these are.

    Raises: UnsupportedFormat.
    """
    for recognise in _RECOGNISERS:
        if found := recognise(head):
            return found
    raise UnsupportedFormat


def sniff_file(path: Path) -> SourceFormat:
    """The format by its first bytes. Raises: UnsupportedFormat, FileMissing."""
    with wrap_os_errors(), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if tag_bytes := id3_bytes(head):
            # A cover may be in the tag: the sound begins anywhere.
            file.seek(tag_bytes)
            return _sound_behind_tag(file.read(HEAD_BYTES))
    return sniff(head)


def _of_boxes(head: bytes) -> SourceFormat | None:
    length, kind = int.from_bytes(head[:4], "big"), head[4:8]
    if kind in QUICKTIME_STARTS:
        return "mov"
    if kind != b"ftyp" or length < 16:
        return None
    major, compatible = head[8:12], head[16 : min(length, len(head))]
    brands = {compatible[at : at + 4] for at in range(0, len(compatible) - 3, 4)}
    named = map(_of_brand, [major, *sorted(brands)])
    return next((found for found in named if found), None)


def _of_brand(brand: bytes) -> SourceFormat | None:
    if brand in _MP4_BRANDS:
        return "mp4"
    if brand == _QUICKTIME_BRAND:
        return "mov"
    if brand in _SOUND_BRANDS:
        return "m4a"
    return "3gp" if brand.startswith(_3GP_BRANDS) else None


def _of_elements(head: bytes) -> SourceFormat | None:
    return _DOC_TYPES.get(doc_type(head))


def _of_prefix(head: bytes) -> SourceFormat | None:
    return next((found for prefix, found in _PREFIXES if head.startswith(prefix)), None)


def _of_riff(head: bytes) -> SourceFormat | None:
    return _RIFF_KINDS.get(head[8:12]) if head[:4] == b"RIFF" else None


def _of_transport_packets(head: bytes) -> SourceFormat | None:
    wanted = bytes([_TS_SYNC]) * _TS_PACKETS
    for length in _TS_LENGTHS:
        if any(head[at::length][:_TS_PACKETS] == wanted for at in range(length)):
            return "ts"
    return None


def _of_sound_frames(head: bytes) -> SourceFormat | None:
    if _begins_twice(head, mp3_frame_bytes):
        return "mp3"
    return "aac" if _begins_twice(head, adts_frame_bytes) else None


def _begins_twice(head: bytes, frame_bytes: Callable[[bytes], int]) -> bool:
    """True if a frame begins the file and another one follows: a single one may be chance."""
    length = frame_bytes(head)
    return length > 0 and frame_bytes(head[length:]) > 0


def _of_tag(head: bytes) -> SourceFormat | None:
    return "mp3" if id3_bytes(head) else None


def _sound_behind_tag(head: bytes) -> SourceFormat:
    return "flac" if head.startswith(b"fLaC") else _of_sound_frames(head) or "mp3"


_RECOGNISERS = (
    _of_boxes,
    _of_elements,
    _of_prefix,
    _of_riff,
    _of_transport_packets,
    _of_tag,
    _of_sound_frames,
)
