from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from db.progress.progress import ProgressState
from db.progress.report_batch import ClaimAccount, SessionKey, Standing, VideoKey
from events.progress.database_clock import ClockDifference
from events.progress.measures import SessionMeasures
from events.progress.merging import merge, multirange, to_database_clock
from events.reports import ProgressReport

VIDEO = UUID("00000000-0000-4000-8000-000000000001")
T0 = datetime(2025, 1, 1, tzinfo=UTC)
KEY = SessionKey("u", VIDEO, "phone")
LAPTOP = SessionKey("u", VIDEO, "laptop")
NEW = Standing("c", None, None, None, None, T0)


def report(sequence: int, position_s: float = 0.0, **changes: Any) -> ProgressReport:
    made = ProgressReport(
        user_id="u",
        video_id=VIDEO,
        course_id="c",
        session_id="phone",
        sequence=sequence,
        position_s=position_s,
        watched=(),
        event="progress",
        received_at=T0,
    )
    return replace(made, **changes)


def state(ratio: float, *, completed: bool = False) -> ProgressState:
    return ProgressState(0.0, 0.0, ratio, (), T0 if completed else None, T0)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ((), "{}"),
        (((1.0, 1.0),), "{}"),
        (((0.0, 2.5), (2, 3)), "{[0.0,2.5),[2,3)}"),
        (((float("nan"), 2.0),), "{}"),
        (((1e-05, 2.0),), "{[1e-05,2.0)}"),
    ],
)
def test_pieces_as_a_multirange(pieces: Any, text: str) -> None:
    assert multirange(pieces) == text


@pytest.mark.parametrize(
    ("last_sequence", "sequences", "new"),
    [
        pytest.param(None, [0], [True], id="first-of-a-session"),
        pytest.param(4, [5], [True], id="next"),
        pytest.param(4, [9], [True], id="gap"),
        pytest.param(4, [4], [False], id="twice"),
        pytest.param(4, [3], [False], id="late"),
        pytest.param(None, [1, 1, 0, 2], [True, False, False, True], id="within-a-batch"),
    ],
)
def test_a_report_is_new_when_its_sequence_is_above_all_before(
    last_sequence: int | None, sequences: list[int], new: list[bool]
) -> None:
    standings = {KEY: replace(NEW, last_sequence=last_sequence)}

    merged = merge([report(sequence) for sequence in sequences], standings)

    assert [heard.is_new for heard in merged.applied] == new


@pytest.mark.parametrize(
    ("standing", "reports", "position"),
    [
        pytest.param(NEW, [report(0, 7.0)], (7.0, at(0), "phone"), id="first"),
        pytest.param(
            Standing("c", at(-5), "phone", None, 3, T0),
            [report(3, 7.0)],
            (None, None, None),
            id="doubled-moves-nothing",
        ),
        pytest.param(
            Standing("c", at(-5), "phone", None, 3, T0),
            [report(4, 2.0)],
            (2.0, at(0), "phone"),
            id="next-of-the-session-may-go-back",
        ),
        pytest.param(
            Standing("c", at(-5), "phone", None, 3, T0),
            [report(4, 2.0, delayed_s=60.0)],
            (2.0, at(-5), "phone"),
            id="within-a-session-the-sequence-decides",
        ),
        pytest.param(
            Standing("c", at(-5), "laptop", None, None, T0),
            [report(0, 2.0, delayed_s=3600.0)],
            (None, None, None),
            id="a-queue-delivered-later-does-not-overwrite",
        ),
        pytest.param(
            Standing("c", at(-5), "laptop", None, None, T0),
            [report(0, 2.0, delayed_s=4.0)],
            (2.0, at(-4), "phone"),
            id="across-sessions-the-later-wins",
        ),
        pytest.param(
            NEW, [report(1, 9.0), report(0, 3.0)], (9.0, at(0), "phone"), id="late-in-the-batch"
        ),
    ],
)
def test_who_has_the_position(
    standing: Standing, reports: list[ProgressReport], position: tuple[Any, ...]
) -> None:
    change = merge(reports, {KEY: standing}).progress[0]

    assert (change.position_s, change.position_at, change.position_session_id) == position


@pytest.mark.parametrize(
    ("host_s", "received_s", "expected_s"),
    [
        pytest.param(0.0, -2.0, -2.0, id="the same clock"),
        pytest.param(86_400.0, 86_398.0, -2.0, id="host a day ahead"),
        pytest.param(-86_400.0, -86_402.0, -2.0, id="host a day behind"),
        pytest.param(5.0, 9.0, 0.0, id="received after the clock was read"),
    ],
)
def test_reports_are_dated_by_the_clock_of_the_database(
    host_s: float, received_s: float, expected_s: float
) -> None:
    [converted] = to_database_clock(
        [report(1, received_at=at(received_s))], {KEY: NEW}, at(host_s), ClockDifference()
    )

    assert converted.received_at == at(expected_s)


def test_without_any_standing_reports_stay_as_they_are() -> None:
    reports = [report(1)]

    assert to_database_clock(reports, {}, at(86_400), ClockDifference()) == reports


def test_two_sessions_of_one_video_in_a_batch_are_one_change() -> None:
    queued = report(0, 3.0, session_id="laptop", delayed_s=60.0, watched=((0.0, 3.0),))
    reports = [report(0, 9.0, watched=((8.0, 9.0),)), queued]

    merged = merge(reports, {KEY: NEW, LAPTOP: NEW})

    assert [(one.position_s, one.watched) for one in merged.progress] == [
        (9.0, "{[8.0,9.0),[0.0,3.0)}")
    ]
    assert [one.session_id for one in merged.sessions] == ["laptop", "phone"]


def test_late_reports_still_add_what_was_seen() -> None:
    merged = merge([report(2, watched=((0.0, 5.0),))], {KEY: replace(NEW, last_sequence=9)})

    assert merged.progress[0].watched == "{[0.0,5.0)}"
    assert merged.sessions == []
    assert list(merged.events({VideoKey("u", VIDEO): state(0.5)})) == []


def test_what_exceeds_the_bound_is_kept_apart() -> None:
    standing = replace(NEW, duration_s=60.0, watched=((0.0, 5.0),))

    merged = merge([report(0, watched=((3.0, 40.0),))], {KEY: standing}, lambda _: at(-1))

    assert merged.progress[0].watched == "{[5.0,17.0)}"
    assert [change.capped for change in merged.capped] == ["{[17.0,40.0)}"]
    assert [applied.capped_s for applied in merged.applied] == [23.0]
    assert (merged.sessions[0].claims_since, merged.sessions[0].claims_until) == (at(-1), T0)
    assert (merged.sessions[0].allowed_s, merged.sessions[0].counted_s) == (12.0, 12.0)


def test_a_late_report_changes_its_sessions_account_alone() -> None:
    account = ClaimAccount(at(-60), at(-5), 120.0, 50.0)
    standing = replace(NEW, last_sequence=9, account=account)

    merged = merge([report(2, watched=((0.0, 5.0),))], {KEY: standing}, lambda _: None)

    assert merged.sessions == []
    assert [(late.claims_since, late.counted_s) for late in merged.late] == [(at(-60), 55.0)]


def test_without_a_bound_accounts_stay_as_they_are() -> None:
    merged = merge([report(0, watched=((0.0, 3600.0),))], {KEY: NEW})

    assert (merged.late, merged.capped) == ([], [])
    assert merged.sessions[0].claims_since is None


def test_reports_of_missing_videos_are_passed_over() -> None:
    merged = merge([report(0)], {})

    assert (merged.progress, merged.sessions, merged.applied) == ([], [], [])


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("started", "playback.started"),
        ("progress", "playback.progress"),
        ("paused", "playback.progress"),
        ("seeked", "playback.progress"),
        ("completed", "playback.progress"),
        ("stopped", "playback.stopped"),
    ],
)
def test_a_new_report_makes_exactly_one_event(event: Any, name: str) -> None:
    merged = merge([report(0, 4.5, event=event, delayed_s=2.0)], {KEY: NEW})

    [told] = merged.events({VideoKey("u", VIDEO): state(0.25)})

    assert (told.name, told.position_s, told.watched_ratio) == (name, 4.5, 0.25)
    assert (told.session_id, told.course_id, told.occurred_at) == ("phone", "c", at(-2))


@pytest.mark.parametrize(
    ("last_sequence", "was_completed", "names"),
    [
        pytest.param(None, None, ["playback.progress", "playback.completed"], id="new"),
        pytest.param(9, None, ["playback.completed"], id="late-report-completes"),
        pytest.param(None, T0, ["playback.progress"], id="only-once"),
    ],
)
def test_completion_is_published_once_and_in_addition(
    last_sequence: int | None, was_completed: datetime | None, names: list[str]
) -> None:
    standing = Standing("c", None, None, was_completed, last_sequence, T0)

    merged = merge([report(0, watched=((0.0, 9.0),))], {KEY: standing})
    told = merged.events({VideoKey("u", VIDEO): state(0.9, completed=True)})

    assert [event.name for event in told] == names


def test_the_report_that_showed_something_is_the_one_that_completed() -> None:
    reports = [report(0, 9.0, watched=((0.0, 9.0),)), report(1, 2.0)]

    told = merge(reports, {KEY: NEW}).events({VideoKey("u", VIDEO): state(0.9, completed=True)})

    assert [(event.name, event.position_s) for event in told] == [
        ("playback.progress", 9.0),
        ("playback.completed", 9.0),
        ("playback.progress", 2.0),
    ]


@pytest.mark.parametrize(
    ("measures", "quality", "counted_on"),
    [
        pytest.param(SessionMeasures(played_ms=10), {"stalls": 0}, T0.date(), id="played before"),
        pytest.param(SessionMeasures(startup_ms=10), {"stalls": 0}, None, id="begun only"),
        pytest.param(None, {"stalls": 0}, None, id="measures first"),
        pytest.param(SessionMeasures(played_ms=10), None, None, id="measures no more"),
    ],
)
def test_who_has_played_in_a_session_before_is_a_viewer_of_its_day(
    measures: SessionMeasures | None, quality: Any, counted_on: date | None
) -> None:
    stored = None if measures is None else msgspec.json.encode(measures).decode()
    standing = replace(NEW, last_sequence=1, started_at=T0, measures=stored)

    merged = merge([report(2, watched=((0.0, 5.0),), quality=quality)], {KEY: standing})

    assert merged.viewings[KEY.video].counted_on == counted_on


def test_a_session_that_measures_changes_figures_and_has_moments() -> None:
    """On the day on which it began; reports that measure nothing, or come late, change nothing."""
    began = T0 - timedelta(days=1)
    standings = {KEY: replace(NEW, last_sequence=4, started_at=began), LAPTOP: NEW}
    stalled = {"stalls": 1, "stalled_ms": 200}

    merged = merge(
        [
            report(5, quality=stalled, watched=((0.0, 2.0),)),
            report(6, quality=stalled),
            report(3, quality={"stalls": 9}),
            report(0, session_id="laptop"),
        ],
        standings,
    )

    (change,) = merged.measured
    assert change.quality is not None
    assert (change.day, change.quality[1].stalls, change.quality[1].played_ms) == (
        began.date(),
        1,
        2000,
    )
    assert [(one.kind, one.session_id) for one in merged.moments] == [("stalled", "phone")]
    stored = {one.session_id: one.measures for one in merged.sessions}
    assert stored["laptop"] is None
    assert stored["phone"] is not None
