"""The deliverer: couriers of all receivers, in one of all processes and machines at a time."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from db.advisory_locks import AdvisoryLock
from db.delivery import webhooks
from db.delivery.webhooks import Webhook
from db.errors import DatabaseError
from db.pool import Database
from db.upkeep.sole_owner import Candidate, stand_by
from events.delivery.carriers import Carrier
from events.delivery.courier import Courier, DeliverySettings
from events.log.types import Event
from storage.concurrency.tasks import end

logger = logging.getLogger(__name__)

CONNECTIONS = 2  # of the pool: requests must not wait for deliveries
LOOK_S = 1.0  # bounds how long a changed webhook, or the end of another owner, is not seen


class Deliverer:
    """Stands by until no other process delivers, then delivers. Subscribe `on_event` to the
    emitter."""

    def __init__(
        self,
        database: Database,
        dsn: str,
        carriers: Mapping[str, Carrier],
        settings: DeliverySettings,
        look_s: float = LOOK_S,
    ) -> None:
        self._database = database
        self._dsn = dsn
        self._carriers = carriers
        self._settings = settings
        self._look_s = look_s
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._couriers: dict[str, Courier] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_owner(self) -> bool:
        """True if this process has something to deliver."""
        return bool(self._couriers)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="deliverer")

    async def stop(self) -> None:
        if self._task:
            await end(self._task)
            self._task = None

    def on_event(self, _: int, event: Event) -> None:
        """Listener for the emitter: the log has something new."""
        for courier in self._couriers.values():
            courier.wake()

    async def _run(self) -> None:
        while True:
            try:
                async with stand_by(self._dsn, AdvisoryLock.DELIVERY) as candidate:
                    await self._follow(candidate)
            except DatabaseError as exc:
                logger.warning("deliverer: %s", exc.__cause__ or exc)
            except Exception:
                logger.exception("deliverer failed")
            await asyncio.sleep(self._look_s)

    async def _follow(self, candidate: Candidate) -> None:
        try:
            while not await candidate.take():
                await asyncio.sleep(self._look_s)
            while True:
                # Asked on its own connection: the ownership ends with it.
                await self._match_couriers(await webhooks.list_all(candidate))
                await asyncio.sleep(self._look_s)
        finally:
            await asyncio.gather(*(self._dismiss(one) for one in list(self._couriers)))

    async def _match_couriers(self, there: Sequence[Webhook]) -> None:
        """Has one courier for each webhook that there is now."""
        found = {one.id: one for one in there}
        for webhook_id in self._couriers.keys() - found.keys():
            await self._dismiss(webhook_id)
        for webhook_id, webhook in found.items():
            if webhook_id in self._couriers:
                self._couriers[webhook_id].receiver = webhook
            elif webhook.kind in self._carriers:
                self._start(webhook)

    def _start(self, webhook: Webhook) -> None:
        carrier = self._carriers[webhook.kind]
        courier = self._couriers[webhook.id] = Courier(
            self._database, webhook, carrier, self._settings, self._connections
        )
        courier.start()

    async def _dismiss(self, webhook_id: str) -> None:
        await self._couriers.pop(webhook_id).stop()
