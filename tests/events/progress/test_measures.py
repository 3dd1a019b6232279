"""Measures of a session: what reports add up to, whatever a player says."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.insight.changes import Conditions, QualityFigures, total
from db.progress.report_batch import SessionKey
from events.progress.measures import (
    MOST_MOMENTS,
    MeasuredSession,
    SessionMeasures,
    changes_of,
    gained,
    parse_measures,
    score_points,
)
from events.reports import ProgressReport

VIDEO, DAY = UUID(int=1), date(2026, 12, 1)
KEY = SessionKey("ada", VIDEO, "s")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
REPORT = ProgressReport(
    "ada", VIDEO, "c1", "s", 0, 0.0, (), "progress", datetime(2026, 12, 1, tzinfo=UTC)
)


def measured(*reports: Any) -> SessionMeasures:
    """Sums of reports given as (quality, seconds played, rate)."""
    measures = SessionMeasures("desktop", "Chrome")
    for quality, played_s, rate in reports:
        measures.add(quality, round(played_s * 100), rate)
    return measures


@pytest.mark.parametrize(
    ("startup_ms", "points"),
    [
        pytest.param(0, 100_000, id="at-once"),
        pytest.param(400, 95_238, id="mux-95"),
        pytest.param(2000, 80_000, id="mux-80"),
        pytest.param(8000, 50_000, id="mux-50"),
        pytest.param(20_000, 28_571, id="mux-29"),
    ],
)
def test_startup_is_scored_as_mux_publishes_it(startup_ms: int, points: int) -> None:
    assert score_points(startup_ms) == points


def test_a_session_is_summed_as_worked_out_by_hand() -> None:
    """10 s at 1 Mbit/s and 720 lines, then 5 s of film at twice the speed, 2.5 s, at 2 and 1080."""
    figures = measured(
        ({"startup_ms": 1500.4, "bitrate": 1e6, "height": 720, "stalls": 1}, 10, 1.0),
        ({"stalls": 3, "stalled_ms": 700.9, "bitrate": 2e6, "height": 1080}, 5, 2.0),
        ({"stalls": 3, "stalled_ms": 900, "dropped_frames": 12}, 0, None),
    ).figures()

    assert figures == QualityFigures(
        sessions=1,
        starts=1,
        startups=1,
        startup_ms=1500,
        startup_points=84_211,
        startups_2000=1,
        startups_4000=1,
        startups_8000=1,
        stalled_sessions=1,
        stalls=3,
        stalled_ms=900,
        played_ms=12_500,
        dropped_frames=12,
        bitrate_ms=12_500,
        bits=15_000_000,
        height_ms=12_500,
        height_lines=720 * 10_000 + 1080 * 2500,
    )


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param([({}, 0, None)], (0, 0, 0), id="left-before-the-start"),
        pytest.param([({"error": "x"}, 0, None)], (0, 1, 1), id="failed-before-the-start"),
        pytest.param([({"error": "x"}, 2, None)], (1, 0, 1), id="failed-while-playing"),
        pytest.param(
            [({"error": "x"}, 0, None), ({"startup_ms": 9}, 0, None)], (1, 0, 1), id="recovered"
        ),
        pytest.param([({"startup_ms": 0}, 0, None)], (1, 0, 0), id="shown-and-never-played"),
    ],
)
def test_a_session_starts_fails_or_is_left(reports: Any, expected: Any) -> None:
    figures = measured(*reports).figures()

    assert (figures.starts, figures.failures, figures.errors) == expected


def test_a_page_that_was_loaded_again_counts_from_zero_and_goes_on() -> None:
    measures = measured(
        ({"stalls": 5, "stalled_ms": 100, "dropped_frames": 7}, 0, None),
        ({"stalls": 2, "stalled_ms": 30, "dropped_frames": 1}, 0, None),
        ({"stalls": 4, "stalled_ms": 30, "dropped_frames": 1}, 0, None),
    )

    assert (measures.stalls, measures.stalled_ms, measures.dropped_frames) == (9, 130, 8)


def test_only_the_first_startup_counts() -> None:
    assert measured(({"startup_ms": 5}, 0, None), ({"startup_ms": 9}, 0, None)).startup_ms == 5


def test_what_no_player_measures_is_cut() -> None:
    figures = measured(
        (
            {
                "startup_ms": 1e300,
                "stalls": 2**53 - 1,
                "stalled_ms": 1e300,
                "dropped_frames": 2**53 - 1,
                "bitrate": 1e300,
                "height": 2**53 - 1,
            },
            10,
            1e-9,
        )
    ).figures()

    assert (figures.startup_ms, figures.stalls, figures.stalled_ms) == (120_000, 1000, 600_000)
    assert (figures.dropped_frames, figures.played_ms) == (1_000_000, 100_000)
    assert (figures.bits, figures.height_lines) == (10**11, 16_384 * 100_000)


def test_a_session_goes_on_from_what_is_stored() -> None:
    """Only the difference is a change; the conditions of its first report stay."""
    stored = msgspec.json.encode(measured(({"stalls": 2}, 3, None))).decode()
    session = MeasuredSession(stored, DAY)
    report: Any = msgspec.structs.replace(REPORT, quality={"stalls": 5, "network": "3g"})
    session.add(report, 100, NOON)

    change = session.change(KEY)

    assert change.quality == (
        Conditions("desktop", "Chrome", "unknown"),
        QualityFigures(stalls=3, played_ms=1000),
    )
    assert (change.user_id, change.video_id, change.day) == ("ada", VIDEO, DAY)


def test_a_new_session_takes_the_conditions_of_its_first_report() -> None:
    session = MeasuredSession(None, DAY)
    session.add(msgspec.structs.replace(REPORT, quality={"network": "2g"}, device="phone"), 0, NOON)
    session.add(msgspec.structs.replace(REPORT, quality={"network": "4g"}, device="tv"), 0, NOON)

    quality = session.change(KEY).quality

    assert quality == (Conditions("phone", "other", "2g"), QualityFigures(sessions=1))


def test_measures_survive_their_storing() -> None:
    measures = measured(({"startup_ms": 3, "stalls": 2, "error": "x"}, 3, None))

    assert parse_measures(msgspec.json.encode(measures).decode()) == measures


def test_measures_that_were_stored_by_name_are_read() -> None:
    """Those of the version before, which left out what was not measured, and those of CMCD."""
    assert parse_measures('{"device": "tv", "stalls": 2}') == SessionMeasures("tv", stalls=2)


def noted(*reports: Any) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and details of the moments of reports given as (event, quality)."""
    session = MeasuredSession(None, DAY)
    for event, quality in reports:
        session.add(msgspec.structs.replace(REPORT, event=event, quality=quality), 0, NOON)
    return [(one.kind, one.details) for one in session.moments]


def test_moments_are_what_changes_and_what_is_done() -> None:
    found = noted(
        ("started", {"startup_ms": 900, "stalls": 0}),
        ("progress", {"startup_ms": 900, "stalls": 0, "dropped_frames": 4}),
        ("progress", {"stalls": 1, "stalled_ms": 250, "dropped_frames": 9}),
        ("progress", {"stalls": 1, "stalled_ms": 400, "error": "decoding"}),
        ("paused", {"error": "decoding"}),
    )

    place = {"position": 0.0}
    assert found == [
        ("shown", {"startup_ms": 900}),
        ("started", place),
        ("stalled", {**place, "stalls": 1, "stalled_ms": 250}),
        ("frames-dropped", {**place, "frames": 5}),
        ("stalled", {**place, "stalls": 0, "stalled_ms": 150}),
        ("error", {**place, "message": "decoding"}),
        ("paused", place),
    ]


def test_moments_of_a_session_are_bounded() -> None:
    assert len(noted(*[("seeked", {"stalls": 0})] * (MOST_MOMENTS + 9))) == MOST_MOMENTS


COUNTS = st.integers(0, 3)
QUALITIES = st.fixed_dictionaries(
    {},
    optional={
        "startup_ms": st.sampled_from([0, 500, 9000]),
        "error": st.just("decode"),
        "stalls": COUNTS,
        "stalled_ms": COUNTS,
        "dropped_frames": COUNTS,
        "bitrate": st.just(1e6),
        "height": st.just(720),
    },
)


@given(st.lists(st.tuples(QUALITIES, st.integers(0, 2), st.sampled_from([None, 2.0]))), QUALITIES)
def test_what_a_report_gains_is_the_difference_of_the_figures(
    earlier: list[tuple[dict[str, Any], int, float | None]], quality: dict[str, Any]
) -> None:
    before, now = measured(*earlier), measured(*earlier, (quality, 1, None))

    assert gained(before, now) == now.figures() - before.figures()
    assert gained(None, now) == now.figures()


def reported(user_id: str, video: int, stored: str | None, quality: dict[str, Any]) -> Any:
    session = MeasuredSession(stored, DAY)
    session.add(msgspec.structs.replace(REPORT, quality=quality), 100, NOON)
    return SessionKey(user_id, UUID(int=video), "s"), session


STORED = st.sampled_from([None, SessionMeasures("tv", stalls=1), SessionMeasures(played_ms=5)])


@given(st.lists(st.tuples(st.integers(1, 2), STORED, QUALITIES), max_size=12))
def test_a_batch_changes_the_figures_by_what_its_sessions_gain(sessions: Any) -> None:
    """Viewers who are new are named; sessions that only grow are one change per conditions."""
    batch = [
        reported(f"user-{n}", video, msgspec.json.encode(kept).decode() if kept else None, quality)
        for n, (video, kept, quality) in enumerate(sessions)
    ]

    changes = changes_of(batch)

    alone = [session.change(key) for key, session in batch]
    assert by_key(changes) == by_key(alone)
    counted = {key.user_id for key, session in batch if session.growth() is None}
    new = {f"user-{n}" for n, (_, kept, _) in enumerate(sessions) if kept is None}
    named = {change.user_id for change in changes}
    assert new <= counted <= named <= {key.user_id for key, _ in batch}
    growing = {key_of(session.change(key)) for key, session in batch if session.growth()}
    assert len(changes) == len(counted) + len(growing)


def key_of(change: Any) -> Any:
    return change.video_id, change.day, change.quality[0]


def by_key(changes: Any) -> Any:
    return {
        key: total([change.quality[1] for change in changes if key_of(change) == key])
        for key in {key_of(change) for change in changes}
    }
