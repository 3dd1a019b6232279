"""Results of the benchmark of event hubs."""

from argparse import Namespace

from benchmarks.servers.hubs import HUBS
from benchmarks.viewing.fanout import Run, table

OPTIONS = Namespace(rounds=3, events=20, streams=5000)


def run(per_s: float, per_core_s: float, p99_ms: float = 10.0) -> Run:
    return Run(per_s, per_core_s, p50_ms=p99_ms / 2, p99_ms=p99_ms)


def row(text: str, name: str) -> list[str]:
    [found] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return found.removeprefix(name).split()


def test_a_hub_is_held_against_go_round_by_round() -> None:
    go = [run(1000, 100), run(1000, 200), run(1000, 400)]
    ours = [run(3000, 200, 9), run(2000, 100, 30), run(1000, 600, 12)]

    text = table(OPTIONS, {"go": go, "coursestream": ours}, {"go": 3.0, "coursestream": 15.04})

    assert text.startswith("3 rounds of 20 events to 5000 streams")
    assert row(text, "go")[4:] == ["1.00", "5.0", "10", "(10-10)", "3.0"]
    assert row(text, "coursestream") == [
        *("2,000", "(1,000-3,000)"),
        *("200", "(100-600)", "1.50"),
        *("6.0", "12", "(9-30)", "15.0"),
    ]


def test_without_go_there_is_no_ratio() -> None:
    text = table(OPTIONS, {"coursestream": [run(1000, 100)] * 3}, {"coursestream": 15.0})

    assert row(text, "coursestream")[4] == "nan"


def test_hubs_have_names_of_their_own() -> None:
    names = [hub.name for hub in HUBS]

    assert len(set(names)) == len(names) > 1
