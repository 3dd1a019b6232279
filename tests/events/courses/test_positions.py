"""Positions of a list in a new order: it is the one asked for, and little changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.courses.positions import LARGEST, STEP, changed_positions


@pytest.mark.parametrize(
    ("present", "order", "changed"),
    [
        pytest.param({}, "", {}, id="nothing"),
        pytest.param({"a": 1, "b": 2}, "ab", {}, id="as it was"),
        pytest.param({"a": None, "b": None}, "ab", {}, id="as it was, without positions"),
        pytest.param({"a": 0, "b": 10, "c": 20}, "acb", {"c": 5}, id="one up"),
        pytest.param({"a": 5, "b": 10, "c": 20}, "cab", {"c": 2}, id="to the front"),
        pytest.param({"a": 1, "b": 2, "c": 3}, "bca", {"a": 3 + STEP}, id="to the end"),
        pytest.param(
            {"a": 1, "b": 7, "c": 9}, "bac", {"b": 0}, id="of two runs the lower one stays"
        ),
        pytest.param(
            {"a": 0, "b": 1, "c": 2},
            "acb",
            {"a": STEP, "c": 2 * STEP, "b": 3 * STEP},
            id="no room between: all",
        ),
        pytest.param({"a": 3, "b": 3, "c": 3}, "bac", {"b": 0, "a": 1}, id="equal positions"),
        pytest.param(
            {"a": None, "b": None, "c": None},
            "cab",
            {"c": STEP - 1},
            id="without positions: to the front, the others stay without",
        ),
        pytest.param(
            {"a": None, "b": None, "c": None},
            "acb",
            {"a": STEP - 1, "c": 2 * STEP - 1},
            id="without positions: up to the place",
        ),
        pytest.param({"a": 5, "b": None}, "ba", {"b": 2}, id="in front of the one with a position"),
        pytest.param(
            {"a": 1, "b": LARGEST - 1, "c": LARGEST},
            "bca",
            {"b": STEP, "c": 2 * STEP, "a": 3 * STEP},
            id="no room behind: all",
        ),
    ],
)
def test_fewest_positions_change(
    present: dict[str, int | None], order: str, changed: dict[str, int]
) -> None:
    assert changed_positions(present, order) == changed


def in_order(positions: dict[int, int | None]) -> dict[int, int | None]:
    """As the database lists them: keys are ages."""
    by_place = sorted(positions, key=lambda key: (positions[key] is None, positions[key] or 0, key))
    return {key: positions[key] for key in by_place}


@given(
    st.lists(st.none() | st.integers(0, 5) | st.integers(0, LARGEST), max_size=12).flatmap(
        lambda given: st.tuples(st.just(given), st.permutations(range(len(given))))
    )
)
def test_list_is_in_the_order_asked_for(case: tuple[list[int | None], list[int]]) -> None:
    positions, order = case
    present = in_order(dict(enumerate(positions)))

    changed = changed_positions(present, order)

    assert list(in_order({**present, **changed})) == order
    assert all(0 <= position <= LARGEST for position in changed.values())
    assert all(present[key] != position for key, position in changed.items())
