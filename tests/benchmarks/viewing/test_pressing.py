"""Results of the benchmark of `/playback`."""

from benchmarks.viewing.pressing import EMPTY, WITH, WITHOUT, Sample, verdicts


def sample(name: str, per_second: float, us: float) -> Sample:
    return Sample(name, {"per_second": per_second, "errors": 1.0}, us)


def a_round(without: float, with_redis: float) -> dict[str, Sample]:
    return {
        EMPTY: sample(EMPTY, 1000, 50.0),
        WITHOUT: sample(WITHOUT, without, 100.0),
        WITH: sample(WITH, with_redis, 200.0),
    }


def test_ratios_are_those_within_each_round() -> None:
    assert list(verdicts([a_round(500, 400), a_round(600, 300), a_round(700, 200)])) == [
        "coursestream, a second, of empty's: 0.60 [0.50 to 0.70] (at least 0.5)",
        "coursestream, processor time of empty, of its own: 0.50 [0.50 to 0.50]",
        "coursestream, Redis, a second, of empty's: 0.30 [0.20 to 0.40] (at least 0.5)",
        "coursestream, Redis, processor time of empty, of its own: 0.25 [0.25 to 0.25]",
        "errors: 9",
    ]
