"""Geometry of a coded picture as shown: rotation and sample aspect ratio, in whole pixels. Pure."""

from fractions import Fraction

# Wider or taller pixels than this are a fault of the file; no camera or encoder makes them.
_MAX_SAMPLE_RATIO = 8


def display_size(
    width: int, height: int, sample_ratio: Fraction | None, rotation: int
) -> tuple[int, int]:
    """Width and height as shown.

    One side grows and none shrinks, as HTML asks of `videoWidth` and `videoHeight`.
    """
    ratio = _plausible(sample_ratio)
    if ratio >= 1:
        width = round(width * ratio)
    else:
        height = round(height / ratio)
    return (height, width) if rotation in (90, 270) else (width, height)


def fit_size(width: int, height: int, longest_side: int) -> tuple[int, int]:
    """The same shape in even numbers (4:2:0 has one colour for two pixels), never enlarged."""
    share = min(Fraction(1), Fraction(longest_side, max(width, height)))
    return (max(2, round(width * share / 2) * 2), max(2, round(height * share / 2) * 2))


def _plausible(ratio: Fraction | None) -> Fraction:
    if not ratio or not Fraction(1, _MAX_SAMPLE_RATIO) <= ratio <= _MAX_SAMPLE_RATIO:
        return Fraction(1)
    return Fraction(ratio)
