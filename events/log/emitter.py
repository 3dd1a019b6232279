"""Who must hear what, inside this process: a typed shell over pyee's AsyncIOEventEmitter.

Listeners are synchronous, cheap, and do not raise; one that does is logged and the others still
hear. Decides no order but that of subscribing, and stores nothing.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from pyee.asyncio import AsyncIOEventEmitter

from events.log.types import Event, kinds_of
from events.progress.reports import ReportReceived

logger = logging.getLogger(__name__)

SomeEvent = TypeVar("SomeEvent", bound=Event)
REPORT_RECEIVED = "report received"


class Emitter:
    """Facts, with their place in the log, to those who follow it; reports to who stores them."""

    def __init__(self) -> None:
        self._pyee = AsyncIOEventEmitter()
        # Without it an exception would go up into the caller of `emit`; asynchronous, it could
        # call itself for ever.
        self._pyee.on("error", _log_failure)

    def subscribe(
        self, event_type: type[SomeEvent], listener: Callable[[int, SomeEvent], None]
    ) -> None:
        """`listener` hears every event of that class and those below it; of `Event`, all."""
        for kind in kinds_of(event_type):
            self._pyee.on(kind.name, listener)

    def emit(self, event_id: int, event: Event) -> None:
        """Called by the tail only: an event exists once it is in the log."""
        self._pyee.emit(event.name, event_id, event)

    def subscribe_reports(self, listener: Callable[[ReportReceived], None]) -> None:
        self._pyee.on(REPORT_RECEIVED, listener)

    def emit_report(self, received: ReportReceived) -> bool:
        """False when nobody listens."""
        return self._pyee.emit(REPORT_RECEIVED, received)


def _log_failure(failure: Exception) -> None:
    logger.error("a listener failed", exc_info=failure)
