"""Export of spans to an OpenTelemetry collector by OTLP over HTTP, in a thread of its own.

Imported only where `OTEL_EXPORTER_OTLP_ENDPOINT` is set: the packages belong to the extra `otel`.
At most `MOST_WAITING` spans wait; while the collector is away, or slower than the work, others are
dropped and counted.
"""

import logging
import threading
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from events.media.traces import DONE, Span

MOST_WAITING = 2048
SENT_AT_ONCE = 256
INTERVAL_MS = 1000
TIMEOUT_S = 5.0  # of one attempt to send
STOP_TIMEOUT_S = 2.0
SCOPE = InstrumentationScope("coursestream")
SAMPLED = TraceFlags(TraceFlags.SAMPLED)

logger = logging.getLogger(__name__)


class SpanExport:
    """Takes spans without waiting."""

    def __init__(self, endpoint: str, role: str) -> None:
        """`role` is of the process: web, or worker."""
        self._resource = Resource.create({"service.name": "coursestream", "process.role": role})
        self._count = _Count()
        self._exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=TIMEOUT_S)
        self._processor = BatchSpanProcessor(
            _Counted(self._exporter, self._count),
            max_queue_size=MOST_WAITING + SENT_AT_ONCE,
            schedule_delay_millis=INTERVAL_MS,
            max_export_batch_size=SENT_AT_ONCE,
        )
        # One line for each attempt would be one a second while the collector is away.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    @property
    def dropped_count(self) -> int:
        return self._count.dropped

    def __call__(self, span: Span) -> None:
        if self._count.admits():
            self._processor.on_end(self._readable(span))

    def close(self) -> None:
        """Sends what waits, for some seconds at most; blocks."""
        # The processor sends all that waits, however often each attempt fails.
        end = threading.Timer(STOP_TIMEOUT_S, self._exporter.shutdown)
        end.start()
        self._processor.shutdown()  # type: ignore[no-untyped-call]
        end.cancel()
        if self.dropped_count:
            logger.warning("traces: %d spans were dropped", self.dropped_count)

    def _readable(self, span: Span) -> ReadableSpan:
        parent = None if span.parent_id is None else _context(span.trace_id, span.parent_id)
        is_done = span.outcome == DONE
        return ReadableSpan(
            span.name,
            context=_context(span.trace_id, span.span_id),
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.OK) if is_done else Status(StatusCode.ERROR, span.outcome),
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=SCOPE,
        )


class _Count:
    """Spans that wait, and those that were dropped. For two threads."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting = 0
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Counts one more that waits, or is dropped."""
        with self._lock:
            is_admitted = self._waiting < MOST_WAITING
            self._waiting += is_admitted
            self.dropped += not is_admitted
        return is_admitted

    def settle(self, count: int, *, are_sent: bool) -> None:
        with self._lock:
            self._waiting -= count
            self.dropped += 0 if are_sent else count


class _Counted(SpanExporter):
    """Another exporter, whose failures are counted, and logged when they begin and end."""

    def __init__(self, exporter: SpanExporter, count: _Count) -> None:
        self._exporter = exporter
        self._count = count
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        are_sent = False
        try:
            result = self._exporter.export(spans)
            are_sent = result is SpanExportResult.SUCCESS
            return result
        finally:
            self._count.settle(len(spans), are_sent=are_sent)
            self._tell(are_sent=are_sent)

    def _tell(self, *, are_sent: bool) -> None:
        if self._is_away and are_sent:
            logger.warning("traces: %d spans were dropped by now", self._count.dropped)
        elif not are_sent and not self._is_away:
            logger.warning("traces: the collector is away; spans are dropped until it is back")
        self._is_away = not are_sent

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=SAMPLED)
