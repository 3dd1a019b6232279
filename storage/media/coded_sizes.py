"""Size of coded pictures by the headers of keyframes, without decoding. Pure.

A recorder whose window or camera changes begins anew at a keyframe, within one track and without
another sample description. Sources: RFC 6386 s. 9.1 (VP8), VP9 bitstream s. 6.2, AV1 bitstream
s. 5.3; of H.264 see h264.py. A change of size between keyframes, which VP9 and AV1 allow, is not
found.
"""

from collections.abc import Iterator

from storage.media.h264 import parameter_sets, parameter_sets_in, prefix_bytes

HEAD_BYTES = 4096
"""Of a keyframe: parameter sets come first, behind some hundred bytes of an encoder's greetings."""

_VP8_START, _VP9_SYNC = b"\x9d\x01\x2a", 0x498342
_AV1_SEQUENCE = 1
_SRGB = 7


CODECS = frozenset({"vp8", "vp9", "h264", "av1"})


class CodedSizes:
    """Headers met so far in one track; `is_steady` until one differs from that before.

    `codec` is one of `CODECS`.
    """

    __slots__ = ("_codec", "_is_begun", "_last", "_prefix_bytes", "is_steady")

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._prefix_bytes = prefix_bytes(extradata)
        self._last = b"".join(parameter_sets(extradata)) if codec == "h264" else b""
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
                return b"".join(parameter_sets_in(keyframe, self._prefix_bytes))
            case "av1":
                return next((body for kind, body in _obus(keyframe) if kind == _AV1_SEQUENCE), b"")
            case codec:
                raise ValueError(codec)


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
