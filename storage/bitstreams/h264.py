"""Units of an H.264 stream, and its sequence parameter sets. Pure.

Each unit stands behind its length, as in MP4 and Matroska (ISO/IEC 14496-15 s. 5.3), or behind a
start code (ITU-T H.264 annex B).
"""

from collections.abc import Iterator

_START_CODE = b"\0\0\1"
# ITU-T H.264 s. 7.3.1: the type of a unit is in five bits, however important it says it is.
_TYPE_BITS, _SEI, _SPS = 31, 6, 7
_SLICE, _IDR_SLICE = 1, 5


def prefix_bytes(extradata: bytes) -> int | None:
    """Width of the lengths that an AVCDecoderConfigurationRecord announces; None without one."""
    return (extradata[4] & 3) + 1 if is_configuration(extradata) else None


def is_configuration(extradata: bytes) -> bool:
    """True for an AVCDecoderConfigurationRecord, ISO/IEC 14496-15 s. 5.3.3."""
    return extradata[:1] == b"\x01" and len(extradata) > 6


def parameter_sets(extradata: bytes) -> Iterator[bytes]:
    """Sequence parameter sets in the header of a file."""
    if not is_configuration(extradata):
        yield from parameter_sets_in(extradata, None)
        return
    position = 6
    for _ in range(extradata[5] & 31):
        length = int.from_bytes(extradata[position : position + 2], "big")
        yield extradata[position + 2 : position + 2 + length]
        position += 2 + length


def parameter_sets_in(sample: bytes, prefix: int | None) -> Iterator[bytes]:
    """Sequence parameter sets in a sample; `prefix` as `prefix_bytes` returns it."""
    return (unit for unit in _units(sample, prefix) if unit[0] & _TYPE_BITS == _SPS)


def without_messages(sample: bytes, prefix: int | None) -> bytes:
    """The sample without supplemental enhancement information (s. 7.3.2.3)."""
    kept = [unit for unit in _units(sample, prefix) if unit[0] & _TYPE_BITS != _SEI]
    if prefix is None:
        return b"".join(_START_CODE + unit for unit in kept)
    return b"".join(len(unit).to_bytes(prefix, "big") + unit for unit in kept)


def begins_with_idr(sample: bytes | memoryview, prefix: int) -> bool:
    """True if the first slice of a sample is one of an IDR picture, which needs no other picture
    and after which none needs an earlier one.

    Only heads of units are read.
    """
    position = 0
    while position + prefix < len(sample):
        start = position + prefix
        if (kind := sample[start] & _TYPE_BITS) in (_SLICE, _IDR_SLICE):
            return kind == _IDR_SLICE
        position = start + int.from_bytes(sample[position:start], "big")
    return False


def _units(sample: bytes, prefix: int | None) -> Iterator[bytes]:
    return _started_units(sample) if prefix is None else _prefixed_units(sample, prefix)


def _started_units(sample: bytes) -> Iterator[bytes]:
    return filter(None, (unit.rstrip(b"\0") for unit in sample.split(_START_CODE)[1:]))


def _prefixed_units(sample: bytes, prefix: int) -> Iterator[bytes]:
    """Units that are whole."""
    position = 0
    while position + prefix < len(sample):
        start = position + prefix
        position = start + int.from_bytes(sample[position:start], "big")
        if start < position <= len(sample):
            yield sample[start:position]
