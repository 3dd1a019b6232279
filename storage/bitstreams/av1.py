"""Headers of an AV1 stream that fix the size of its pictures: AV1 bitstream s. 5.5, s. 5.9. Pure.

A sequence header has one size for all frames; a frame that overrides it says so in its first bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.bitstreams.bits import Bits

HEAD_BYTES = 256
_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6
_KEY, _SWITCH = 0, 3
_AS_EACH_FRAME_SAYS = 2


@dataclass(frozen=True, slots=True)
class Sequence:
    """Fields of a sequence header that the place of a frame's override bit depends on."""

    is_reduced: bool
    presentation_time_bits: int
    screen_content_tools: int
    integer_vectors: int
    frame_id_bits: int


class Av1Headers:
    """Headers met so far; `is_overridden` once a frame has a size of its own."""

    __slots__ = ("_sequence", "is_overridden")

    def __init__(self) -> None:
        self._sequence: Sequence | None = None
        self.is_overridden = False

    def sequences(self, unit: bytes) -> Iterator[bytes]:
        """The sequence headers in a temporal unit."""
        for kind, body in _obus(unit):
            if kind == _SEQUENCE and body:
                self._sequence = _read_sequence(Bits(body[:HEAD_BYTES]))
                yield body
            elif kind in (_FRAME, _FRAME_HEADER) and body and self._sequence is not None:
                overrides = _overrides_size(Bits(body[:16]), self._sequence)
                self.is_overridden = self.is_overridden or overrides


def _overrides_size(bits: Bits, sequence: Sequence) -> bool:
    """The bit `frame_size_override_flag`; switch frames always signal their size."""
    if sequence.is_reduced or bits.take(1):  # a still picture, or one that was kept
        return False
    kind, is_shown = bits.take(2), bits.take(1)
    bits.take(sequence.presentation_time_bits if is_shown else 1)
    if kind != _SWITCH and not (kind == _KEY and is_shown):
        bits.take(1)  # error resilience
    bits.take(1)  # whether probabilities are kept
    tools = sequence.screen_content_tools
    tools = bits.take(1) if tools == _AS_EACH_FRAME_SAYS else tools
    if tools and sequence.integer_vectors == _AS_EACH_FRAME_SAYS:
        bits.take(1)
    bits.take(sequence.frame_id_bits)
    return kind != _SWITCH and bool(bits.take(1))


def _read_sequence(bits: Bits) -> Sequence:
    bits.take(4)  # profile, still picture
    is_reduced = bool(bits.take(1))
    time_bits = 0
    if is_reduced:
        bits.take(5)
    else:
        time_bits = _read_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    bits.take(width_bits + height_bits)
    if is_reduced:
        return Sequence(is_reduced, 0, 0, 0, 0)
    id_bits = 0
    if bits.take(1):
        id_bits = bits.take(4) + 2 + bits.take(3) + 1
    bits.take(7)  # block size, intra tools, compounds, warped motion, dual filter
    if bits.take(1):  # order hints
        bits.take(2)
    tools = _AS_EACH_FRAME_SAYS if bits.take(1) else bits.take(1)
    vectors = _AS_EACH_FRAME_SAYS
    if tools and not bits.take(1):
        vectors = bits.take(1)
    return Sequence(is_reduced, time_bits, tools, vectors, id_bits)


def _read_operating_points(bits: Bits) -> int:
    """Returns the number of bits of a frame's presentation time; 0 where frames carry none."""
    has_model, is_even, delay_bits, time_bits = 0, 0, 0, 0
    if bits.take(1):  # timing
        bits.take(64)
        is_even = bits.take(1)
        if is_even:
            _skip_uvlc(bits)
        has_model = bits.take(1)
        if has_model:
            delay_bits = bits.take(5) + 1
            bits.take(37)
            time_bits = bits.take(5) + 1
    has_delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if has_model and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_delays and bits.take(1):
            bits.take(4)
    return 0 if is_even else time_bits


def _skip_uvlc(bits: Bits) -> None:
    zeros = 0
    while zeros < 32 and not bits.take(1):
        zeros += 1
    bits.take(zeros if zeros < 32 else 0)


def _obus(unit: bytes) -> Iterator[tuple[int, bytes]]:
    """Open bitstream units that signal their size: kind and content."""
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
