"""The part of a track that its edit list shows, as samples of their own. Pure.

Samples that lie wholly outside are left out: an author who cut something off does not want it
served. What of a sample is hidden besides, the new list says. A cut that cannot be made without
keeping pictures that nobody should see is refused; it takes a conversion.
"""

from array import array
from dataclasses import dataclass
from fractions import Fraction

from storage.errors import Undecodable
from storage.mp4.movie import MovieTrack
from storage.mp4.samples import Samples

# Encoders hide so much sound before the first and after the last that counts: priming and padding.
# HE-AAC has the most, some 0.13 s at 44.1 kHz.
PRIMING_S = Fraction(15, 100)


@dataclass(slots=True)
class Cut:
    """The samples to be kept; shown from `start` on for `duration`, after `delay_s`."""

    samples: Samples
    start: int
    duration: int
    delay_s: Fraction

    def shift(self, by_s: Fraction) -> None:
        self.delay_s -= by_s


def hides_samples(track: MovieTrack) -> bool:
    """True if whole samples are cut off; priming and padding of sound are not."""
    shown = track.shown
    if shown is None:
        return True
    first, last = track.samples.shown_span()
    start, stop = shown.start, last if shown.stop is None else shown.stop
    if start <= first and stop >= last:
        return False
    if track.kind == b"soun":
        most = PRIMING_S * track.scale
        return start - first > most or last - stop > most
    return any(not is_shown for is_shown in _marks(track.samples, start, stop))


def cut_track(track: MovieTrack) -> Cut:
    """Raises: Undecodable when only a conversion shows it."""
    shown = track.shown
    if shown is None:
        raise Undecodable("an edit list of several parts")
    first, last = track.samples.shown_span()
    start, stop = shown.start, last if shown.stop is None else min(shown.stop, last)
    samples, base = track.samples, track.samples.times[0]
    if hides_samples(track):
        numbers = _kept(track, start, stop)
        base = samples.times[numbers[0]]
        samples = _select(samples, numbers)
        first, last = samples.shown_span()
        stop = min(stop, last)
    begin = max(start, first)
    delay_s = shown.delay_s + Fraction(begin - start, track.scale)
    moved = array("q", [time - base for time in samples.times])
    kept = Samples(
        samples.positions,
        samples.sizes,
        moved,
        samples.delays,
        samples.descriptions,
        samples.is_sync,
        samples.last_duration,
    )
    return Cut(kept, begin - base, max(stop - begin, 0), delay_s)


def _marks(samples: Samples, start: int, stop: int) -> list[bool]:
    """True if each sample is shown for any time at all."""
    return [
        samples.shown_at(number) + samples.duration(number) > start
        and samples.shown_at(number) < stop
        for number in range(len(samples))
    ]


def _kept(track: MovieTrack, start: int, stop: int) -> list[int]:
    samples, marks = track.samples, _marks(track.samples, start, stop)
    numbers = [number for number, is_shown in enumerate(marks) if is_shown]
    if not numbers:
        raise Undecodable("nothing is shown")
    if track.kind == b"vide":
        _require_decodable(samples, numbers, marks, stop)
    return numbers


def _require_decodable(samples: Samples, numbers: list[int], marks: list[bool], stop: int) -> None:
    """Requires that a track decodes without the hidden pictures. Those that are shown before the
    keyframe that they follow are no reference of others: H.264 and HEVC alike.
    """
    first, last = numbers[0], numbers[-1]
    if first > 0 and not samples.is_sync[first]:
        raise Undecodable("the cut begins between keyframes")
    if any(not marks[number] and samples.shown_at(number) >= stop for number in range(first, last)):
        raise Undecodable("the cut ends before a picture that others need")
    early = [number for number in range(first, last) if not marks[number]]
    keyframe = samples.shown_at(first)
    if any(samples.shown_at(number) > keyframe for number in early):
        raise Undecodable("the cut begins between keyframes")


def _select(samples: Samples, numbers: list[int]) -> Samples:
    last = numbers[-1]
    return Samples(
        array("Q", [samples.positions[n] for n in numbers]),
        array("I", [samples.sizes[n] for n in numbers]),
        array("q", [samples.times[n] for n in numbers]),
        array("i", [samples.delays[n] for n in numbers]),
        array("H", [samples.descriptions[n] for n in numbers]),
        bytearray(samples.is_sync[n] for n in numbers),
        samples.duration(last),
    )
