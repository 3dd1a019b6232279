"""Membership of a web process among those that share its database.

Finds a machine whose secrets differ: tokens and grants of the others would be refused there. The
longest-running process is taken for right, so that a wrong newcomer is not ready and the others
stay so. Killed processes count for `SILENT_S`.
"""

from contextlib import suppress
from uuid import uuid4

from db.pool import Database
from db.processes import web_processes
from events.errors import OUTAGES
from storage.concurrency.tasks import Periodic

REFRESH_INTERVAL_S = 10.0
SILENT_S = 3 * REFRESH_INTERVAL_S


class Membership:
    """The row of this process, refreshed between `start` and `stop`."""

    def __init__(self, database: Database, host: str, secrets_sha256: str) -> None:
        self._database = database
        self._id = uuid4()
        self._host = host
        self._secrets_sha256 = secrets_sha256
        self._refreshing = Periodic("membership", self.refresh, REFRESH_INTERVAL_S, OUTAGES)

    async def start(self) -> None:
        """Raises: DatabaseError."""
        await self.refresh()
        self._refreshing.start()

    async def stop(self) -> None:
        """Removes the row; without the database it expires."""
        await self._refreshing.stop()
        with suppress(*OUTAGES):
            await web_processes.remove(self._database, self._id)

    async def refresh(self) -> None:
        await web_processes.refresh(self._database, self._id, self._host, self._secrets_sha256)

    async def find_contradiction(self) -> str | None:
        """Returns the host of the longest-running process if its secrets differ from ours.

        Raises: DatabaseError.
        """
        first = await web_processes.longest_running(self._database, SILENT_S)
        if first is None or first.secrets_sha256 == self._secrets_sha256:
            return None
        host: str = first.host
        return host
