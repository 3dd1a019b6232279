"""Size of coded pictures by the headers of keyframes, without decoding. Pure.

A recorder whose window or camera changes begins anew at a keyframe, within one track and without
another sample description. Sources: RFC 6386 s. 9.1 (VP8), VP9 bitstream s. 6.2, ITU-T H.264
s. 7.3.1, AV1 bitstream s. 5.3. A change of size between keyframes, which VP9 and AV1 allow, is not
found.
"""

from collections.abc import Iterator

HEAD_BYTES = 4096
"""Of a keyframe: parameter sets come first, behind some hundred bytes of an encoder's greetings."""

_START_CODE = b"\0\0\1"
_VP8_START, _VP9_SYNC = b"\x9d\x01\x2a", 0x498342
_H264_SPS, _AV1_SEQUENCE = 7, 1
_SRGB = 7


CODECS = frozenset({"vp8", "vp9", "h264", "av1"})


class CodedSizes:
    """Headers met so far in one track; `is_steady` until one differs from that before.

    `codec` is one of `CODECS`.
    """

    __slots__ = ("_codec", "_is_begun", "_last", "_prefix_bytes", "is_steady")

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._prefix_bytes = (extradata[4] & 3) + 1 if _is_avcc(extradata) else None
        self._last = _h264_parameters(extradata) if codec == "h264" else b""
        self._is_begun = False
        self.is_steady = True

    def add(self, keyframe: bytes) -> None:
        """`keyframe`: its first `HEAD_BYTES`."""
        header = self._header(keyframe)
        # Parameters in the first keyframe replace those of the file's header.
        if header and self._last and self._is_begun and header != self._last:
            self.is_steady = False
        self._last = header or self._last
        self._is_begun = True

    def _header(self, keyframe: bytes) -> bytes:
        """Returns the bytes that fix the size; empty where there are none."""
        match self._codec:
            case "vp8":
                return keyframe[6:10] if keyframe[3:6] == _VP8_START else b""
            case "vp9":
                return _vp9_size(keyframe)
            case "h264":
                return _join_parameters(_h264_units(keyframe, self._prefix_bytes))
            case "av1":
                return next((body for kind, body in _obus(keyframe) if kind == _AV1_SEQUENCE), b"")
            case codec:
                raise ValueError(codec)


def _is_avcc(extradata: bytes) -> bool:
    return extradata[:1] == b"\x01" and len(extradata) > 6


def _h264_parameters(extradata: bytes) -> bytes:
    """Sequence parameter sets: of an AVCDecoderConfigurationRecord, ISO/IEC 14496-15 s. 5.3.3, or
    behind start codes.
    """
    if not _is_avcc(extradata):
        return _join_parameters(_h264_units(extradata, None))
    found, position = b"", 6
    for _ in range(extradata[5] & 31):
        length = int.from_bytes(extradata[position : position + 2], "big")
        found += extradata[position + 2 : position + 2 + length]
        position += 2 + length
    return found


def _join_parameters(units: Iterator[bytes]) -> bytes:
    return b"".join(unit for unit in units if unit[0] & 31 == _H264_SPS)


def _h264_units(sample: bytes, prefix_bytes: int | None) -> Iterator[bytes]:
    """Whole units, each behind its length, or behind a start code (ITU-T H.264 annex B)."""
    if prefix_bytes is None:
        units = (unit.rstrip(b"\0") for unit in sample.split(_START_CODE)[1:])
        yield from filter(None, units)
        return
    position = 0
    while position + prefix_bytes < len(sample):
        start = position + prefix_bytes
        position = start + int.from_bytes(sample[position:start], "big")
        if start < position <= len(sample):
            yield sample[start:position]


def _vp9_size(frame: bytes) -> bytes:
    """Returns width and height of a keyframe, 4 bytes."""
    bits = _Bits(frame[:16])
    marker, low, high = bits.take(2), bits.take(1), bits.take(1)
    profile = low + 2 * high
    if marker != 2 or (profile == 3 and bits.take(1)):
        return b""
    shows_existing, is_inter, _, _ = (bits.take(1) for _ in range(4))
    if shows_existing or is_inter or bits.take(24) != _VP9_SYNC:
        return b""
    if profile >= 2:
        bits.take(1)  # 12 bits a sample instead of 10
    is_rgb = bits.take(3) == _SRGB
    if not is_rgb:
        bits.take(1)  # range
    if profile in (1, 3):
        bits.take(1 if is_rgb else 3)  # subsampling, reserved
    return bits.take(32).to_bytes(4, "big")


def _obus(unit: bytes) -> Iterator[tuple[int, bytes]]:
    """Open bitstream units that tell their size: kind and content."""
    position = 0
    while position < len(unit) and unit[position] & 2:
        kind = unit[position] >> 3 & 15
        position += 2 if unit[position] & 4 else 1
        size, position = _leb128(unit, position)
        yield kind, unit[position : position + size]
        position += size


def _leb128(content: bytes, position: int) -> tuple[int, int]:
    """Returns the number and the position behind it."""
    number = 0
    for place, byte in enumerate(content[position : position + 8]):
        number |= (byte & 127) << 7 * place
        if not byte & 128:
            return number, position + place + 1
    return number, len(content)


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._bits = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def take(self, count: int) -> int:
        """Returns the next bits as a number; zeros behind the end."""
        self._left -= count
        if self._left < 0:
            return 0
        return self._bits >> self._left & ((1 << count) - 1)
