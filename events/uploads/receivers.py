"""Receivers of bodies: each takes the bytes of one upload until they end, or until it is ended.

A newer request for an upload ends an older one, wherever that runs: it claims the upload in the
database, which every process reads while it has such requests. So a client that lost its line goes
on at once, instead of waiting for the line to be found dead.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import UUID

from db.pool import Database
from db.uploads import Upload, read_claims
from events.uploads.errors import UploadsStopping, UploadStalled, UploadTakenOver

SILENCE_S = 120.0  # a sender that is silent for longer has gone
LOOK_INTERVAL_S = 0.25
CLOSE_TIMEOUT_S = 10.0


class UploadBody(Protocol):
    """Bytes that arrive from a sender."""

    async def read(self) -> bytes:
        """Some of them; empty at their end. Raises whatever broke the line."""

    def take_buffered(self) -> bytes:
        """Those that arrived before the line broke."""


class Receiver:
    """The bytes of one body. `fault` is why nothing more came, where it did not just end."""

    def __init__(self, body: UploadBody) -> None:
        self.fault: Exception | None = None
        self._body = body
        self._patience: asyncio.Timeout | None = None
        self._is_over = False

    def end(self, fault: Exception) -> None:
        """Have it take no more."""
        self.fault = self.fault or fault
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def next_chunk(self) -> bytes:
        """Empty when nothing more comes, also after what arrived before a fault."""
        if self.fault is None:
            try:
                async with asyncio.timeout(SILENCE_S) as self._patience:
                    return await self._body.read()
            except TimeoutError:
                self.fault = self.fault or UploadStalled()
            except Exception as exc:  # whatever the body raises for a line that broke
                self.fault = exc
            finally:
                self._patience = None
        return self._rest()

    def _rest(self) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        return self._body.take_buffered()


class Receivers:
    """Those of this process, with the claim that each stands on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claims: dict[Receiver, tuple[UUID, int]] = {}
        self._running: set[asyncio.Task[Upload]] = set()
        self._is_closed = False

    async def run(self, receiver: Receiver, work: Coroutine[Any, Any, Upload]) -> Upload:
        """Work that ends in order even when the caller is cancelled: without the rest of the body,
        but with what had arrived."""
        running = asyncio.create_task(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        if self._is_closed:
            receiver.end(UploadsStopping())
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            receiver.end(UploadsStopping())
            await asyncio.wait([running])
            running.exception()  # retrieve it, or asyncio logs "never retrieved"
            raise

    @contextmanager
    def claimed(self, receiver: Receiver, upload_id: UUID, claims: int) -> Iterator[None]:
        """Meanwhile a newer claim ends the receiver."""
        self._claims[receiver] = upload_id, claims
        try:
            yield
        finally:
            del self._claims[receiver]

    def end_older(self, upload_id: UUID, claims: int) -> None:
        """End the receivers of the upload that stand on an older claim."""
        for receiver, (other_id, older) in self._claims.items():
            if other_id == upload_id and older < claims:
                receiver.end(UploadTakenOver())

    async def look(self) -> None:
        """End those whose uploads other processes have claimed. Raises: DatabaseError."""
        ids = {upload_id for upload_id, _ in self._claims.values()}
        if ids:
            for upload_id, claims in (await read_claims(self._database, list(ids))).items():
                self.end_older(upload_id, claims)

    async def close(self) -> None:
        """End all of them; what had arrived is kept."""
        self._is_closed = True
        for receiver in self._claims:
            receiver.end(UploadsStopping())
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_TIMEOUT_S)
