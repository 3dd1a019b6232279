"""Histograms that take over counts, and facts that no process owns, as Prometheus reads them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from events.distributions import Distribution
from events.exposition import Fact
from events.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
BOUNDS = (1.0, 2.5)

# A web process that has measured, and read, and tells what all have.
PROCESS = """
import sys
from pathlib import Path
from events.distributions import Distribution
from events.exposition import Fact
from events.metrics import Metrics

metrics, waits = Metrics("1.2", Path(sys.argv[1])), Distribution((1.0, 2.5))
metrics.histogram("waits_seconds", "Waits.", lambda: {"": waits}, (1.0, 2.5))
metrics.gauge("oldest_seconds", "Oldest.", lambda: {"": float(sys.argv[2])}, mode="livemax")
waits.observe(2.0)
metrics.sample()
metrics.sample()
metrics.set_facts([Fact("gauge", "free_bytes", "Free.", (), {(): 5.0})])
sys.stdout.buffer.write(metrics.text())
"""


def told(metrics: Metrics) -> Mapping[str, float]:
    metrics.sample()
    return read(metrics.text())


def read(text: bytes) -> Mapping[str, float]:
    """Series -> number: the name without our prefix, then the values of its labels."""
    return {
        " ".join([sample.name.removeprefix("coursestream_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_histogram_takes_over_what_is_new_at_each_sample() -> None:
    metrics, waits = Metrics(), Distribution(BOUNDS)
    metrics.histogram("waits_seconds", "Waits.", lambda: {"": waits}, BOUNDS)
    for number in (0.5, 2.0, 2.5):
        waits.observe(number)
    told(metrics)
    waits.observe(100.0)

    found = told(metrics)

    assert [found[f"waits_seconds_bucket {bound}"] for bound in ("1.0", "2.5", "+Inf")] == [1, 3, 4]
    assert (found["waits_seconds_count"], found["waits_seconds_sum"]) == (4, 105)


def test_histogram_has_a_series_for_each_value_of_its_label() -> None:
    metrics, of = Metrics(), {"stream": Distribution(BOUNDS), "download": Distribution(BOUNDS)}
    metrics.histogram("waits_seconds", "Waits.", lambda: of, BOUNDS, label="purpose")
    of["stream"].observe(1.0)

    found = told(metrics)

    assert found["waits_seconds_count stream"] == 1
    assert found["waits_seconds_count download"] == 0


def test_facts_are_told_until_others_are_read() -> None:
    metrics, steps = Metrics(), Distribution(BOUNDS)
    steps.observe(2.0)
    by_course = {("c1",): 10.0, ("c2",): 20.0}
    metrics.set_facts(
        [
            Fact("gauge", "course_bytes", "Bytes.", ("course",), by_course),
            Fact("counter", "steps", "Steps.", ("step", "outcome"), {("remux", "done"): 3.0}),
            Fact("histogram", "step_seconds", "Steps.", ("step",), {("remux",): steps}, BOUNDS),
        ]
    )
    first = told(metrics)
    metrics.set_facts([Fact("gauge", "course_bytes", "Bytes.", ("course",), {("c2",): 30.0})])
    second = told(metrics)

    assert (first["course_bytes c1"], first["course_bytes c2"]) == (10, 20)
    assert first["steps_total done remux"] == 3
    buckets = [first[f"step_seconds_bucket {bound} remux"] for bound in ("1.0", "2.5", "+Inf")]
    assert buckets == [0, 1, 1]
    assert (first["step_seconds_count remux"], first["step_seconds_sum remux"]) == (1, 2)
    assert [name for name in second if name.startswith(("course", "step"))] == ["course_bytes c2"]


def test_of_several_processes_measurements_add_up_and_facts_do_not(tmp_path: Path) -> None:
    _run_process(tmp_path, "7")
    found = _run_process(tmp_path, "3")

    assert [found[f"waits_seconds_bucket {bound}"] for bound in ("1.0", "2.5", "+Inf")] == [0, 2, 2]
    assert found["waits_seconds_sum"] == 4
    assert found["oldest_seconds"] == 7
    assert found["free_bytes"] == 5


def _run_process(directory: Path, oldest: str) -> Mapping[str, float]:
    """The text that it returns."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(directory), oldest],
        capture_output=True,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return read(done.stdout)
