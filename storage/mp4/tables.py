"""The tables of a track's samples, written: ISO/IEC 14496-12 s. 8.6 and s. 8.7. Pure."""

import sys
from array import array
from collections.abc import Iterable
from itertools import chain, groupby, pairwise

from storage.mp4.boxes import Node, parse_boxes
from storage.mp4.samples import Samples

_LARGEST_32_BIT = 2**32 - 1
_WRITTEN = frozenset({b"stts", b"ctts", b"stss", b"stsz", b"stz2", b"stsc", b"stco", b"co64"})
# They describe every sample, by its number or one after the other: right while all are there.
_BY_SAMPLE = frozenset(
    {b"sbgp", b"sdtp", b"stdp", b"padb", b"subs", b"stps", b"cslg", b"stsh", b"saiz", b"saio"}
)


def build_tables(
    stbl: Node,
    samples: Samples,
    chunk_counts: list[int],
    chunk_starts: "array[int]",
    *,
    is_whole: bool,
    is_wide: bool,
) -> Node:
    """An stbl box like `stbl` for these samples. `is_whole`: none of the track's are missing."""
    kept = [
        node
        for node in stbl.children
        if node.kind not in _WRITTEN and (is_whole or node.kind not in _BY_SAMPLE)
    ]
    used = sorted(set(samples.descriptions))
    children = [_descriptions(node, used) if node.kind == b"stsd" else node for node in kept]
    children.append(_run_table(b"stts", _durations(samples)))
    if any(samples.delays):
        signed = b"\1" if min(samples.delays) < 0 else b"\0"
        delays = (delay & _LARGEST_32_BIT for delay in samples.delays)
        children.append(_run_table(b"ctts", delays, signed))
    if not all(samples.is_sync):
        numbers = [number + 1 for number, is_sync in enumerate(samples.is_sync) if is_sync]
        children.append(Node(b"stss", bytes(4) + _words([len(numbers), *numbers])))
    children.append(_chunk_table(samples, chunk_counts, used))
    children.append(Node(b"stsz", bytes(8) + _words([len(samples)]) + _words(samples.sizes)))
    children.append(_position_table(chunk_starts, is_wide=is_wide))
    return Node(b"stbl", children=children)


def replace_duration(header: Node, duration: int, scale: int | None = None) -> Node:
    """mvhd, tkhd or mdhd with this duration; with 64-bit times where it takes them."""
    content, is_wide = header.content, header.content[:1] == b"\1"
    width = 8 if is_wide else 4
    # tkhd has the track's number and a reserved word there, the others their time scale.
    middle_bytes = 8 if header.kind == b"tkhd" else 4
    start = 4 + 2 * width
    times, middle = content[4:start], content[start : start + middle_bytes]
    rest = content[start + middle_bytes + width :]
    if scale is not None:
        middle = scale.to_bytes(4, "big")
    if duration > _LARGEST_32_BIT and not is_wide:
        times = bytes(4) + times[:4] + bytes(4) + times[4:]
        is_wide, width = True, 8
    version = bytes([is_wide]) + content[1:4]
    return Node(header.kind, version + times + middle + duration.to_bytes(width, "big") + rest)


def _durations(samples: Samples) -> Iterable[int]:
    steps = (later - time for time, later in pairwise(samples.times))
    return chain(steps, [samples.last_duration])


def _run_table(kind: bytes, values: Iterable[int], version: bytes = b"\0") -> Node:
    runs = [(sum(1 for _ in run), value) for value, run in groupby(values)]
    words = _words([len(runs), *chain.from_iterable(runs)])
    return Node(kind, version + bytes(3) + words)


def _chunk_table(samples: Samples, counts: list[int], used: list[int]) -> Node:
    rows: list[int] = []
    number, before = 0, (0, 0)
    for chunk, count in enumerate(counts):
        kind = (count, used.index(samples.descriptions[number]) + 1)
        if kind != before:
            rows += [chunk + 1, *kind]
            before = kind
        number += count
    return Node(b"stsc", bytes(4) + _words([len(rows) // 3, *rows]))


def _descriptions(stsd: Node, used: list[int]) -> Node:
    """Descriptions that samples use."""
    boxes = list(parse_boxes(stsd.content, 8))
    kept = [stsd.content[boxes[n - 1].start : boxes[n - 1].stop] for n in used if n <= len(boxes)]
    return Node(b"stsd", stsd.content[:4] + _words([len(kept)]) + b"".join(kept))


def _position_table(starts: "array[int]", *, is_wide: bool) -> Node:
    count = len(starts).to_bytes(4, "big")
    if not is_wide:
        return Node(b"stco", bytes(4) + count + _words(starts))
    wide = array("Q", starts)
    if sys.byteorder == "little":
        wide.byteswap()
    return Node(b"co64", bytes(4) + count + wide.tobytes())


def _words(values: Iterable[int]) -> bytes:
    words = array("I", values)
    if sys.byteorder == "little":
        words.byteswap()
    return words.tobytes()
