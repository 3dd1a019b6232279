"""A board on which processes post, and from which they read each other's postings."""

from collections.abc import Mapping
from typing import Protocol

LEASE_S = 3.0
"""A posting disappears by itself after this time; a process that was killed posts no more."""


class Board(Protocol):
    """Postings by process id."""

    async def exchange(self, process_id: str, posting: bytes) -> Mapping[str, bytes]:
        """Replaces the posting of a process, and returns those of all others that have not
        expired. Raises: BoardUnavailable."""
        ...

    async def remove(self, process_id: str) -> None:
        """Removes a posting before it expires. Raises: BoardUnavailable."""
        ...

    async def close(self) -> None: ...
