"""What has to be looked after again and again, as long as the process lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from db.errors import DatabaseError
from events.errors import ForeignStorage
from storage.errors import StorageError
from storage.tasks import end

logger = logging.getLogger(__name__)


class Periodic:
    """Runs `step` at once and then `interval_s` after each end, whatever it raised."""

    def __init__(self, name: str, step: Callable[[], Awaitable[object]], interval_s: float) -> None:
        self._name = name
        self._step = step
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._repeat(), name=self._name)

    async def stop(self) -> None:
        if self._task:
            await end(self._task)
            self._task = None

    async def _repeat(self) -> None:
        while True:
            try:
                await self._step()
            except (DatabaseError, ForeignStorage, StorageError) as exc:
                logger.warning("%s: %s", self._name, exc)
            except Exception:
                logger.exception("%s failed", self._name)
            await asyncio.sleep(self._interval_s)
