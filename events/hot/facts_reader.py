"""Facts, each read once for all who ask at once: from the shelf, or the database.

A copy is true if it has the version that the database returned. So the shelf needs no invalidation,
and nobody has to trust it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from events.hot.entries import Facts, Kind, Shelf
from storage.concurrency.shared_reads import SharedReads
from storage.concurrency.tasks import end

MOST_PUTS = 32  # under way; what is beyond them is not kept on the shelf

Id = TypeVar("Id", bound=UUID | str)


class FactsReader(Generic[Id, Facts]):
    """Reads facts; `shelf` is None without Redis. Ended by `stop`.

    `load` reads the database, for somebody who got the version given from it; None when there is
    nothing, or no longer.
    """

    def __init__(
        self,
        kind: Kind[Facts],
        load: Callable[[Id, int], Awaitable[Facts | None]],
        shelf: Shelf | None = None,
    ) -> None:
        self.read_counts = Counter({"shelf": 0, "database": 0})
        self.outdated_count = 0
        self._kind = kind
        self._load = load
        self._shelf = shelf
        self._reads = SharedReads[tuple[Id, int], Facts | None]()
        self._putting: set[asyncio.Task[None]] = set()

    @property
    def failure_count(self) -> int:
        return 0 if self._shelf is None else self._shelf.failure_count

    async def read(self, facts_id: Id, version: int = 0) -> Facts | None:
        """The facts of now; None when there are none, or no longer. Raises: DatabaseError."""
        facts = await self._load(facts_id, version)
        self.read_counts["database"] += 1
        if facts is not None:
            self._put(facts_id, facts)
        return facts

    async def read_version(self, facts_id: Id, version: int) -> Facts | None:
        """The facts of that version or a newer one. Raises: DatabaseError."""
        find = partial(self._find, facts_id, version)
        # A reading for another version may have begun before this one was told.
        return await self._reads.get((facts_id, version), find)

    async def stop(self) -> None:
        for task in list(self._putting):
            await end(task)
        if self._shelf is not None:
            await self._shelf.close()

    async def _find(self, facts_id: Id, version: int) -> Facts | None:
        return await self._on_shelf(facts_id, version) or await self.read(facts_id, version)

    async def _on_shelf(self, facts_id: Id, version: int) -> Facts | None:
        if self._shelf is None or (entry := await self._shelf.get(facts_id)) is None:
            return None
        facts = self._kind.decode(entry, facts_id, version)
        if facts is None:
            self.outdated_count += 1
        else:
            self.read_counts["shelf"] += 1
        return facts

    def _put(self, facts_id: Id, facts: Facts) -> None:
        if self._shelf is None or len(self._putting) >= MOST_PUTS:
            return
        entry = self._kind.encode(facts)
        if entry is not None:
            task = asyncio.create_task(self._keep(self._shelf, facts_id, entry), name="put facts")
            self._putting.add(task)
            task.add_done_callback(self._putting.discard)

    @staticmethod
    async def _keep(shelf: Shelf, facts_id: Id, entry: bytes) -> None:
        await shelf.put(facts_id, entry)
