"""Numbers in, Prometheus' text out; several processes add up."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.parser import text_string_to_metric_families

from events.metrics import DURATION_BUCKETS_S, Metrics

ROOT = Path(__file__).resolve().parents[2]
ROUTE = "/api/v1/videos/{video_id}"

# A web process that answers twice, follows its own counters, and writes its series.
PROCESS = """
import sys
from pathlib import Path
from events.metrics import Metrics

metrics = Metrics("1.2", Path(sys.argv[1]))
metrics.gauge("streams", "Open.", lambda: 3)
metrics.count("statements", "Sent.", lambda: 10)
for _ in range(2):
    metrics.began("/a")
    metrics.answered("GET", "/a", 200, 0.002)
metrics.set_database({"todo": 7})
metrics.sample()
sys.stdout.buffer.write(metrics.text())
"""


def told(metrics: Metrics) -> Mapping[str, float]:
    metrics.sample()
    return read(metrics.text())


def read(text: bytes) -> Mapping[str, float]:
    """Series -> number: `name{label="value"}`, without our prefix."""
    return {
        _series(sample.name.removeprefix("coursestream_"), sample.labels): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def _series(name: str, labels: Mapping[str, str]) -> str:
    shown = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{shown}}}" if shown else name


def answer(metrics: Metrics, method: str = "GET", status: int = 200, **more: object) -> None:
    metrics.began(ROUTE)
    metrics.answered(method, ROUTE, status, 0.003, **more)  # type: ignore[arg-type]


def test_requests_are_counted_by_method_route_and_status() -> None:
    metrics = Metrics()
    for status in (200, 200, 404):
        answer(metrics, status=status)

    found = told(metrics)

    assert found[f'http_requests_total{{method="GET",route="{ROUTE}",status="200"}}'] == 2
    assert found[f'http_requests_total{{method="GET",route="{ROUTE}",status="404"}}'] == 1


def test_durations_are_reported_as_a_histogram() -> None:
    metrics = Metrics()
    answer(metrics)

    found = told(metrics)

    name, of_route = "http_request_duration_seconds", f'method="GET",route="{ROUTE}"}}'
    assert found[f'{name}_bucket{{le="0.001",{of_route}'] == 0
    assert found[f'{name}_bucket{{le="0.005",{of_route}'] == 1
    assert found[f"{name}_sum{{{of_route}"] == 0.003


def test_buckets_hold_the_bounds_of_the_contract() -> None:
    assert {5, 30} <= set(DURATION_BUCKETS_S)


def test_made_up_methods_make_no_series_of_their_own() -> None:
    metrics = Metrics()
    for number in range(50):
        answer(metrics, method=f"BREW{number}", status=405)

    requests = [name for name in told(metrics) if name.startswith("http_requests_total")]

    assert requests == [f'http_requests_total{{method="other",route="{ROUTE}",status="405"}}']


def test_running_requests_rise_and_fall() -> None:
    metrics = Metrics()
    running = f'http_requests_running{{route="{ROUTE}"}}'

    metrics.began(ROUTE)
    assert told(metrics)[running] == 1
    metrics.answered("GET", ROUTE, 200, 0.1)
    assert told(metrics)[running] == 0


def test_received_bytes_and_problems_are_counted() -> None:
    metrics = Metrics()
    answer(metrics, received_bytes=1000)
    answer(metrics, received_bytes=24, problem="too-large")

    found = told(metrics)

    assert found[f'http_received_bytes_total{{route="{ROUTE}"}}'] == 1024
    assert found['problems_total{code="too-large"}'] == 1


def test_followed_numbers_are_copied_when_sampled() -> None:
    metrics, sent, open_streams = Metrics(), {"stream": 5.0}, {"": 2.0}
    metrics.count("sent_bytes", "Sent.", lambda: sent, label="purpose")
    metrics.gauge("streams", "Open.", lambda: open_streams)
    told(metrics)

    sent["stream"], sent["thumbnail"], open_streams[""] = 12.0, 1.0, 1.0
    found = told(metrics)

    assert found['sent_bytes_total{purpose="stream"}'] == 12
    assert found['sent_bytes_total{purpose="thumbnail"}'] == 1
    assert found["streams"] == 1


def test_database_that_is_away_is_reported_and_hides_nothing() -> None:
    metrics = Metrics()

    metrics.set_database({"todo": 3})
    assert [told(metrics)[name] for name in ("database_up", 'database_jobs{status="todo"}')] == [
        1,
        3,
    ]
    metrics.set_database(None)
    assert [told(metrics)[name] for name in ("database_up", 'database_jobs{status="todo"}')] == [
        0,
        3,
    ]


def test_jobs_and_playbacks_that_are_done_count_down_to_zero() -> None:
    metrics = Metrics()
    metrics.set_database({"todo": 3}, {"playing": 2})
    assert told(metrics)['database_playbacks{state="playing"}'] == 2
    metrics.set_database({}, {})

    assert told(metrics)['database_jobs{status="todo"}'] == 0
    assert told(metrics)['database_playbacks{state="playing"}'] == 0


def test_build_and_process_are_reported() -> None:
    found = told(Metrics("1.2"))

    (build,) = [name for name in found if name.startswith("build_info")]
    assert 'version="1.2"' in build
    assert found["process_open_fds"] > 0


def test_times_of_creation_are_left_out() -> None:
    metrics = Metrics()
    answer(metrics)

    assert [name for name in told(metrics) if "_created" in name] == []


def test_numbers_are_those_of_one_label_or_none() -> None:
    metrics = Metrics()
    metrics.gauge("streams", "Open.", lambda: 3)
    metrics.count("sent_bytes", "Sent.", lambda: {"stream": 7, "download": 0}, label="purpose")
    metrics.sample()

    numbers = metrics.numbers("streams", "sent_bytes")

    assert numbers == {"streams": {"": 3}, "sent_bytes": {"stream": 7, "download": 0}}


def test_several_processes_add_up_whichever_is_asked(tmp_path: Path) -> None:
    _, ended = _run_process(tmp_path)
    found, asked = _run_process(tmp_path)

    assert found['http_requests_total{method="GET",route="/a",status="200"}'] == 4
    assert found["statements_total"] == 20
    assert found["streams"] == 6
    assert found['database_jobs{status="todo"}'] == 7

    numbers = Metrics(shared_directory=tmp_path).numbers("streams", "statements", "nothing")
    assert numbers == {"streams": {"": 6}, "statements": {"": 20}, "nothing": {}}

    for pid in (ended, asked):
        mark_process_dead(pid, str(tmp_path))
    found, _ = _run_process(tmp_path)

    assert found["statements_total"] == 30  # counters of ended processes stay
    assert found["streams"] == 3  # gauges of ended processes do not


def _run_process(directory: Path) -> tuple[Mapping[str, float], int]:
    """(The text it returns, its pid.)"""
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(directory)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": str(ROOT)},
    )
    text, _ = process.communicate()
    return read(text), process.pid
