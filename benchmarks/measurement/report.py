"""Samples as tables for people and as JSON for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from types import MappingProxyType
from typing import Any

from benchmarks.measurement.ratios import Spread, by_round, ratio
from benchmarks.measurement.workloads import (
    GOALS,
    WORKLOADS,
    Goal,
    Sample,
    cpu_s_per_gb,
    per_second,
    player_throughput,
    throughput,
)
from benchmarks.servers.contenders import FILE_RESPONSE, NGINX, NGINX_AUTH

PEERS = (NGINX, NGINX_AUTH, FILE_RESPONSE)
NONE = "-"

FIGURES: Mapping[str, Callable[[Sample], float]] = MappingProxyType(
    {
        "MB/s": lambda one: (throughput(one) + player_throughput(one)) / 1e6,
        "requests/s": lambda one: per_second(one, "requests"),
        "p50 ms": lambda one: one.measured["latency_ms"]["p50"],
        "p99 ms": lambda one: one.measured["latency_ms"]["p99"],
        "its s/GB": cpu_s_per_gb,
        "its core %": lambda one: 100 * one.server_cpu,
        "generator's %": lambda one: 100 * one.generator_cpu,
        "KiB more": lambda one: one.grown_bytes / 1024,
    }
)
"""Columns of what was measured by itself."""


def as_text(samples: Sequence[Sample], facts: Mapping[str, str]) -> str:
    return "\n\n".join(
        [
            "\n".join(f"{name}: {value}" for name, value in facts.items()),
            "Goals: medians of the rounds' ratios (least to greatest)\n"
            + table(goal_rows(samples)),
            "Bytes a second as a share of nginx's\n" + table(share_rows(samples)),
            measured_text(samples),
        ]
    )


def measured_text(samples: Sequence[Sample]) -> str:
    """The measurements, compared with nothing."""
    parts = ["Medians by themselves\n" + table(absolute_rows(samples))]
    if any(sample.measured["series"] for sample in samples):
        parts.append("From the first interval to the last\n" + table(series_rows(samples)))
    if faults := fault_lines(samples):
        parts.append("Wrong answers, and none, make a run worthless:\n" + "\n".join(faults))
    return "\n\n".join(parts) + "\n"


def as_json(samples: Sequence[Sample], facts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "machine": dict(facts),
        "shares": {
            workload: {
                name: asdict(spread)
                for name in contenders_of(samples, workload)
                if (spread := share(samples, workload, name))
            }
            for workload in workloads_of(samples)
        },
        "titles": {name: WORKLOADS[name].title for name in workloads_of(samples)},
        "samples": [asdict(sample) for sample in samples],
    }


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown, aligned; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def goal_rows(samples: Sequence[Sample]) -> list[list[str]]:
    rows = [["workload", "who", *(f"against {peer}" for peer in PEERS), "by itself"]]
    for goal in GOALS:
        if goal.workload in workloads_of(samples):
            against = (_against(goal, samples, peer) for peer in PEERS)
            rows.append([goal.title, goal.judged, *against, _alone(goal, samples)])
    return rows


def _against(goal: Goal, samples: Sequence[Sample], peer: str) -> str:
    if peer not in goal.bounds:
        return NONE
    ours = by_round(samples, goal.workload, goal.judged, goal.value)
    aim = goal.aim if peer == NGINX else None
    if peer == NGINX:
        theirs = _of_nginx(samples, goal.workload, goal.value)
    else:
        theirs = by_round(samples, goal.workload, peer, goal.value)
    return verdict(goal, ratio(ours, theirs), goal.bounds[peer], aim)


def _alone(goal: Goal, samples: Sequence[Sample]) -> str:
    if goal.limit is None:
        return NONE
    ours = by_round(samples, goal.workload, goal.judged, goal.value)
    return verdict(goal, Spread.of(list(ours.values())), goal.limit)


def verdict(goal: Goal, found: Spread | None, bound: float, aim: float | None = None) -> str:
    if found is None:
        return "not measured"
    sign = "≤" if goal.is_less_better else "≥"
    if not goal.reaches(found.median, bound):
        said = f"MISSED {sign} {bound:g}"
    elif aim is None or not goal.reaches(found.median, aim):
        said = f"reached {sign} {bound:g}"
    else:
        said = f"reached {sign} {bound:g} and the aim {aim:g}"
    return f"{shown(found)} {said}"


def shown(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f})"


def share(samples: Sequence[Sample], workload: str, contender: str) -> Spread | None:
    ours = by_round(samples, workload, contender, throughput)
    return ratio(ours, _of_nginx(samples, workload, throughput))


def _of_nginx(
    samples: Sequence[Sample], workload: str, value: Callable[[Sample], float]
) -> Mapping[int, float]:
    return by_round(samples, workload, WORKLOADS[workload].nginx, value)


def share_rows(samples: Sequence[Sample]) -> list[list[str]]:
    workloads = [name for name in workloads_of(samples) if not WORKLOADS[name].is_paced]
    rows = [["who", *(WORKLOADS[name].title for name in workloads)]]
    for contender in contenders_of(samples):
        spreads = [share(samples, workload, contender) for workload in workloads]
        rows.append([contender, *(shown(one) if one else NONE for one in spreads)])
    return rows


def absolute_rows(samples: Sequence[Sample]) -> list[list[str]]:
    rows = [["workload", "who", *FIGURES]]
    for workload in workloads_of(samples):
        for contender in contenders_of(samples, workload):
            found = (by_round(samples, workload, contender, f).values() for f in FIGURES.values())
            rows.append([workload, contender, *(f"{median(values):,.2f}" for values in found)])
    return rows


def series_rows(samples: Sequence[Sample]) -> list[list[str]]:
    rows = [["workload", "who", "first MB/s", "least MB/s", "last MB/s", "last of first"]]
    for sample in samples:
        if series := sample.measured["series"]:
            figures = (f"{one / 1e6:,.1f}" for one in (series[0], min(series), series[-1]))
            last_of_first = f"{series[-1] / series[0]:.2f}" if series[0] else NONE
            rows.append([sample.workload, sample.contender, *figures, last_of_first])
    return rows


def fault_lines(samples: Sequence[Sample]) -> list[str]:
    return [
        f"{one.workload}, {one.contender}, round {one.round + 1}: {one.measured['errors']} wrong,"
        f" the first: {one.measured['first_error'] or 'nothing came at all'}"
        for one in samples
        if one.measured["errors"] or not one.measured["bytes"]
    ]


def workloads_of(samples: Sequence[Sample]) -> list[str]:
    return list(dict.fromkeys(sample.workload for sample in samples))


def contenders_of(samples: Sequence[Sample], workload: str | None = None) -> list[str]:
    return sorted({s.contender for s in samples if workload in (None, s.workload)})
