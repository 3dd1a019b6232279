"""The panels of the dashboard for Grafana, row by row.

Sums are over processes and machines; what is told of the whole installation (`database_`,
`storage_`) is equal on all, and its maximum is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Make = Callable[[str, str], str]

SHARE, BYTES, RATE, SECONDS, NUMBER = "percentunit", "bytes", "Bps", "s", "short"
QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Query:
    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """`stat`: one number; else lines over time."""

    title: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"


def _of(name: str) -> str:
    return f'coursestream_{name}{{instance=~"$instance"}}'


def _rate(name: str, by: str = "") -> str:
    return f"sum{_by(by)} (rate({_of(name)}[$__rate_interval]))"


def _sum(name: str, by: str = "") -> str:
    return f"sum{_by(by)} ({_of(name)})"


def _most(name: str, by: str = "") -> str:
    return f"max{_by(by)} ({_of(name)})"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def _stat(title: str, unit: str, expression: str) -> Panel:
    return Panel(title, unit, [Query(expression, "")], "stat")


def _lines(title: str, unit: str, *queries: tuple[str, str]) -> Panel:
    return Panel(title, unit, [Query(*query) for query in queries])


def _by_label(title: str, unit: str, make: Make, name: str, labels: str) -> Panel:
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in labels.split(","))
    return _lines(title, unit, (make(name, labels), legend))


def _quantiles(title: str, name: str, unit: str = SECONDS) -> Panel:
    return _lines(
        title,
        unit,
        *(
            (f"histogram_quantile({one}, {_rate(f'{name}_bucket', 'le')})", f"{one:.0%}")
            for one in QUANTILES
        ),
    )


def _p95(title: str, name: str, labels: str, make: Make = _rate) -> Panel:
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in labels.split(","))
    inner = make(f"{name}_bucket", f"le, {labels}")
    return _lines(title, SECONDS, (f"histogram_quantile(0.95, {inner})", legend))


def _rate_of_whole(name: str, by: str) -> str:
    """Rate of counters that all processes tell alike."""
    return f"max by ({by}) (rate({_of(name)}[$__rate_interval]))"


_ERRORS = (
    'sum (rate(coursestream_http_requests_total{instance=~"$instance", status=~"5.."}'
    f"[$__rate_interval])) / {_rate('http_requests_total')}"
)
_LAG = f"histogram_quantile(0.99, {_rate('loop_lag_seconds_bucket', 'le')})"
_HITS, _MISSES = _rate("cache_hits_total", "cache"), _rate("cache_misses_total", "cache")
_FOUND = f"{_HITS} / ({_HITS} + {_MISSES})"
# A repeated request has the whole turn of the loop for its first byte.
_FIRST_BYTES = " + ".join(
    _rate(f"{name}_seconds_bucket", "le") for name in ("transfer_first_byte", "shortcut")
)
_FREE = f"{_most('storage_free_bytes')} / {_most('storage_size_bytes')}"

ROWS: dict[str, Sequence[Panel]] = {
    "Now": (
        _stat("Database", NUMBER, f"min ({_of('database_up')})"),
        _stat("Storage", NUMBER, f"min ({_of('storage_up')})"),
        _stat("Playing", NUMBER, 'max (coursestream_database_playbacks{state="playing"})'),
        _stat("Event streams", NUMBER, _sum("event_subscribers")),
        _stat("Sent", RATE, _rate("sent_bytes_total")),
        _stat("Errors", SHARE, f"({_ERRORS}) or vector(0)"),
        _stat("Loop lag, 99 %", SECONDS, _LAG),
        _stat("Storage free", SHARE, _FREE),
    ),
    "Delivery": (
        _by_label("Bytes sent", RATE, _rate, "sent_bytes_total", "purpose"),
        _by_label("Transfers by state", NUMBER, _sum, "transfers_by_state", "state"),
        _by_label("Transfers by purpose", NUMBER, _sum, "transfers_running", "purpose"),
        _by_label("Answers", "reqps", _rate, "http_requests_total", "status"),
        _p95("Answer begins, 95 %", "http_request_duration_seconds", "method, route"),
        _lines(
            "First byte of an answer",
            SECONDS,
            *((f"histogram_quantile({one}, {_FIRST_BYTES})", f"{one:.0%}") for one in QUANTILES),
        ),
        _quantiles("Duration of a transfer", "transfer_duration_seconds"),
        _quantiles("Size of a range", "range_bytes", BYTES),
        _by_label("Transfers broken", "ops", _rate, "transfers_broken_total", "reason"),
        _by_label("Errors by code", "ops", _rate, "problems_total", "code"),
        _lines(
            "Refused by limits",
            "ops",
            (_rate("refusals_total", "limit"), "{{limit}}"),
            (_rate("connections_refused_total"), "connections"),
            (_rate("event_subscribers_refused_total", "limit"), "event streams, {{limit}}"),
        ),
        _lines(
            "Answered by the shortcut",
            SHARE,
            (f"{_rate('requests_replayed_total')} / {_rate('http_requests_total')}", "share"),
        ),
    ),
    "Processes": (
        _quantiles("Loop lag", "loop_lag_seconds"),
        _by_label("Requests running", NUMBER, _sum, "http_requests_running", "route"),
        _by_label("Tasks", NUMBER, _sum, "tasks", "instance"),
        _lines(
            "Pools at work",
            SHARE,
            (f"{_sum('pool_busy', 'pool')} / {_sum('pool_size', 'pool')}", "{{pool}}"),
        ),
        _by_label("Waiting for a pool", NUMBER, _sum, "pool_waiting", "pool"),
        _by_label("Longest wait for a pool", SECONDS, _most, "pool_oldest_wait_seconds", "pool"),
        _lines("Statements", "ops", (_rate("database_queries_total"), "statements")),
        _by_label("Entries of caches", NUMBER, _sum, "cache_entries", "cache"),
        _lines("Found in a cache", SHARE, (_FOUND, "{{cache}}")),
        _by_label("Versions", NUMBER, _sum, "build_info", "version, python"),
    ),
    "Reports and events": (
        _lines(
            "Progress reports",
            "ops",
            (_rate("progress_reports_committed_total"), "reports"),
            (_rate("progress_commits_total"), "commits"),
            (_rate("progress_reports_capped_total"), "reports that claim too much"),
        ),
        _lines("Reports waiting", NUMBER, (_sum("progress_reports_waiting"), "reports")),
        _lines("Oldest commit", SECONDS, (_most("progress_commit_age_seconds"), "age")),
        _lines("Seconds claimed too many", "ops", (_rate("progress_capped_seconds_total"), "s/s")),
        _by_label("Playbacks", NUMBER, _most, "database_playbacks", "state"),
        _by_label("Event streams", NUMBER, _sum, "event_subscribers", "instance"),
        _lines(
            "Backlogs of event streams",
            NUMBER,
            (_sum("events_waiting"), "events"),
            (_rate("event_subscribers_evicted_total"), "streams dropped a second"),
        ),
        _lines("Oldest event waiting", SECONDS, (_most("events_waiting_oldest_seconds"), "age")),
        _lines(
            "Event log",
            SECONDS,
            (_most("event_log_lag_seconds", "instance"), "lag of {{instance}}"),
            (_rate("events_unknown_total"), "unknown events a second"),
        ),
        _by_label("Events to be delivered", NUMBER, _most, "database_deliveries", "state"),
        _lines("Oldest of these", SECONDS, (_most("database_deliveries_oldest_seconds"), "age")),
        _lines(
            "Not in the figures yet",
            NUMBER,
            (_most("database_viewing_changes"), "commits of reports"),
            (_sum("cmcd_sessions_waiting"), "sessions by CMCD"),
            (_sum("refusals_waiting"), "refused requests"),
        ),
        _lines(
            "Oldest of these commits",
            SECONDS,
            (_most("database_viewing_changes_oldest_seconds"), "age"),
        ),
        _lines(
            "Lost to the figures",
            "ops",
            (_rate("cmcd_requests_dropped_total"), "requests with CMCD"),
            (_rate("refusals_dropped_total"), "refused requests"),
        ),
    ),
    "Uploads and media": (
        _by_label("Bytes received", RATE, _rate, "http_received_bytes_total", "route"),
        _lines("Uploads open", NUMBER, (_most("database_uploads_open"), "uploads")),
        _by_label("Jobs by status", NUMBER, _most, "database_jobs", "status"),
        _by_label("Jobs by task", NUMBER, _most, "database_task_jobs", "task, status"),
        _by_label("Oldest job waiting", SECONDS, _most, "database_task_oldest_seconds", "task"),
        _lines(
            "Renditions unfinished",
            NUMBER,
            (_most("database_renditions_unfinished", "state"), "{{state}}"),
            (_most("database_ladders_unfinished"), "videos"),
        ),
        _by_label(
            "Steps of media work",
            "ops",
            _rate_of_whole,
            "database_media_step_seconds_count",
            "step, outcome",
        ),
        _p95("Duration of a step, 95 %", "database_media_step_seconds", "step", _rate_of_whole),
        _by_label(
            "Files that differ from their upload",
            NUMBER,
            _most,
            "database_media_differences",
            "made",
        ),
    ),
    "Storage and database": (
        _by_label("Bytes by course", BYTES, _most, "database_course_bytes", "course"),
        _lines(
            "Storage",
            BYTES,
            (_most("storage_free_bytes"), "free"),
            (_most("storage_size_bytes"), "size"),
            (_most("database_stored_bytes"), "stored for courses"),
        ),
        _lines(
            "Files in doubt",
            NUMBER,
            (_sum("damaged_files"), "damaged"),
            (_rate("damaged_files_noted_total"), "found damaged a second"),
            (_most("database_held_strays"), "without a row"),
        ),
        _lines(
            "Ledger",
            NUMBER,
            (_sum("ledger_accounts_waiting"), "accounts waiting"),
            (_most("ledger_unwritten_seconds"), "seconds unwritten"),
            (_rate("ledger_write_failures_total"), "failures a second"),
            (_rate("ledger_lost_bytes_total"), "bytes lost a second"),
        ),
        _lines(
            "Standbys",
            NUMBER,
            (_most("database_standbys"), "standbys"),
            (_most("database_may_lose_commits"), "a fail-over may lose commits"),
        ),
        _lines("Lag of standbys", SECONDS, (_most("database_standby_lag_seconds"), "lag")),
    ),
}
