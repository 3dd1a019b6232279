"""Positions of samples by their chunks: ISO/IEC 14496-12 s. 8.7.4."""

import pytest

from storage.errors import Undecodable
from storage.mp4.boxes import Node
from storage.mp4.samples import Samples, read_samples

SIZES = [10, 20, 30, 40, 50, 60]
STARTS = [1000, 2000, 3000, 4000, 5000, 6000]


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def read(runs: list[tuple[int, int, int]], starts: list[int]) -> Samples:
    """`runs`: first chunk, samples of each, sample description."""
    flat = [value for run in runs for value in run]
    children = [
        Node(b"stsz", words(0, 0, len(SIZES), *SIZES)),
        Node(b"stts", words(0, 1, len(SIZES), 40)),
        Node(b"stsc", words(0, len(runs), *flat)),
        Node(b"stco", words(0, len(starts), *starts)),
    ]
    return read_samples(Node(b"stbl", children=children))


@pytest.mark.parametrize(
    ("runs", "chunks", "positions", "descriptions"),
    [
        pytest.param([(1, 1, 1)], 6, STARTS, [1] * 6, id="each-alone"),
        pytest.param(
            [(1, 3, 1)], 2, [1000, 1010, 1030, 2000, 2040, 2090], [1] * 6, id="three-together"
        ),
        pytest.param(
            [(1, 2, 1), (2, 1, 2), (4, 2, 1)],
            4,
            [1000, 1010, 2000, 3000, 4000, 4050],
            [1, 1, 2, 2, 1, 1],
            id="runs",
        ),
        pytest.param([(1, 4, 1)], 2, [1000, 1010, 1030, 1060, 2000, 2050], [1] * 6, id="short"),
        pytest.param([(1, 0, 1), (2, 6, 1)], 2, [2000, 2010, 2030, 2060, 2100, 2150], [1] * 6,
                     id="an-empty-chunk"),
        pytest.param([(1, 1, 1)], 6, STARTS, [1] * 6, id="more-chunks-than-samples"),
        pytest.param([(1, 1, 70_000)], 6, STARTS, [0xFFFF] * 6, id="no-such-description"),
        pytest.param([(3, 1, 2), (1, 1, 1)], 6, STARTS, [1] * 6, id="runs-out-of-order"),
    ],
)  # fmt: skip
def test_positions(
    runs: list[tuple[int, int, int]], chunks: int, positions: list[int], descriptions: list[int]
) -> None:
    samples = read(runs, STARTS[:chunks])

    assert list(samples.positions) == positions
    assert list(samples.descriptions) == descriptions


@pytest.mark.parametrize(
    ("runs", "chunks"),
    [
        pytest.param([(1, 1, 1)], 5, id="one-chunk-less"),
        pytest.param([(1, 0, 1)], 6, id="empty-chunks"),
        pytest.param([], 6, id="no-runs"),
        pytest.param([(7, 1, 1)], 6, id="run-behind-the-end"),
    ],
)
def test_samples_without_a_chunk_are_refused(runs: list[tuple[int, int, int]], chunks: int) -> None:
    with pytest.raises(Undecodable, match="fewer chunks"):
        read(runs, STARTS[:chunks])
