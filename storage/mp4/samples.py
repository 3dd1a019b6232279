"""The samples of a track by columns, read from its tables: ISO/IEC 14496-12 s. 8.6 and s. 8.7.

Times are in units of the track's time scale. For sandboxed children; pure.
"""

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from storage.errors import TooComplex, Undecodable
from storage.mp4.boxes import Node
from storage.mp4.chunk_positions import read_positions

# A day of pictures at 60 a second, with sound.
MAX_SAMPLES = 10_000_000


def _column(code: str) -> "array[int]":
    return array(code)


@dataclass(slots=True)
class Samples:
    """One entry a sample, in decoding order."""

    positions: "array[int]" = field(default_factory=lambda: _column("Q"))
    sizes: "array[int]" = field(default_factory=lambda: _column("I"))
    times: "array[int]" = field(default_factory=lambda: _column("q"))
    """When each is decoded."""
    delays: "array[int]" = field(default_factory=lambda: _column("i"))
    """By how much later each is shown."""
    descriptions: "array[int]" = field(default_factory=lambda: _column("H"))
    """The number of its sample description, from 1."""
    is_sync: bytearray = field(default_factory=bytearray)
    last_duration: int = 0

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def stop(self) -> int:
        """When the last one ends, in decoding."""
        return self.times[-1] + self.last_duration if self.times else 0

    def keyframes(self) -> Iterator[int]:
        """Yields their numbers."""
        return (number for number, is_sync in enumerate(self.is_sync) if is_sync)

    def duration(self, number: int) -> int:
        if number + 1 < len(self.times):
            return self.times[number + 1] - self.times[number]
        return self.last_duration

    def shown_at(self, number: int) -> int:
        return self.times[number] + self.delays[number]

    def shown_span(self) -> tuple[int, int]:
        """Span from the first that is shown to the end of the last."""
        first, last = self.shown_ends()
        return self.shown_at(first), self.shown_at(last) + self.duration(last)

    def shown_ends(self) -> tuple[int, int]:
        """The numbers of those that are shown first and last."""
        if self.delays.count(0) == len(self):
            return 0, len(self) - 1
        shown = list(map(int.__add__, self.times, self.delays))
        return shown.index(min(shown)), shown.index(max(shown))


def read_samples(stbl: Node) -> Samples:
    """Samples that the tables list; a fragmented file lists none.

    Raises: Undecodable when they disagree, TooComplex.
    """
    sizes = _read_sizes(stbl)
    samples = Samples(sizes=sizes)
    if not sizes:
        return samples
    _read_times(stbl.need(b"stts"), samples)
    _read_delays(stbl.find(b"ctts"), samples)
    _read_sync(stbl.find(b"stss"), samples)
    _read_chunks(stbl, samples)
    return samples


def count_samples(stbl: Node) -> int:
    node = stbl.find(b"stsz") or stbl.find(b"stz2")
    return int.from_bytes(node.content[8:12], "big") if node else 0


def read_words(content: bytes, start: int, count: int, code: str = "I") -> "array[int]":
    """`count` 32-bit words. Raises: Undecodable when there are fewer."""
    stored = content[start : start + 4 * count]
    if len(stored) != 4 * count:
        raise Undecodable("a table is shorter than it says")
    words = array(code)
    words.frombytes(stored)
    if sys.byteorder == "little":
        words.byteswap()
    return words


def _read_sizes(stbl: Node) -> "array[int]":
    count = count_samples(stbl)
    if count > MAX_SAMPLES:
        raise TooComplex(f"{count} samples")
    node = stbl.find(b"stsz")
    if node is None:
        return _read_compact_sizes(stbl.find(b"stz2"), count)
    size = int.from_bytes(node.content[4:8], "big")
    return array("I", [size]) * count if size else read_words(node.content, 12, count)


def _read_compact_sizes(node: Node | None, count: int) -> "array[int]":
    if node is None or not count:
        return array("I")
    width = node.content[7]
    stored = node.content[12 : 12 + (count * width + 7) // 8]
    if width not in (4, 8, 16) or len(stored) * 8 < count * width:
        raise Undecodable("a table of sizes is shorter than it says")
    if width == 4:
        return array("I", [half for octet in stored for half in (octet >> 4, octet & 15)][:count])
    step = width // 8
    return array("I", [int.from_bytes(stored[n : n + step], "big") for n in _steps(stored, step)])


def _steps(stored: bytes, step: int) -> range:
    return range(0, len(stored), step)


def _read_times(stts: Node, samples: Samples) -> None:
    durations = array("I")
    for count, duration in _runs(stts):
        count = min(count, len(samples) - len(durations))
        durations.extend(array("I", [duration]) * count)
    if len(durations) < len(samples):
        raise Undecodable("fewer times than samples")
    times = array("q", accumulate(durations, initial=0))
    times.pop()
    samples.times, samples.last_duration = times, durations[-1]


def _read_delays(ctts: Node | None, samples: Samples) -> None:
    if ctts is None:
        samples.delays = array("i", bytes(4 * len(samples)))
        return
    for count, delay in _runs(ctts):
        count = min(count, len(samples) - len(samples.delays))
        # Negative ones are written into unsigned fields, too.
        signed = delay - (1 << 32) if delay >= 1 << 31 else delay
        samples.delays.extend(array("i", [signed]) * count)
    missing = len(samples) - len(samples.delays)
    samples.delays.extend(array("i", bytes(4 * missing)))


def _runs(node: Node) -> Iterator[tuple[int, int]]:
    count = int.from_bytes(node.content[4:8], "big")
    words = read_words(node.content, 8, 2 * count)
    return zip(words[0::2], words[1::2], strict=True)


def _read_sync(stss: Node | None, samples: Samples) -> None:
    """Marks sync samples; without the table all are: ISO/IEC 14496-12 s. 8.6.2."""
    if stss is None:
        samples.is_sync = bytearray(b"\1") * len(samples)
        return
    samples.is_sync = bytearray(len(samples))
    count = int.from_bytes(stss.content[4:8], "big")
    for number in read_words(stss.content, 8, count):
        if 0 < number <= len(samples):
            samples.is_sync[number - 1] = 1


def _read_chunks(stbl: Node, samples: Samples) -> None:
    starts = read_positions(stbl.find(b"stco") or stbl.need(b"co64"))
    chunk = 0
    for chunks, count, description in _chunk_runs(stbl, len(starts)):
        before = len(samples.positions)
        _extend_positions(samples, starts[chunk : chunk + chunks], count)
        added = len(samples.positions) - before
        samples.descriptions.extend(array("H", [description]) * added)
        chunk += chunks
        if chunk >= len(starts):
            break
    if len(samples.positions) < len(samples):
        raise Undecodable("fewer chunks than samples")


def _extend_positions(samples: Samples, starts: "array[int]", count: int) -> None:
    """Adds the positions of the next samples, `count` in each chunk."""
    number = len(samples.positions)
    if count == 1:  # each sample alone, as FFmpeg often writes: half a million in a long film
        samples.positions.extend(starts[: len(samples) - number])
        return
    for start in starts:
        sizes = samples.sizes[number : number + count]
        if sizes:
            samples.positions.extend(accumulate(sizes[:-1], initial=start))
        number += len(sizes)


def _chunk_runs(stbl: Node, chunks: int) -> Iterator[tuple[int, int, int]]:
    """Chunks, samples of each and sample description: ISO/IEC 14496-12 s. 8.7.4."""
    stsc = stbl.need(b"stsc")
    count = int.from_bytes(stsc.content[4:8], "big")
    words = read_words(stsc.content, 8, 3 * count)
    first, samples, description = words[0::3], words[1::3], words[2::3]
    for run in range(count):
        stop = first[run + 1] if run + 1 < count else chunks + 1
        yield (
            max(0, min(stop, chunks + 1) - first[run]),
            samples[run],
            min(description[run], 0xFFFF),
        )
