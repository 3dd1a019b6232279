"""The samples of the movie fragments of a file: ISO/IEC 14496-12 s. 8.8. For sandboxed children."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from storage.errors import TooComplex, Undecodable
from storage.mp4.boxes import Box, Node, parse_boxes, read_index
from storage.mp4.samples import MAX_SAMPLES, Samples

_NOT_SYNC = 0x10000
# Flags of tfhd, in the order of their fields, and the width of each.
_BASE, _DESCRIPTION, _DURATION, _SIZE, _FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_BASE_IS_MOOF = 0x20000
# Flags of trun.
_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_OWN_DURATION, _OWN_SIZE, _OWN_FLAGS, _OWN_DELAY = 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class _Defaults:
    description: int = 1
    duration: int = 0
    size: int = 0
    flags: int = 0


@dataclass(slots=True)
class _Growing:
    """A track whose fragments are read one after the other."""

    samples: Samples
    defaults: _Defaults
    stop: int = field(default=0)


class Fragments:
    """Appends the samples of all fragments to those of the tracks."""

    def __init__(self, moov: Node, tracks: dict[int, Samples]) -> None:
        defaults = dict(_track_defaults(moov))
        self._tracks = {
            number: _Growing(samples, defaults.get(number, _Defaults()), samples.stop)
            for number, samples in tracks.items()
        }
        self._count = sum(map(len, tracks.values()))

    def read(self, file: BinaryIO, box: Box) -> None:
        """A moof box. Raises: Undecodable, TooComplex."""
        self.add(read_index(file, box), box.start)

    def add(self, moof: Node, start: int) -> None:
        """A moof box that begins at `start`. Raises: Undecodable, TooComplex."""
        data_stop = start
        for traf in moof.all(b"traf"):
            data_stop = self._read_track(traf, start, data_stop)

    def _read_track(self, traf: Node, moof_start: int, data_stop: int) -> int:
        """Read the samples of a track; returns the end of its data."""
        number, base, defaults = self._read_header(traf.need(b"tfhd"), moof_start, data_stop)
        track = self._tracks.get(number)
        if track is None:
            # Nobody wants its samples, but where they end may be where the next ones begin.
            track = _Growing(Samples(), defaults)
        if tfdt := traf.find(b"tfdt"):
            track.stop = int.from_bytes(tfdt.content[4 : 12 if tfdt.content[:1] == b"\1" else 8])
            _bridge_gap(track)
        position = base
        for trun in traf.all(b"trun"):
            position = self._read_run(trun, track, defaults, base, position)
        return position

    def _read_header(
        self, tfhd: Node, moof_start: int, data_stop: int
    ) -> tuple[int, int, _Defaults]:
        fields = _Fields(tfhd.content)
        number = fields.take()
        track = self._tracks.get(number)
        usual = track.defaults if track else _Defaults()
        base = moof_start if fields.flags & _BASE_IS_MOOF else data_stop
        if fields.flags & _BASE:
            base = fields.take(8)
        defaults = _Defaults(
            fields.take() if fields.flags & _DESCRIPTION else usual.description,
            fields.take() if fields.flags & _DURATION else usual.duration,
            fields.take() if fields.flags & _SIZE else usual.size,
            fields.take() if fields.flags & _FLAGS else usual.flags,
        )
        return number, base, defaults

    def _read_run(
        self, trun: Node, track: _Growing, defaults: _Defaults, base: int, position: int
    ) -> int:
        fields = _Fields(trun.content)
        count = fields.take()
        self._count += count
        if self._count > MAX_SAMPLES:
            raise TooComplex(f"more than {MAX_SAMPLES} samples")
        if fields.flags & _OFFSET:
            position = base + fields.take(signed=True)
        first_flags = fields.take() if fields.flags & _FIRST_FLAGS else None
        if position < 0:
            raise Undecodable("a fragment's data begins before the file")
        samples, own = track.samples, fields.flags
        for number in range(count):
            duration = fields.take() if own & _OWN_DURATION else defaults.duration
            size = fields.take() if own & _OWN_SIZE else defaults.size
            flags = fields.take() if own & _OWN_FLAGS else defaults.flags
            delay = fields.take(signed=True) if own & _OWN_DELAY else 0
            if number == 0 and first_flags is not None:
                flags = first_flags
            samples.positions.append(position)
            samples.sizes.append(size)
            samples.times.append(track.stop)
            samples.delays.append(delay)
            samples.is_sync.append(not flags & _NOT_SYNC)
            samples.last_duration = duration
            position, track.stop = position + size, track.stop + duration
        samples.descriptions.extend(array("H", [min(defaults.description, 0xFFFF)]) * count)
        return position


class _Fields:
    """The fields of a full box one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content, self._position = content, 4
        self.flags = int.from_bytes(content[1:4], "big")

    def take(self, width: int = 4, *, signed: bool = False) -> int:
        """Raises: Undecodable."""
        stop = self._position + width
        if stop > len(self._content):
            raise Undecodable("a fragment's table is shorter than it says")
        value = int.from_bytes(self._content[self._position : stop], "big", signed=signed)
        self._position = stop
        return value


def _bridge_gap(track: _Growing) -> None:
    """The time between two fragments belongs to the sample before it."""
    samples = track.samples
    if samples.times and track.stop < samples.times[-1]:
        raise Undecodable("fragments go back in time")


def _track_defaults(moov: Node) -> Iterator[tuple[int, _Defaults]]:
    mvex = moov.find(b"mvex")
    for box in parse_boxes(mvex.content) if mvex else ():
        if box.kind == b"trex":
            fields = _Fields(mvex.content[box.content : box.stop]) if mvex else _Fields(b"")
            number, *values = (fields.take() for _ in range(5))
            yield number, _Defaults(*values)
