"""Ownership of a DATA_DIR by one process: a file lock, released when the process ends."""

import fcntl
import os
from pathlib import Path

from server.errors import OperatorError


class Owned(OperatorError):
    """Another process owns the directory; `pid` is its process id, if readable."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(
            f"{path.parent} is in use by another server (pid {pid}): stop that one, or set"
            " COURSESTREAM_DATA_DIR to another directory"
        )
        self.pid = pid


class Ownership:
    """A lock file with its holder's pid. A killed holder leaves the file, not the lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @property
    def is_held(self) -> bool:
        return self._fd is not None

    def take(self) -> None:
        """Never waits. Raises: Owned."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = os.read(fd, 64).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise Owned(self._path, pid) from exc
        os.truncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
