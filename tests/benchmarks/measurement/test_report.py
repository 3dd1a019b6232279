"""The tables say whether a goal is reached, and never hide a run that was worthless."""

import json
from dataclasses import replace

import pytest

from benchmarks.measurement.ratios import Spread
from benchmarks.measurement.report import as_json, as_text, goal_rows, measured_text, table, verdict
from benchmarks.measurement.workloads import (
    GOALS,
    WORKLOADS,
    Goal,
    Sample,
    cpu_s_per_gb,
    player_kib,
    seek_p99_ms,
)
from tests.benchmarks.measurement.samples import sample

FACTS = {"cpu": "a fast one", "date": "today"}
LEAST = Goal("at least", "64k", {"nginx": 0.75}, aim=0.9)
MOST = Goal("at most", "players", {"nginx": 1.5}, value=seek_p99_ms, is_less_better=True)


def spread(median: float) -> Spread:
    return Spread(median, median / 2, median * 2)


@pytest.mark.parametrize(
    ("goal", "found", "bound", "aim", "said"),
    [
        pytest.param(LEAST, 0.7, 0.75, 0.9, "0.70 (0.35 to 1.40) MISSED ≥ 0.75", id="missed"),
        pytest.param(LEAST, 0.75, 0.75, 0.9, "0.75 (0.38 to 1.50) reached ≥ 0.75", id="just"),
        pytest.param(
            LEAST, 0.9, 0.75, 0.9, "0.90 (0.45 to 1.80) reached ≥ 0.75 and the aim 0.9", id="aim"
        ),
        pytest.param(MOST, 1.5, 1.5, None, "1.50 (0.75 to 3.00) reached ≤ 1.5", id="at most, just"),
        pytest.param(MOST, 1.6, 1.5, None, "1.60 (0.80 to 3.20) MISSED ≤ 1.5", id="too much"),
    ],
)
def test_verdict_is_by_the_median(
    goal: Goal, found: float, bound: float, aim: float | None, said: str
) -> None:
    assert verdict(goal, spread(found), bound, aim) == said


def test_what_has_no_peer_was_not_measured() -> None:
    assert verdict(LEAST, None, 0.75) == "not measured"


def test_goal_row_compares_the_judged_with_each_peer() -> None:
    samples = [
        sample("64k", "coursestream", 0, size=80),
        sample("64k", "nginx", 0, size=100),
        sample("64k", "nginx-auth", 0, size=50),
    ]

    assert goal_rows(samples)[1:2] == [
        [
            "64 KiB ranges, 64 connections",
            "coursestream",
            "0.80 (0.80 to 0.80) reached ≥ 0.75",
            "1.60 (1.60 to 1.60) reached ≥ 1.5",
            "not measured",
            "-",
        ]
    ]


def test_first_requests_are_judged_without_shortcut() -> None:
    samples = [
        sample("fresh", "coursestream-no-shortcut", 0, size=20),
        sample("fresh", "coursestream", 0, size=90),
        sample("fresh", "nginx", 0, size=100),
    ]

    assert goal_rows(samples)[1][2] == "0.20 (0.20 to 0.20) MISSED ≥ 0.3"


def test_no_seek_at_all_is_not_a_quick_one() -> None:
    samples = [sample("players", "coursestream", 0, requests=0), sample("players", "nginx", 0)]

    assert goal_rows(samples)[1][2] == "inf (inf to inf) MISSED ≤ 1.5"


def test_memory_is_that_of_one_player() -> None:
    grown = replace(sample("players", "coursestream", 0), grown_bytes=10 * 1024 * 1000)

    assert player_kib(grown) == 10
    assert "10.00 (10.00 to 10.00) MISSED ≤ 8" in goal_rows([grown])[2]


def test_processor_time_is_told_by_what_it_moved() -> None:
    busy = sample("pieces", "coursestream", 0, size=0, player_bytes=10**9, server_cpu_s=0.4)

    assert cpu_s_per_gb(busy) == pytest.approx(0.4)


def test_wrong_answers_are_reported() -> None:
    wrong = sample("64k", "nginx", 1, errors=7, first_error="status: HTTP/1.1 500")

    assert "64k, nginx, round 2: 7 wrong, the first: status: HTTP/1.1 500" in measured_text([wrong])


def test_no_answers_are_reported() -> None:
    assert "nothing came at all" in measured_text([sample("64k", "nginx", 0, size=0)])


def test_a_run_without_time_is_reported() -> None:
    starved = sample("64k", "coursestream", 0, size=0, seconds=0.0)

    assert "nothing came at all" in as_text([starved, sample("64k", "nginx", 0)], FACTS)


def test_right_answers_are_not_mentioned() -> None:
    assert "wrong" not in measured_text([sample("64k", "nginx", 0)]).lower()


def test_a_long_run_shows_how_it_ended() -> None:
    long = sample("soak", "coursestream", 0, series=[100e6, 20e6, 50e6])

    assert (
        "| soak     | coursestream | 100.0      | 20.0       | 50.0      | 0.50"
        in measured_text([long])
    )


def test_table_is_aligned() -> None:
    assert table([["a", "bcd"], ["ef", "g"]]) == "| a  | bcd |\n|----|-----|\n| ef | g   |"


def _all_samples() -> list[Sample]:
    return [
        replace(sample(workload.name, contender, number, server_cpu_s=0.5), server_cpu=0.5)
        for workload in WORKLOADS.values()
        for contender in workload.contenders
        for number in range(2)
    ]


def test_text_tells_machine_and_every_goal() -> None:
    text = as_text(_all_samples(), FACTS)

    assert "cpu: a fast one" in text
    for goal in GOALS:
        assert goal.title in text
    assert "not measured" not in text  # each goal's peers are measured where it is


def test_json_holds_every_sample_and_what_is_drawn() -> None:
    results = json.loads(json.dumps(as_json(_all_samples(), FACTS)))

    assert len(results["samples"]) == len(_all_samples())
    assert results["machine"] == FACTS
    assert results["shares"]["64k"]["nginx"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert results["titles"]["64k"] == "64 KiB"
