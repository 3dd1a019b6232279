"""In-process event emitter: a typed wrapper of pyee's AsyncIOEventEmitter.

Listeners are synchronous, cheap, and do not raise; an exception is logged and the other listeners
still run. Listeners run in the order of their subscription. Stores nothing.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from pyee.asyncio import AsyncIOEventEmitter

from events.log.types import Event, kinds_of
from events.reports import ReportReceived

logger = logging.getLogger(__name__)

SomeEvent = TypeVar("SomeEvent", bound=Event)
REPORT_RECEIVED = "report received"


class Emitter:
    """Emits logged events with their ids, and received progress reports, to their listeners."""

    def __init__(self) -> None:
        self._pyee = AsyncIOEventEmitter()
        # Without it an exception would propagate to the caller of `emit`; an asynchronous one
        # could trigger itself endlessly.
        self._pyee.on("error", _log_failure)

    def subscribe(
        self, event_type: type[SomeEvent], listener: Callable[[int, SomeEvent], None]
    ) -> None:
        """Calls `listener(event_id, event)` for each event of the class or a subclass."""
        for kind in kinds_of(event_type):
            self._pyee.on(kind.name, listener)

    def emit(self, event_id: int, event: Event) -> None:
        """Emits to all listeners. Called only by the tail: an event exists once it is logged."""
        self._pyee.emit(event.name, event_id, event)

    def subscribe_reports(self, listener: Callable[[ReportReceived], None]) -> None:
        self._pyee.on(REPORT_RECEIVED, listener)

    def emit_report(self, received: ReportReceived) -> bool:
        """Returns False when there is no listener."""
        return self._pyee.emit(REPORT_RECEIVED, received)


def _log_failure(failure: Exception) -> None:
    logger.error("a listener failed", exc_info=failure)
