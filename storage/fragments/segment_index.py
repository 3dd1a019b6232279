"""The segment index box, `sidx`: ISO/IEC 14496-12 s. 8.16.3. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from storage.errors import TooComplex, Undecodable
from storage.mp4.boxes import build_box

# Version 1, times in 64 bits: 13 hours are more than 32 bits hold at 90 kHz.
_VERSION = b"\1\0\0\0"
_HEADER_BYTES = 32
_ENTRY_BYTES = 12
_MAX_REFERENCES = 2**16 - 1
_MAX_SIZE = 2**31 - 1
_MAX_DURATION = 2**32 - 1


class Reference(NamedTuple):
    """A stretch of the file that is decoded by itself."""

    size: int
    duration: int
    access_point: int
    """SAP type of its first sample: 1 a keyframe that is shown first, 2 one that others precede
    in presentation, 0 none (ISO/IEC 14496-12 annex I).
    """


@dataclass(frozen=True, slots=True)
class SegmentIndex:
    """An index of what follows it without a gap."""

    track: int
    timescale: int
    start: int
    """The earliest presentation time of the first reference."""
    references: Sequence[Reference]

    @property
    def size(self) -> int:
        """Bytes of the box."""
        return 8 + _HEADER_BYTES + _ENTRY_BYTES * len(self.references)

    def serialize(self) -> bytes:
        """Raises: TooComplex when a field cannot hold what it should."""
        if len(self.references) > _MAX_REFERENCES:
            raise TooComplex(f"{len(self.references)} segments")
        header = _VERSION + self.track.to_bytes(4, "big") + self.timescale.to_bytes(4, "big")
        header += self.start.to_bytes(8, "big") + bytes(8 + 2)
        header += len(self.references).to_bytes(2, "big")
        return build_box(b"sidx", header, *map(_serialize_reference, self.references))


def parse_segment_index(content: bytes) -> SegmentIndex:
    """The content of a sidx box of version 1. Raises: Undecodable."""
    count = int.from_bytes(content[30:32], "big")
    if content[:1] != b"\1" or len(content) != _HEADER_BYTES + _ENTRY_BYTES * count:
        raise Undecodable("a segment index of another kind")
    entries = (content[_HEADER_BYTES + _ENTRY_BYTES * n :][:_ENTRY_BYTES] for n in range(count))
    return SegmentIndex(
        track=int.from_bytes(content[4:8], "big"),
        timescale=int.from_bytes(content[8:12], "big"),
        start=int.from_bytes(content[12:20], "big"),
        references=[_parse_reference(entry) for entry in entries],
    )


def _serialize_reference(reference: Reference) -> bytes:
    size, duration, access_point = reference
    if size > _MAX_SIZE or duration > _MAX_DURATION:
        raise TooComplex(f"a segment of {size} bytes, {duration} ticks")
    # starts_with_SAP, three bits of SAP_type, SAP_delta_time.
    access = (bool(access_point) << 31) | (access_point << 28)
    return b"".join(field.to_bytes(4, "big") for field in (size, duration, access))


def _parse_reference(entry: bytes) -> Reference:
    size, duration, access = (int.from_bytes(entry[n : n + 4], "big") for n in (0, 4, 8))
    if size > _MAX_SIZE:
        raise Undecodable("a segment index of other indexes")
    return Reference(size, duration, access >> 28 & 7)
