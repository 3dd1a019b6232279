"""Disclosure control: what an answer shows never leaves the figures of a few viewers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.insight.changes import QualityFigures
from db.insight.quality import QualityGroup
from events.insight.disclosure import FEWEST_VIEWERS, disclosed

Session = tuple[str, str, str]  # user, device, browser
DEVICES = ("desktop", "phone", "tablet", "tv")
BROWSERS = ("Chrome", "Safari", "other")
SESSIONS = st.lists(
    st.tuples(
        st.sampled_from([f"user-{number}" for number in range(9)]),
        st.sampled_from(DEVICES),
        st.sampled_from(BROWSERS),
    ),
    max_size=40,
)


def groups_of(sessions: Sequence[Session]) -> list[QualityGroup]:
    """The groups of an answer, as the database sums them up."""
    return [
        *_grouped(None, [(None, user) for user, _, _ in sessions] or [(None, "")]),
        *_grouped("device", [(device, user) for user, device, _ in sessions]),
        *_grouped("browser", [(browser, user) for user, _, browser in sessions]),
    ]


def _grouped(grouping: str | None, named: Iterable[tuple[str | None, str]]) -> list[QualityGroup]:
    users: dict[str | None, list[str]] = defaultdict(list)
    for value, user in named:
        users[value] += [user] if user else []
    few = {user for them in users.values() if len(set(them)) < FEWEST_VIEWERS for user in set(them)}
    return [
        QualityGroup(grouping, value, len(set(them)), QualityFigures(sessions=len(them)), len(few))
        for value, them in users.items()
    ]


@given(SESSIONS)
def test_what_subtraction_leaves_is_of_enough_viewers(sessions: list[Session]) -> None:
    reasons = {(group.grouping, group.value): why for group, why in disclosed(groups_of(sessions))}

    if reasons[None, None]:
        assert None not in reasons.values()
        return
    for grouping, place in (("device", 1), ("browser", 2)):
        left = [one for one in sessions if reasons[grouping, one[place]]]
        assert not left or len({user for user, *_ in left}) >= FEWEST_VIEWERS
    for group, why in disclosed(groups_of(sessions)):
        assert why or not group.figures.sessions or group.viewers >= FEWEST_VIEWERS


def sessions_on(**viewers: int) -> list[Session]:
    """As many viewers of each device, nobody with two."""
    return [
        (f"{device}-{number}", device, "Chrome")
        for device, count in viewers.items()
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("viewers", "expected"),
    [
        pytest.param({}, {}, id="nobody"),
        pytest.param({"desktop": 5, "tv": 5}, {}, id="all-large"),
        pytest.param(
            {"desktop": 9, "phone": 6, "tv": 4},
            {"tv": "too-few", "phone": "others-too-few"},
            id="the-smallest-other-covers-one",
        ),
        pytest.param(
            {"desktop": 9, "phone": 3, "tv": 2},
            {"tv": "too-few", "phone": "too-few"},
            id="small-ones-cover-each-other",
        ),
        pytest.param(
            {"desktop": 6, "phone": 6, "tv": 1},
            {"tv": "too-few", "desktop": "others-too-few"},
            id="as-small-by-name",
        ),
        pytest.param(
            {"desktop": 2, "phone": 2},
            {"all": "too-few", "desktop": "too-few", "phone": "too-few"},
            id="too-few-in-all",
        ),
    ],
)
def test_groups_are_withheld(viewers: dict[str, int], expected: dict[str, str]) -> None:
    shown = disclosed(groups_of(sessions_on(**viewers)))

    found = {
        group.value or "all": why
        for group, why in shown
        if why and group.grouping in (None, "device")
    }
    assert found == expected


def test_a_group_whose_viewers_were_erased_is_withheld() -> None:
    group = QualityGroup("device", "tv", 0, QualityFigures(sessions=3), 0)

    assert [why for _, why in disclosed([group])] == ["too-few"]
