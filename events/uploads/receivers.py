"""Receivers of request bodies: each reads the bytes of one upload until their end or its own.

A newer request for an upload ends an older one, in any process: it claims the upload in the
database, which every process polls while it has such requests. So a client that lost its connection
resumes at once, instead of waiting until the server notices.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from uuid import UUID

from db.pool import Database
from db.uploads.uploads import Upload, read_claims
from events.uploads.errors import UploadsStopping, UploadStalled, UploadTakenOver

SILENCE_S = 120.0  # a client that is silent for longer is gone
LOOK_INTERVAL_S = 0.25
CLOSE_TIMEOUT_S = 10.0


class UploadBody(Protocol):
    """A body that arrives from a client."""

    async def read(self) -> bytes:
        """The next bytes; empty at their end. Raises any error of the connection."""

    def take_buffered(self) -> bytes:
        """The bytes that arrived before the connection broke."""


class Receiver:
    """Reads one body. `fault` is the reason for a premature end."""

    def __init__(self, body: UploadBody) -> None:
        self.fault: Exception | None = None
        self._body = body
        self._patience: asyncio.Timeout | None = None
        self._is_over = False

    def end(self, fault: Exception) -> None:
        """Stop reading; what was read is kept."""
        self.fault = self.fault or fault
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def next_chunk(self) -> bytes:
        """The next bytes; empty at the end, also after those that arrived before a fault."""
        if self.fault is None:
            try:
                async with asyncio.timeout(SILENCE_S) as self._patience:
                    return await self._body.read()
            except TimeoutError:
                self.fault = self.fault or UploadStalled()
            except Exception as exc:  # any error of the body for a broken connection
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
    """Receivers of this process, each with its claim; `are_there` is set while there are any."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.are_there = asyncio.Event()
        self._claims: dict[Receiver, tuple[UUID, int]] = {}
        self._running: set[asyncio.Task[Upload]] = set()
        self._is_closed = False

    async def run(self, receiver: Receiver, work: Coroutine[Any, Any, Upload]) -> Upload:
        """Run work that ends in order when the caller is cancelled: it keeps what had arrived."""
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
        """Register the receiver: during the block a newer claim ends it."""
        self._claims[receiver] = upload_id, claims
        self.are_there.set()
        try:
            yield
        finally:
            del self._claims[receiver]
            if not self._claims:
                self.are_there.clear()

    def end_older(self, upload_id: UUID, claims: int) -> None:
        """End the upload's receivers that have an older claim."""
        for receiver, (other_id, older) in self._claims.items():
            if other_id == upload_id and older < claims:
                receiver.end(UploadTakenOver())

    async def look(self) -> None:
        """End receivers whose uploads other processes have claimed. Raises: DatabaseError."""
        ids = {upload_id for upload_id, _ in self._claims.values()}
        if ids:
            for upload_id, claims in (await read_claims(self._database, list(ids))).items():
                self.end_older(upload_id, claims)

    async def close(self) -> None:
        """End all receivers; what had arrived is kept."""
        self._is_closed = True
        for receiver in self._claims:
            receiver.end(UploadsStopping())
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_TIMEOUT_S)
