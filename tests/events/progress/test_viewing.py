from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.insight.changes import ViewingChange
from db.progress.progress import ProgressState
from db.progress.report_batch import Standing, VideoKey
from events.progress.viewing import BatchViewing, changes, united, without

VIDEO, USER = UUID(int=1), "ada"
TODAY, YESTERDAY = date(2026, 12, 2), date(2026, 12, 1)
NOON = datetime(2026, 12, 2, 12, tzinfo=UTC)
PIECES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda one: (one[0], sum(one))),
    max_size=6,
)


def viewing(*watched: tuple[float, float], **more: Any) -> BatchViewing:
    completed_at = more.pop("completed_at", None)
    standing = Standing("c1", None, None, completed_at, None, NOON, 30.0, watched)
    return BatchViewing(standing, **more)


def changed(seen: BatchViewing, *watched: tuple[float, float], completed_at: Any = None) -> Any:
    state = ProgressState(0.0, 0.0, 0.0, watched, completed_at, NOON)
    key = VideoKey(USER, VIDEO)
    return [_with_tuples(change) for change in changes({key: seen}, {key: state})]


def change(day: date = TODAY, **figures: Any) -> ViewingChange:
    return _with_tuples(ViewingChange(VIDEO, USER, day, **figures))


def _with_tuples(change: ViewingChange) -> ViewingChange:
    return msgspec.structs.replace(
        change, gained=tuple(change.gained), lost=tuple(change.lost), plays=tuple(change.plays)
    )


def test_nothing_new_is_no_change() -> None:
    assert changed(viewing((0.0, 5.0)), (0.0, 5.0)) == []


def test_what_is_seen_first_is_gained_and_played() -> None:
    seen = viewing((0.0, 2.0), (7.0, 9.0), played=[(200, 500)], begun=[TODAY])

    assert changed(seen, (0.0, 5.0), (7.0, 9.0)) == [
        change(watched_cs=300, sessions=1, gained=[(200, 500)], plays=[(200, 500)])
    ]


def test_what_is_seen_again_is_played_only() -> None:
    seen = viewing((0.0, 5.0), played=[(0, 300), (100, 200)])

    assert changed(seen, (0.0, 5.0)) == [change(plays=[(0, 300), (100, 200)])]


def test_what_nobody_reported_but_counts_is_played_once() -> None:
    seen = viewing((0.0, 2.0), played=[(220, 500), (400, 600)])

    assert changed(seen, (0.0, 6.0)) == [
        change(watched_cs=400, gained=[(200, 600)], plays=[(220, 500), (400, 600), (200, 220)])
    ]


def test_pieces_that_are_joined_before_others_gain_what_lay_between() -> None:
    seen = viewing((0.0, 2.0), (3.0, 5.0), (8.0, 9.0), played=[(200, 300)])

    assert changed(seen, (0.0, 5.0), (8.0, 9.0)) == [
        change(watched_cs=100, gained=[(200, 300)], plays=[(200, 300)])
    ]


def test_the_end_of_a_piece_moves_before_others() -> None:
    seen = viewing((0.0, 2.0), (8.0, 9.0), played=[(200, 300)])

    assert changed(seen, (0.0, 3.0), (8.0, 9.0)) == [
        change(watched_cs=100, gained=[(200, 300)], plays=[(200, 300)])
    ]


def test_pieces_that_were_dropped_are_lost() -> None:
    assert changed(viewing((0.0, 2.0), (5.0, 6.0)), (0.0, 2.0)) == [
        change(watched_cs=-100, lost=[(500, 600)])
    ]


def test_sessions_and_completions_count_on_their_own_days() -> None:
    seen = viewing(begun=[TODAY, YESTERDAY, TODAY])
    late = datetime(2026, 12, 1, 23, 59, tzinfo=UTC)

    assert changed(seen, completed_at=NOON) == [
        change(sessions=2, completions=1),
        change(YESTERDAY, sessions=1),
    ]
    assert changed(viewing(), completed_at=late) == [change(YESTERDAY, completions=1)]
    assert changed(viewing(completed_at=late), completed_at=late) == []


def test_viewers_of_the_day_who_play_on_are_one_change() -> None:
    seen = {
        VideoKey(user, VIDEO): viewing((0.0, 2.0), played=[(200, stop)], counted_on=TODAY)
        for user, stop in (("ada", 500), ("bob", 300))
    }
    states = {
        key: ProgressState(0.0, 0.0, 0.0, ((0.0, stop),), None, NOON)
        for key, stop in zip(seen, (5.0, 3.0), strict=True)
    }
    pieces = [(200, 500), (200, 300)]

    [found] = changes(seen, states)

    assert found == ViewingChange(VIDEO, "ada", TODAY, 400, gained=pieces, plays=pieces)


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        pytest.param([(0.0, 2.0)], [(0.0, 4.0)], {"counted_on": YESTERDAY}, id="another day"),
        pytest.param([(0.0, 2.0)], [(0.0, 4.0)], {}, id="not known"),
        pytest.param([(0.0, 2.0)], [(0.0, 4.0)], {"begun": [TODAY]}, id="a session begins"),
        pytest.param([(0.0, 2.0), (5.0, 6.0)], [(0.0, 4.0)], {}, id="something is lost"),
        pytest.param([(30.0, 31.0)], [(0.0, 4.0)], {}, id="nothing that counts"),
        pytest.param([], [(0.0, 4.0)], {}, id="nothing seen"),
    ],
)
def test_who_changes_more_than_what_was_played_has_a_change_of_their_own(
    before: Any, after: Any, more: Any, request: pytest.FixtureRequest
) -> None:
    is_counted = request.node.callspec.id not in ("another day", "not known")
    other, own = VideoKey("ada", VIDEO), VideoKey("bob", VIDEO)
    more = {"counted_on": TODAY if is_counted else None, **more}
    seen = {
        other: viewing((0.0, 2.0), played=[(200, 300)], counted_on=TODAY),
        own: viewing(*before, played=[(200, 400)], **more),
    }
    states = {
        other: ProgressState(0.0, 0.0, 0.0, ((0.0, 3.0),), None, NOON),
        own: ProgressState(0.0, 0.0, 0.0, tuple(after), None, NOON),
    }

    assert {change.user_id for change in changes(seen, states)} == {"ada", "bob"}


def test_who_completes_has_a_change_of_their_own() -> None:
    seen = viewing((0.0, 2.0), played=[(200, 500)], counted_on=TODAY)

    [found] = changed(seen, (0.0, 5.0), completed_at=NOON)

    assert found.completions == 1


def test_who_is_counted_and_plays_nothing_changes_nothing() -> None:
    assert changed(viewing((0.0, 5.0), counted_on=TODAY), (0.0, 5.0)) == []


def numbers(pieces: Any) -> set[int]:
    return {number for start, stop in pieces for number in range(start, stop)}


@given(one=PIECES, other=PIECES)
def test_pieces_are_united_and_taken_away_as_sets(one: Any, other: Any) -> None:
    first, second = united(sorted(one)), united(sorted(other))

    assert numbers(first) == numbers(one)
    assert all(before[1] < after[0] for before, after in pairwise(first))
    rest = without(first, second)
    assert numbers(rest) == numbers(one) - numbers(other)
    assert len(numbers(rest)) == sum(stop - start for start, stop in rest)
