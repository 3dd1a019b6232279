"""Export of spans: what arrives, what an absent collector costs, and what is needed for it."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest

from events.media.traces import Traces
from server.config.settings import load_config
from server.errors import OperatorError
from server.tracing.collector import require_packages
from server.tracing.otlp import MOST_WAITING, SpanExport
from tests.harness.running import ROOT
from tests.server.tracing.collector import collecting

VIDEO = UUID("0f0f0f0f-1111-4222-8333-444444444444")
STATUS_OK, STATUS_ERROR = 1, 2


def test_what_is_exported_arrives() -> None:
    with collecting() as collector:
        export = SpanExport(collector.url, "worker")
        traces = Traces(export)
        with pytest.raises(LookupError), traces.of(VIDEO), traces.step("remux"):
            raise LookupError
        traces.note(VIDEO, "upload", 5, 8)
        export.close()

    [remux], [upload] = collector.named("remux"), collector.named("upload")
    assert {one.trace_id for one in collector.spans} == {VIDEO.bytes}
    assert remux.parent_span_id == upload.parent_span_id != b""
    assert (remux.status.code, remux.status.message) == (STATUS_ERROR, "internal")
    assert (upload.status.code, upload.end_time_unix_nano - upload.start_time_unix_nano) == (
        STATUS_OK,
        3,
    )
    assert set(collector.roles.values()) == {"worker"}
    assert export.dropped_count == 0


def test_a_collector_that_is_away_costs_nothing_but_its_spans(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # taken, and nobody listens
        export = SpanExport(f"http://127.0.0.1:{probe.getsockname()[1]}", "web")
        began_s = time.process_time()
        for _ in range(2 * MOST_WAITING):
            Traces(export).note(VIDEO, "upload", 1, 2)
        spent_s = time.process_time() - began_s
        dropped_at_once = export.dropped_count
        began_s = time.monotonic()
        export.close()
        closing_s = time.monotonic() - began_s

    assert spent_s < 2
    assert 0 < dropped_at_once <= MOST_WAITING
    assert export.dropped_count >= MOST_WAITING
    assert Traces(export, lambda: export.dropped_count).dropped_count == export.dropped_count
    assert closing_s < 10
    assert f"{export.dropped_count} spans were dropped" in caplog.text
    assert caplog.text.count("the collector is away") == 1


def test_the_variable_that_programs_agree_on_is_read() -> None:
    config = load_config({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, Path("no.env"))
    assert config.otlp_endpoint == "http://c:4318"


def test_a_start_without_the_packages_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, Path("no.env"))
    monkeypatch.delitem(sys.modules, "server.tracing.otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(OperatorError, match="make install EXTRAS=otel"):
        require_packages(config)
    require_packages(load_config({}, Path("no.env")))


def test_nothing_of_it_is_imported_without_the_setting() -> None:
    code = (
        "import sys, server.commands.serve, server.commands.worker\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
