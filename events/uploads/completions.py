"""Completions of uploads in this process: complete files that are being made into videos.

A completion may take longer than a newer request waits, so its holder reports that it lives, as
long as it may take. One that does not is fenced as any that hangs.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from db.pool import Database
from db.uploads import upload_holders
from db.uploads.uploads import Upload

LEAST_S = 120.0
BYTES_PER_S = 10_000_000  # of a slow disk; half of what the sandbox allows for an examination


class Completions:
    """`refresh` is called more often than every `COMPLETION_SILENT_S`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: dict[UUID, tuple[int, float]] = {}

    @contextmanager
    def during(self, upload: Upload) -> Iterator[None]:
        """Report the upload's holder as alive during the block."""
        deadline_s = _now_s() + LEAST_S + upload.length_bytes / BYTES_PER_S
        self._running[upload.id] = upload.holder, deadline_s
        try:
            yield
        finally:
            del self._running[upload.id]

    async def refresh(self) -> None:
        """Raises: DatabaseError."""
        now_s = _now_s()
        alive = {one: holder for one, (holder, end_s) in self._running.items() if now_s < end_s}
        if alive:
            await upload_holders.refresh_completing(self._database, alive)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
