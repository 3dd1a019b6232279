"""Identity of a storage and its owning database, as two small files in its root.

The marker holds the storage's id; it is written once. The owner file names the database, and the
cluster that the database was in when it was written. Programs that work in the storage keep the
owner file locked, so that a copy of the database can detect that the original is running. Both
files appear whole or not at all. Ownership is not decided here. Everything blocks.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from storage.errors import StorageGone, wrap_os_errors
from storage.file_locks import hold_lock, try_exclusive_lock


@dataclass(frozen=True, slots=True)
class Owner:
    """`cluster_id` is empty where PostgreSQL does not reveal it."""

    database_id: str
    cluster_id: str


@dataclass(frozen=True, slots=True)
class StorageIdentity:
    """`owner` is None in a storage without an owner file: a new one, or one older than owners."""

    storage_id: str
    owner: Owner | None

    def matches(self, other: "StorageIdentity") -> bool:
        """True for the same storage without another database's id in it."""
        ids = {one.owner.database_id for one in (self, other) if one.owner is not None}
        return self.storage_id == other.storage_id and len(ids) < 2


def read_identity(marker: Path, owner: Path) -> StorageIdentity:
    """Raises: StorageGone without a marker, or when either file cannot be read."""
    try:
        storage_id = marker.read_text("ascii").strip()
    except (OSError, ValueError) as exc:
        raise StorageGone(f"the storage has no marker: {exc}") from exc
    return StorageIdentity(storage_id, _read_owner(owner))


def write_marker(marker: Path, storage_id: str | None = None) -> None:
    """Write the marker unless there is one: of two processes one wins. Raises: StorageError."""
    _write_once(marker, f"{storage_id or uuid.uuid4()}\n")


def claim(path: Path, owner: Owner) -> None:
    """Write the owner of a storage that has none; the first one stays. Raises: StorageError."""
    _write_once(path, _owner_text(owner))


def replace_owner(path: Path, owner: Owner) -> None:
    """Overwrite the owner file. Raises: StorageError."""
    with wrap_os_errors():
        draft = _draft(path, _owner_text(owner))
        try:
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def replace_unlocked_owner(path: Path, owner: Owner) -> bool:
    """Overwrite the owner file unless a process holds it; True if written. Raises: StorageError."""
    with wrap_os_errors(), try_exclusive_lock(path) as is_free:
        if is_free:
            replace_owner(path, owner)
        return is_free


@contextmanager
def hold_owner_lock(path: Path) -> Iterator[None]:
    """Hold the owner file for the block, if there is one and the file system has locks."""
    with ExitStack() as holding:
        with wrap_os_errors(), suppress(FileNotFoundError):
            holding.enter_context(hold_lock(path))
        yield


def _read_owner(path: Path) -> Owner | None:
    try:
        words = path.read_text("ascii").split()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise StorageGone(f"the storage's owner cannot be read: {exc}") from exc
    if not 1 <= len(words) <= 2:
        raise StorageGone(f"the storage's owner cannot be read: {path.name} is damaged")
    return Owner(words[0], words[1] if len(words) == 2 else "")


def _owner_text(owner: Owner) -> str:
    return f"{owner.database_id} {owner.cluster_id}\n"


def _write_once(path: Path, text: str) -> None:
    with wrap_os_errors():
        draft = _draft(path, text)
        try:
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}-{uuid.uuid4().hex}")
    with draft.open("x", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o640)  # as all files of a storage
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
