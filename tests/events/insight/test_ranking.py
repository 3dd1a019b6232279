"""Rankings of students: pages in the order of a figure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from db.insight.students import StudentStanding
from events.insight.ranking import Figure, Place, StudentOrder, ranked

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


def standing(
    user_id: str, enrolled: int, completed: int, watched_s: float, seen: int | None
) -> StudentStanding:
    """Enrolled, and seen, so many hours after Monday began."""
    seen_at = None if seen is None else MONDAY + timedelta(hours=seen)
    return StudentStanding(
        MONDAY + timedelta(hours=enrolled), user_id, completed, watched_s, seen_at
    )


CLASS = [
    standing("cy", 1, 0, 0, None),
    standing("ada", 2, 3, 90.5, 7),
    standing("dee", 3, 3, 40, 9),
    standing("bob", 4, 1, 90.25, 8),
]


def pages(
    order: StudentOrder, limit: int, class_: Sequence[StudentStanding] = CLASS
) -> list[list[str]]:
    found: list[list[str]] = []
    after: Place | None = None
    while page := ranked(class_, order, after, limit):
        found.append([user_id for _, user_id in page])
        after = page[-1][0]
    return found


@pytest.mark.parametrize(
    ("figure", "rising"),
    [
        ("enrolled", ["cy", "ada", "dee", "bob"]),
        ("user_id", ["ada", "bob", "cy", "dee"]),
        ("videos_completed", ["cy", "bob", "ada", "dee"]),
        ("watched_seconds", ["cy", "dee", "bob", "ada"]),
        ("last_seen_at", ["cy", "ada", "bob", "dee"]),
    ],
)
def test_students_are_in_the_order_of_the_figure(figure: Figure, rising: list[str]) -> None:
    assert pages(StudentOrder(figure), 4) == [rising]
    assert pages(StudentOrder(figure, is_descending=True), 4) == [rising[::-1]]


@pytest.mark.parametrize("figure", get_args(Figure))
@pytest.mark.parametrize("is_descending", [False, True])
def test_pages_lose_and_double_nobody(figure: Figure, *, is_descending: bool) -> None:
    equal = [standing(f"u{number}", 1, 1, 1, None) for number in range(5)]
    order = StudentOrder(figure, is_descending)

    single = [user_id for page in pages(order, 1, [*CLASS, *equal]) for user_id in page]

    assert [single] == pages(order, 9, [*CLASS, *equal])
    assert sorted(single) == sorted(one.user_id for one in [*CLASS, *equal])


def test_equal_figures_are_in_the_order_of_the_names_that_are_shown() -> None:
    names = {"ada": "p-z", "dee": "p-a"}
    both = [one for one in CLASS if one.user_id in names]

    found = ranked(both, StudentOrder("videos_completed"), None, 2, names.__getitem__)

    assert found == [((3.0, "p-a"), "dee"), ((3.0, "p-z"), "ada")]
