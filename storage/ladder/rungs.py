"""Choice of a ladder's rungs: sizes, bitrates, and which are worth their bytes. Pure.

A rung goes by its short side: an upright film of a phone is no ladder of pictures 240 px wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from storage.ladder.facts import VideoCodec, VideoRung

USUAL_SHORT_SIDES = (1080, 720, 480, 240)
# Bits a second by short side. Lectures stay far below; grain and confetti do not.
_MAX_BITRATES = (
    (2160, 12_000_000),
    (1440, 8_000_000),
    (1080, 4_500_000),
    (720, 2_500_000),
    (480, 1_200_000),
    (360, 800_000),
    (0, 400_000),
)
# A source that is larger by that share than the largest usual size below it has a rung of its own.
_OWN_RATIO = 1.2
# Small pictures are for slow lines and slow devices.
_HALF_RATE_SHORT_SIDE, _HALF_RATE_ABOVE = 480, 30
# Less of a saving than this is not worth a switch, nor the disk.
_WORTHLESS_RATIO = 0.8
# SVT-AV1 takes no picture of 2 pixels, and one that fails would take its H.264 siblings with it.
_LEAST_AV1_SIDE_PX = 16
_PREFIXES: dict[VideoCodec, str] = {"h264": "v", "av1": "av"}


@dataclass(frozen=True, slots=True)
class PictureSize:
    """A picture as shown, in even numbers."""

    width: int
    height: int

    @property
    def short_side(self) -> int:
        return min(self.width, self.height)

    def reduced(self, short_side: int) -> "PictureSize":
        """The same shape with about this short side, never enlarged."""
        share = min(Fraction(1), Fraction(short_side, self.short_side))
        return PictureSize(_even(self.width * share), _even(self.height * share))


def max_bitrate(short_side: int) -> int:
    """Bits a second that a rung may have: those of the next smaller usual size."""
    return next(rate for least, rate in _MAX_BITRATES if short_side >= least)


def pictures_every(short_side: int, rate: Fraction) -> int:
    """1, or 2 where every second picture is enough."""
    is_halved = short_side <= _HALF_RATE_SHORT_SIDE and rate > _HALF_RATE_ABOVE
    return 2 if is_halved else 1


def may_copy(source: PictureSize, heights: Sequence[int] | None) -> bool:
    """True if the source's own size is wanted as a rung."""
    return heights is None or source.short_side <= max(heights)


def choose_rungs(
    source: PictureSize,
    heights: Sequence[int] | None,
    rate: Fraction,
    *,
    is_copied: bool,
    codecs: Sequence[VideoCodec] = ("h264",),
) -> tuple[VideoRung, ...]:
    """The largest first; `is_copied`: the source's packets are the top rung in H.264."""
    rungs: list[VideoRung] = []
    for size in _sizes(source, heights, has_own=is_copied):
        for codec in codecs if size.short_side >= _LEAST_AV1_SIDE_PX else ("h264",):
            rungs.append(_rung(size, rate, codec, is_copied and size == source))
    return tuple(rungs)


def _sizes(
    source: PictureSize, heights: Sequence[int] | None, *, has_own: bool
) -> list[PictureSize]:
    wanted = sorted({*(heights or USUAL_SHORT_SIDES)}, reverse=True)
    below = [one for one in wanted if one <= source.short_side]
    has_own = has_own or not below or (heights is None and _stands_out(source, below[0]))
    found: dict[int, PictureSize] = {}
    for size in (*([source] if has_own else []), *map(source.reduced, below)):
        found.setdefault(size.short_side, size)
    return [*found.values()]


def _stands_out(source: PictureSize, largest: int) -> bool:
    is_usual = source.short_side <= USUAL_SHORT_SIDES[0]
    return is_usual and source.short_side >= _OWN_RATIO * largest


def _rung(size: PictureSize, rate: Fraction, codec: VideoCodec, is_source: bool) -> VideoRung:
    is_copied = is_source and codec == "h264"
    return VideoRung(
        name=f"{_PREFIXES[codec]}{size.short_side}",
        short_side=size.short_side,
        width=size.width,
        height=size.height,
        codec=codec,
        is_copied=is_copied,
        every=1 if is_copied else pictures_every(size.short_side, rate),
        max_bitrate=max_bitrate(size.short_side),
    )


def worthwhile(sizes: Sequence[tuple[VideoRung, int]]) -> list[VideoRung]:
    """The rungs to publish, of those that were made and their sizes in bytes, in the plan's order.

    One that saves hardly anything beside the next larger one of its codec is left out.
    """
    kept: list[VideoRung] = []
    least: dict[VideoCodec, int] = {}
    for rung, size in sizes:
        if rung.codec in least and size >= _WORTHLESS_RATIO * least[rung.codec]:
            continue
        kept.append(rung)
        least[rung.codec] = size
    return kept


def _even(length: Fraction | int) -> int:
    return max(2, round(Fraction(length) / 2) * 2)
