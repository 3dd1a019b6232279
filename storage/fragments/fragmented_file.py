"""A fragmented MP4 of one track as players address it: initialization, index, fragments.

Times are presentation times in ticks of the track's time scale; positions are bytes of the file.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple


class Fragment(NamedTuple):
    """A stretch of the file that begins with a keyframe: one moof and mdat, or several."""

    offset: int
    size: int
    start: int
    duration: int
    """To the start of the next one, or to the end of the last picture or sound."""
    keyframe_size: int
    """Bytes from `offset` through the first picture: an entry of an I-frame playlist."""


@dataclass(frozen=True, slots=True)
class FragmentedFile:
    """One assembled file: initialization, then its index (`sidx`), then the fragments."""

    timescale: int
    """Ticks a second."""
    initialization_size: int
    """ftyp and moov, from the beginning of the file."""
    index_range: tuple[int, int]
    """Half-open, of the sidx."""
    fragments: tuple[Fragment, ...]
    """One or more, each beginning where the one before ends, in bytes and in time."""

    @property
    def start(self) -> int:
        return self.fragments[0].start

    @property
    def stop(self) -> int:
        last = self.fragments[-1]
        return last.start + last.duration

    @property
    def duration_s(self) -> Fraction:
        return Fraction(self.stop - self.start, self.timescale)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        last = self.fragments[-1]
        return last.offset + last.size
