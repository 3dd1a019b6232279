"""The steady frame rate of a film, by the times of its pictures. Pure.

Films of phones and recorders of screens are not steady. Passed through as they are, with reordered
pictures, players show a wrong picture after a seek (measured: Chromium 156), so each film gets a
rate, and each picture its place in the row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

# Usual rates of cameras and screens.
_USUAL = (
    *map(Fraction, (1, 2, 5, 10, 12, 15, 20)),
    *(Fraction(24_000, 1001), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30)),
    *(Fraction(48), Fraction(50), Fraction(60_000, 1001), Fraction(60)),
)
_FASTEST = _USUAL[-1]
_LEAST_UNSTEADY = 15
"""Places a second for pictures that come as they like: each is within 33 ms of one."""
_USUAL_RATE = Fraction(25)
# Clocks of cameras are better than this, and a rate that is off drops a picture now and then.
_SAME_RATIO = Fraction(1, 1000)
# Matroska and many others count milliseconds.
_JITTER_S, _JITTER_RATIO = Fraction(1, 1000), Fraction(1, 10)
_STEADY_SHARE = 0.95
_LATEST_RATIO = Fraction(58, 100)
"""Of a picture's length, 23 ms of 25 a second: nobody sees that lips are early by that."""
_MOST_DENOMINATOR = 1001
# No more than that, or the tracks of players lose count.
_LEAST_TIMESCALE = 10_000


@dataclass(frozen=True, slots=True)
class Cadence:
    """A frame rate, and whether nearly all pictures keep it."""

    rate: Fraction
    is_steady: bool


def find_cadence(times: Sequence[int], unit: Fraction) -> Cadence:
    """The cadence of pictures at these times, rising, in `unit` seconds."""
    steps = [after - before for before, after in pairwise(times) if after > before]
    if not steps:
        return Cadence(_USUAL_RATE, is_steady=False)
    middle = median_low(steps)  # one of them, so that it is near itself
    margin = max(middle * _JITTER_RATIO, _JITTER_S / unit)
    inliers = [step for step in steps if abs(step - middle) <= margin]
    rate = 1 / (Fraction(sum(inliers), len(inliers)) * unit)
    is_steady = len(inliers) >= _STEADY_SHARE * len(steps)
    return Cadence(_steady(rate) if is_steady else _unsteady(rate), is_steady)


def _steady(rate: Fraction) -> Fraction:
    """The usual rate that it is, or its own; halved until it is no faster than screens are."""
    while rate > _FASTEST * (1 + _SAME_RATIO):
        rate /= 2
    same = [one for one in _USUAL if abs(rate - one) <= one * _SAME_RATIO]
    if same:
        return min(same, key=lambda one: abs(rate - one))
    return max(rate.limit_denominator(_MOST_DENOMINATOR), Fraction(1))


def _unsteady(rate: Fraction) -> Fraction:
    least = max(rate * (1 - _SAME_RATIO), Fraction(_LEAST_UNSTEADY))
    return next((one for one in _USUAL if one >= least), _FASTEST)


def timescale(rate: Fraction) -> int:
    """Ticks a second, of which each place is a whole number."""
    scale = rate.numerator
    while scale < _LEAST_TIMESCALE:
        scale *= 2
    return scale


def place(time: int, unit: Fraction, rate: Fraction) -> int:
    """The place nearest to a time in `unit` seconds; the later one of two."""
    doubled = 2 * time * unit.numerator * rate.numerator
    whole = unit.denominator * rate.denominator
    return (doubled + whole) // (2 * whole)


def phase(time: int, unit: Fraction, rate: Fraction) -> int:
    """Delay of the first picture of a steady film after its place, in `unit` seconds;
    negative for before it.

    From half a picture on it may be the earlier place: then a film that begins with 21 ms of the
    sound's priming begins at once.
    """
    at = math.floor(time * unit * rate + 1 - _LATEST_RATIO)
    return time - round(at / (rate * unit))
