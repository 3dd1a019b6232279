"""deploy/prometheus and deploy/grafana: valid; each alert fires and falls silent in promtool.

Faults of a real service are in `test_prometheus`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.deploy.conftest import program
from tests.harness.running import ROOT
from tests.service.shown_metrics import RULES, alerts, panel_expressions

DEPLOYED = ROOT / "deploy" / "prometheus"
# A value for each minute: such as fire an alert, and such as end it. "5x500" stays, "0+2x500" rises
# by 2 a minute. Each alert has an instance of its own.
AT = "8h"
PER_ALERT: dict[str, dict[str, tuple[str, str]]] = {
    "CoursestreamDown": {"up{%s}": ("0x500", "1x500")},
    "CoursestreamDatabaseAway": {"coursestream_database_up{%s}": ("0x500", "1x500")},
    "CoursestreamStorageAway": {"coursestream_storage_up{%s}": ("0x500", "1x500")},
    "CoursestreamStorageFull": {
        "coursestream_storage_free_bytes{%s}": ("4x500", "6x500"),
        "coursestream_storage_size_bytes{%s}": ("100x500", "100x500"),
    },
    "CoursestreamStorageFillsUp": {
        "coursestream_storage_free_bytes{%s}": ("29000-10x500", "29000+10x500"),
        "coursestream_storage_size_bytes{%s}": ("100000x500", "100000x500"),
    },
    "CoursestreamErrors": {
        'coursestream_http_requests_total{%s, status="200"}': ("0+90x500", "0+1000x500"),
        'coursestream_http_requests_total{%s, status="503"}': ("0+2x500", "0+2x500"),
    },
    "CoursestreamTransfersFail": {
        'coursestream_transfers_broken_total{%s, reason="failed"}': ("0+1x500", "7x500"),
        'coursestream_transfers_broken_total{%s, reason="client_gone"}': ("0+9x500", "0+9x500"),
    },
    "CoursestreamDamagedFiles": {"coursestream_damaged_files{%s}": ("1x500", "0x500")},
    "CoursestreamDiskSlow": {
        'coursestream_transfers_by_state{%s, state="disk"}': ("20x500", "6x500"),
        'coursestream_transfers_by_state{%s, state="client"}': ("30x500", "30x500"),
    },
    "CoursestreamLoopLag": {
        'coursestream_loop_lag_seconds_bucket{%s, le="0.25"}': ("0+590x500", "0+600x500"),
        'coursestream_loop_lag_seconds_bucket{%s, le="0.5"}': ("0+600x500", "0+600x500"),
        'coursestream_loop_lag_seconds_bucket{%s, le="+Inf"}': ("0+600x500", "0+600x500"),
    },
    "CoursestreamConnectionsRefused": {
        "coursestream_connections_refused_total{%s}": ("0+1x500", "9x500")
    },
    "CoursestreamManyLimited": {
        'coursestream_refusals_total{%s, limit="requests"}': ("0+10x500", "0+1x500"),
        'coursestream_http_requests_total{%s, status="429"}': ("0+100x500", "0+100x500"),
    },
    "CoursestreamStreamsEvicted": {
        "coursestream_event_subscribers_evicted_total{%s}": ("0+120x500", "0+10x500")
    },
    "CoursestreamReportsWait": {
        "coursestream_progress_commit_age_seconds{%s}": ("4x500", "0x500"),
        "coursestream_progress_reports_waiting{%s}": ("10x500", "10x500"),
    },
    "CoursestreamPoolExhausted": {
        'coursestream_pool_oldest_wait_seconds{%s, pool="database"}': ("1x500", "0x500"),
        'coursestream_pool_oldest_wait_seconds{%s, pool="media_children"}': ("9x500", "9x500"),
    },
    "CoursestreamEventLogBehind": {"coursestream_event_log_lag_seconds{%s}": ("11x500", "1x500")},
    "CoursestreamFiguresBehind": {
        "coursestream_database_viewing_changes_oldest_seconds{%s}": ("301x500", "16x500")
    },
    "CoursestreamLedgerBehind": {"coursestream_ledger_unwritten_seconds{%s}": ("121x500", "5x500")},
    "CoursestreamLedgerLost": {"coursestream_ledger_lost_bytes_total{%s}": ("0+5x500", "5x500")},
    "CoursestreamMayLoseCommits": {
        "coursestream_database_may_lose_commits{%s}": ("1x500", "0x500")
    },
    "CoursestreamStandbyBehind": {
        "coursestream_database_standby_lag_seconds{%s}": ("31x500", "1x500")
    },
    "CoursestreamUploadsWait": {
        'coursestream_database_task_oldest_seconds{%s, task="process_video"}': (
            "1900x500",
            "9x500",
        ),
        'coursestream_database_task_oldest_seconds{%s, task="make_alternate"}': (
            "9999x500",
            "9999x500",
        ),
    },
    "CoursestreamMediaWorkFails": {
        'coursestream_database_media_step_seconds_count{%s, step="remux", outcome="internal"}': (
            "0+1x500",
            "3x500",
        ),
        'coursestream_database_media_step_seconds_count{%s, step="remux", outcome="undecodable"}': (
            "0+1x500",
            "0+1x500",
        ),
    },
    "CoursestreamMediaDiffer": {
        'coursestream_database_media_differences{%s, made="copy"}': ("1x500", "0x500")
    },
    "CoursestreamStraysHeld": {"coursestream_database_held_strays{%s}": ("2000x500", "0x500")},
    "CoursestreamDeliveriesLate": {
        "coursestream_database_deliveries_oldest_seconds{%s}": ("3700x500", "60x500")
    },
    "CoursestreamDeliveriesDead": {
        'coursestream_database_deliveries{%s, state="dead"}': ("1x500", "0x500"),
        'coursestream_database_deliveries{%s, state="waiting"}': ("9x500", "9x500"),
    },
}


def promtool(*arguments: object) -> str:
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configuration_and_rules_are_valid() -> None:
    promtool("check", "config", DEPLOYED / "prometheus.yml")


def test_panels_are_valid(tmp_path: Path) -> None:
    """As rules, since promtool reads expressions only there."""
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(panel_expressions())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    assert len(rules) > 50
    promtool("check", "rules", file)


def test_each_alert_fires_and_falls_silent(tmp_path: Path) -> None:
    assert PER_ALERT.keys() == alerts().keys()
    file = tmp_path / "tests.yml"
    tests = [one_test(is_bad=is_bad) for is_bad in (True, False)]
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": tests}))

    promtool("test", "rules", file)


def one_test(*, is_bad: bool) -> dict[str, Any]:
    """All of them at once. It asks only whether they fire: texts are for people."""
    return {
        "name": "all fire" if is_bad else "all are silent",
        "interval": "1m",
        "input_series": [
            {
                "series": one % f'instance="{name}", job="coursestream"',
                "values": bad if is_bad else good,
            }
            for name, series in PER_ALERT.items()
            for one, (bad, good) in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                "eval_time": AT,
                "exp_samples": [{"labels": "{}", "value": int(is_bad)}],
            }
            for name in PER_ALERT
        ],
    }
