"""Which bytes are left to fetch."""

import pytest

from storage.s3.parts import Part, Span, missing_parts


@pytest.mark.parametrize(
    ("size", "fetched", "missing"),
    [
        (1, [], [(0, 1)]),
        (4, [], [(0, 4)]),
        (5, [], [(0, 4), (4, 5)]),
        (8, [], [(0, 4), (4, 8)]),
        (8, [(0, 8)], []),
        (8, [(0, 3)], [(3, 4), (4, 8)]),
        (8, [(4, 8)], [(0, 4)]),
        (12, [(2, 5), (7, 9)], [(0, 2), (5, 7), (9, 12)]),
        (12, [(2, 3), (11, 12)], [(0, 2), (3, 4), (4, 8), (8, 11)]),
    ],
)
def test_missing_bytes_are_cut_where_parts_begin(
    size: int, fetched: list[Span], missing: list[Span]
) -> None:
    assert missing_parts(size, fetched, 4) == [Part(start, stop, start) for start, stop in missing]
