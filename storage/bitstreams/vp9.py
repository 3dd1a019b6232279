"""Sizes of the pictures of a VP9 stream, by the headers of all frames: VP9 bitstream s. 6.2 and
annex B. Pure.

A frame may have another size than the one before without being a keyframe: it then tells its own,
or takes that of one of eight pictures that are kept for reference.
"""

from collections.abc import Iterator

from storage.bitstreams.bits import Bits

HEAD_BYTES = 24
_SYNC = 0x498342
_SRGB = 7
_SLOTS = 8

Size = int  # width and height, less one each, in 16 bits each; 0 where it is not known


class Vp9Sizes:
    """Remembers the sizes of the pictures for reference."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: list[Size] = [0] * _SLOTS

    def shown_sizes(self, packet: bytes) -> Iterator[Size]:
        """Sizes of the pictures in a packet that are shown, where they are known."""
        for frame in _frames(packet):
            size, is_shown = self._read(Bits(frame[:HEAD_BYTES]))
            if size and is_shown:
                yield size

    def _read(self, bits: Bits) -> tuple[Size, bool]:
        marker, low, high = bits.take(2), bits.take(1), bits.take(1)
        profile = low + 2 * high
        if marker != 2 or (profile == 3 and bits.take(1)):
            return 0, False
        if bits.take(1):  # shows a picture that was kept
            return self._slots[bits.take(3)], True
        is_inter, is_shown, is_resilient = bits.take(1), bool(bits.take(1)), bits.take(1)
        if not is_inter:
            size = _read_intra_size(bits, profile)
            self._keep(size, (1 << _SLOTS) - 1 if size else 0)
            return size, is_shown
        is_intra_only = 0 if is_shown else bits.take(1)
        bits.take(0 if is_resilient else 2)  # which contexts begin anew
        if is_intra_only:
            return self._read_intra_only(bits, profile), is_shown
        kept = bits.take(8)
        size = self._read_inter_size(bits)
        self._keep(size, kept)
        return size, is_shown

    def _read_intra_only(self, bits: Bits, profile: int) -> Size:
        if bits.take(24) != _SYNC:
            return 0
        if profile > 0:
            _skip_colours(bits, profile)
        kept = bits.take(8)
        size = bits.take(32)
        self._keep(size, kept)
        return size

    def _read_inter_size(self, bits: Bits) -> Size:
        references = [(bits.take(3), bits.take(1))[0] for _ in range(3)]
        for slot in references:
            if bits.take(1):
                return self._slots[slot]
        return bits.take(32)

    def _keep(self, size: Size, slots: int) -> None:
        for slot in range(_SLOTS):
            if slots >> slot & 1:
                self._slots[slot] = size


def _read_intra_size(bits: Bits, profile: int) -> Size:
    if bits.take(24) != _SYNC:
        return 0
    _skip_colours(bits, profile)
    return bits.take(32)


def _skip_colours(bits: Bits, profile: int) -> None:
    if profile >= 2:
        bits.take(1)  # 12 bits a sample instead of 10
    is_rgb = bits.take(3) == _SRGB
    if not is_rgb:
        bits.take(1)  # range
    if profile in (1, 3):
        bits.take(1 if is_rgb else 3)  # subsampling, reserved


def _frames(packet: bytes) -> Iterator[bytes]:
    """The frames of a packet; several are listed by an index at its end."""
    marker = packet[-1] if packet else 0
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    start = len(packet) - 2 - count * width
    if marker & 0xE0 != 0xC0 or start < 0 or packet[start] != marker:
        yield packet
        return
    position = 0
    for place in range(count):
        at = start + 1 + place * width
        length = int.from_bytes(packet[at : at + width], "little")
        yield packet[position : min(position + length, start)]
        position += length
