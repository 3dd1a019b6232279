"""The set of watched seconds, as the database counts it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.pool import Database
from events.progress.merging import in_seconds, multirange
from events.progress.watched_set import Piece, WatchedSet, claimed_pieces, length

SECONDS = st.integers(0, 1500).map(lambda centiseconds: centiseconds / 100)
INTERVALS = st.lists(st.tuples(SECONDS, SECONDS).map(lambda pair: tuple(sorted(pair))), max_size=8)


@pytest.mark.parametrize(
    ("intervals", "duration_s", "pieces"),
    [
        pytest.param([], 30.0, [], id="nothing"),
        pytest.param([(1.0, 1.0)], 30.0, [], id="empty"),
        pytest.param([(1.0, 1.004)], 30.0, [], id="empty once rounded"),
        pytest.param([(5.0, 6.0), (1.0, 2.0)], 30.0, [(100, 200), (500, 600)], id="in order"),
        pytest.param([(29.0, 31.0)], 30.0, [(2900, 3000)], id="cut to the duration"),
        pytest.param([(30.0, 31.0)], 30.0, [], id="beyond the duration"),
        pytest.param([(30.0, 31.0)], None, [(3000, 3100)], id="duration unknown"),
        pytest.param([(0.0, 1.0)], 0.001, [(0, 1)], id="shortest video"),
    ],
)
def test_a_claim_in_pieces(
    intervals: list[tuple[float, float]], duration_s: float | None, pieces: list[Piece]
) -> None:
    assert claimed_pieces(intervals, duration_s) == pieces


@pytest.mark.parametrize(
    ("known", "claim", "added"),
    [
        pytest.param([], [(0, 5)], [(0, 500)], id="first"),
        pytest.param([(0, 5)], [(0, 5)], [], id="known"),
        pytest.param([(0, 5)], [(2, 8)], [(500, 800)], id="overlap"),
        pytest.param([(0, 5)], [(5.25, 8)], [(500, 800)], id="closed gap counts"),
        pytest.param([(0, 5)], [(5.26, 8)], [(526, 800)], id="open gap"),
        pytest.param([(2, 3), (5, 6)], [(0, 9)], [(0, 200), (300, 500), (600, 900)], id="around"),
        pytest.param([(0, 1)], [(1.2, 1.3), (1.5, 1.6)], [(100, 160)], id="slivers close gaps"),
        pytest.param([(0, 1), (1.4, 2)], [(1.2, 1.25)], [(100, 140)], id="both sides close"),
        pytest.param([(0, 90)], [(10, 20), (95, 96)], [(9500, 9600)], id="one of two"),
        pytest.param([], [(0, 9), (3, 4)], [(0, 900)], id="nested claim"),
    ],
)
def test_what_a_claim_adds(
    known: list[tuple[float, float]], claim: list[tuple[float, float]], added: list[Piece]
) -> None:
    assert WatchedSet(known).added_by(claimed_pieces(claim, None)) == added


@pytest.mark.parametrize(
    ("known", "added", "limit", "taken"),
    [
        pytest.param([], [(0, 500)], 500, [(0, 500)], id="all"),
        pytest.param([], [(0, 500)], 300, [(0, 300)], id="the beginning"),
        pytest.param([], [(0, 500)], 0, [], id="nothing"),
        pytest.param([], [(0, 100), (200, 500)], 200, [(0, 100), (200, 300)], id="second cut"),
        pytest.param([(5, 6)], [(0, 500)], 490, [(0, 474)], id="no rest that would be closed"),
        pytest.param([(5, 6)], [(0, 500)], 474, [(0, 474)], id="the greatest rest that stays"),
        pytest.param([(5, 6)], [(480, 500)], 10, [], id="all of it would be closed"),
    ],
)
def test_the_earliest_of_what_is_added(
    known: list[tuple[float, float]], added: list[Piece], limit: int, taken: list[Piece]
) -> None:
    assert WatchedSet(known).earliest(added, limit) == taken


@given(known=INTERVALS, claim=INTERVALS, limit=st.integers(0, 1500))
def test_a_set_grows_by_what_is_taken_and_never_beyond_the_limit(
    known: list[tuple[float, float]], claim: list[tuple[float, float]], limit: int
) -> None:
    watched = WatchedSet([])
    watched.add(claimed_pieces(known, None))
    before = length(watched.pieces)
    taken = watched.earliest(watched.added_by(claimed_pieces(claim, None)), limit)
    watched.add(taken)

    assert length(watched.pieces) - before == length(taken) <= limit


async def test_sets_are_those_of_the_database(database: Database) -> None:
    cases: list[tuple[list[tuple[float, float]], list[tuple[float, float]]]] = []

    @settings(max_examples=200, database=None)
    @given(known=INTERVALS, claim=INTERVALS)
    def collect(known: list[tuple[float, float]], claim: list[tuple[float, float]]) -> None:
        cases.append((known, claim))

    collect()
    rows = await database.fetch_all(
        "SELECT u.seen::text FROM unnest(%s::nummultirange[], %s::nummultirange[])"
        " WITH ORDINALITY AS c (known, claim, place)"
        " CROSS JOIN LATERAL watched_union(known, claim) AS u (seen) ORDER BY place",
        ([multirange(known) for known, _ in cases], [multirange(claim) for _, claim in cases]),
    )

    for (known, claim), (seen,) in zip(cases, rows, strict=True):
        watched = WatchedSet([])
        watched.add(claimed_pieces(known, None))
        watched.add(watched.added_by(claimed_pieces(claim, None)))
        ours = await database.fetch_one(
            "SELECT %s::nummultirange::text", (multirange(in_seconds(watched.pieces)),)
        )
        assert _pieces(ours[0]) == _pieces(seen), (known, claim)


def _pieces(text: str) -> list[float]:
    return [float(number) for number in text.translate(str.maketrans("{[)},", "     ")).split()]
