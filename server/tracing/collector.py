"""The traces of a process: exported where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, else not made."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

from events.media.traces import Traces
from server.config.settings import Config
from server.errors import OperatorError

MISSING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages that traces need are not installed:"
    " `make install EXTRAS=otel`."
)


@asynccontextmanager
async def open_traces(config: Config, role: str) -> AsyncIterator[Traces]:
    """Sends what is left at the end of the block. Raises: OperatorError without the packages."""
    if config.otlp_endpoint is None:
        yield Traces()
        return
    export = (await asyncio.to_thread(_otlp)).SpanExport(config.otlp_endpoint, role)
    try:
        yield Traces(export, lambda: export.dropped_count)
    finally:
        await asyncio.to_thread(export.close)


def require_packages(config: Config) -> None:
    """Raises: OperatorError, before anything is started."""
    if config.otlp_endpoint is not None:
        _otlp()


def _otlp() -> ModuleType:
    """Imports what only this needs. Raises: OperatorError."""
    try:
        return importlib.import_module("server.tracing.otlp")
    except ModuleNotFoundError as exc:
        raise OperatorError(MISSING) from exc
