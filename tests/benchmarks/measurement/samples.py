"""Samples as the generator would have measured them."""

from typing import Any

from benchmarks.measurement.workloads import Sample


def measured(size: int = 0, player_bytes: int = 0, **given: Any) -> dict[str, Any]:
    latencies = {"p50": 1.0, "p90": 2.0, "p99": 3.0, "max": 4.0}
    return {
        "seconds": 2.0,
        "requests": 10,
        "bytes": size,
        "player_bytes": player_bytes,
        "all_bytes": size + player_bytes,
        "latency_ms": latencies,
        "first_byte_ms": latencies,
        "series": [],
        "opened": 1,
        "errors": 0,
        "first_error": "",
        "cpu_s": 0.1,
        **given,
    }


def sample(
    workload: str,
    contender: str,
    number: int,
    size: int = 1,
    *,
    server_cpu_s: float = 0.0,
    **given: Any,
) -> Sample:
    found = measured(size, **given)
    return Sample(workload, contender, number, found, server_cpu_s=server_cpu_s)
