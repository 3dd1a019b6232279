from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.delivery.schedule import choose


def row(number: int, type: str, video: str | None, user: str, due_in_s: float = 0.0) -> Any:
    return SimpleNamespace(id=number, type=type, video_id=video, user_id=user, due_in_s=due_in_s)


READY, PLAYED, ENROLLED = "video.ready", "playback.progress", "enrollment.changed"


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        pytest.param([], [], id="nothing waits"),
        pytest.param(
            [row(1, READY, "v", "tess"), row(2, READY, "w", "tess")], [1, 2], id="two videos"
        ),
        pytest.param(
            [row(1, READY, "v", "tess"), row(2, "video.deleted", "v", "root")],
            [1],
            id="one video, whoever acted",
        ),
        pytest.param(
            [row(1, PLAYED, "v", "ada"), row(2, PLAYED, "v", "bob")], [1, 2], id="two people"
        ),
        pytest.param(
            [row(1, PLAYED, "v", "ada"), row(2, PLAYED, "w", "ada")], [1], id="one person"
        ),
        pytest.param(
            [row(1, ENROLLED, None, "ada"), row(2, PLAYED, "w", "ada")],
            [1],
            id="enrolled, then watching",
        ),
        pytest.param(
            [row(1, READY, "v", "tess"), row(2, PLAYED, "v", "tess")],
            [1],
            id="the same video and person",
        ),
        pytest.param(
            [row(1, READY, "v", "tess"), row(2, PLAYED, "v", "ada")],
            [1, 2],
            id="a video and somebody else",
        ),
        pytest.param(
            [row(1, PLAYED, "v", "ada", 3.0), row(2, PLAYED, "v", "ada"), row(3, READY, "v", "t")],
            [3],
            id="behind one that waits for its time",
        ),
    ],
)
def test_what_may_be_sent_now(waiting: Sequence[Any], expected: list[int]) -> None:
    assert [one.id for one in choose(waiting, (), 10).rows] == expected


def test_nothing_overtakes_what_is_on_its_way() -> None:
    waiting = [row(1, PLAYED, "v", "ada"), row(2, PLAYED, "v", "ada"), row(3, PLAYED, "v", "bob")]

    assert [one.id for one in choose(waiting, {1}, 10).rows] == [3]


def test_no_more_than_there_is_room_for() -> None:
    waiting = [row(n, PLAYED, "v", f"u{n}") for n in range(5)]

    assert [one.id for one in choose(waiting, (), 2).rows] == [0, 1]


def test_the_next_look_is_when_the_first_comes_due() -> None:
    waiting = [row(1, READY, "v", "t", 9.0), row(2, READY, "w", "t", 4.0), row(3, READY, "w", "t")]

    assert choose(waiting, (), 10).next_in_s == 4.0


def test_in_one_request_one_may_follow_the_other() -> None:
    waiting = [
        row(1, PLAYED, "v", "ada"),
        row(2, PLAYED, "v", "ada"),
        row(3, PLAYED, "v", "ada", 1),
    ]

    assert [one.id for one in choose(waiting, (), 10, in_one_request=True).rows] == [1, 2]


ROWS = st.lists(
    st.tuples(
        st.sampled_from([READY, PLAYED, ENROLLED]),
        st.sampled_from("vw"),
        st.sampled_from(["ada", "bob"]),
        st.booleans(),
    ),
    max_size=12,
)


@given(ROWS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_whatever_fails_the_order_per_video_and_person_is_kept(
    told: list[Any], room: int, chance: Any
) -> None:
    waiting = [
        row(number, type, None if type == ENROLLED else video, user)
        for number, (type, video, user, _) in enumerate(told)
    ]
    delivered: list[Any] = []
    while waiting:
        chosen = choose(waiting, (), room).rows
        assert chosen  # the oldest can always go
        for one in chosen:
            if chance.random() < 0.5 or len(chosen) == 1:
                waiting.remove(one)
                delivered.append(one)
    for kind, group in (
        ("video.", lambda one: one.video_id),
        ("playback.", lambda one: one.user_id),
        ("", lambda one: (one.video_id, one.user_id)),
    ):
        for key in {group(one) for one in delivered}:
            ids = [one.id for one in delivered if one.type.startswith(kind) and group(one) == key]
            assert ids == sorted(ids)
