"""Byte ranges left to fetch, and the contiguous prefix."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from storage.s3.parts import Halted, ObjectPart, Span, arrivals, missing_parts


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
    assert missing_parts(size, fetched, 4) == [
        ObjectPart(start, stop, start) for start, stop in missing
    ]


class Meanwhile(threading.Event):
    """A condition whose waits trigger the given steps in turn, and set the event after the last."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        super().__init__()
        self._happenings: Iterator[Callable[[], object]] = iter(happenings)

    def wait(self, timeout: float | None = None) -> bool:
        happening = next(self._happenings, None)
        if happening is not None:
            happening()
        return happening is None


def test_what_has_arrived_without_a_gap_is_reported_until_all_has() -> None:
    parts = [ObjectPart(2, 4, 2), ObjectPart(4, 8, 4)]  # the first two bytes were fetched before
    steps = [(1, 6), (0, 3), (0, 4), (1, 8)]  # progress of each part
    meanwhile = Meanwhile(
        *(partial(setattr, parts[number], "position", to) for number, to in steps)
    )
    assert list(arrivals(parts, 9, meanwhile)) == [2, 2, 3, 6, 9]


def test_what_will_not_arrive_is_not_waited_for() -> None:
    arriving = arrivals([ObjectPart(0, 4, 1)], 4, Meanwhile())
    assert next(arriving) == 1
    with pytest.raises(Halted):
        next(arriving)


def test_an_object_that_is_there_is_reported_at_once() -> None:
    assert list(arrivals([], 9, Meanwhile())) == [9]
