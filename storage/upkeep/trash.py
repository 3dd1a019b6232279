"""Trash inside the storage: files without a row, kept for a while before removal.

A batch holds the files moved by one sweep, each under its path and with its times; the batch's name
has the time, by the clock of its maker. Files move by renaming within the file system. The expiry
of a batch is not decided here. Everything blocks.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import InvalidPath, wrap_os_errors
from storage.paths import StoragePaths

_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class TrashBatch:
    name: str
    moved_at: datetime
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """Paths from the root. `blocked` are those whose places are taken by other files."""

    files: tuple[str, ...]
    blocked: tuple[str, ...]


def new_batch_name(at: datetime) -> str:
    """A batch name that no other process makes."""
    return f"{at.astimezone(UTC):{_TIME}}-{uuid.uuid4().hex[:8]}"


def move_to_trash(paths: StoragePaths, relative: str, before_s: float, batch: str) -> bool:
    """Move a file that has not changed since then, or remove an empty directory; True if it went.

    Raises: InvalidPath, StorageGone, StorageFull, StorageReadOnly.
    """
    path, target = paths.stored(relative), paths.trashed(batch, relative)
    paths.check()
    with wrap_os_errors(), suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            return _remove_empty(path)
        if path.lstat().st_mtime < before_s:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            return True
    return False


def list_trash_batches(paths: StoragePaths) -> list[TrashBatch]:
    """Batches, oldest first; other names are left out. Raises: StorageGone."""
    paths.check()
    return [_batch(paths, name, moved_at) for name, moved_at in _names(paths)]


def restore_trash(paths: StoragePaths) -> Restored:
    """Move everything in the trash back to its place, overwriting nothing; the newest batch first.

    Raises: StorageGone, StorageFull, StorageReadOnly.
    """
    paths.check()
    files: list[str] = []
    blocked: list[str] = []
    with wrap_os_errors():
        for name, _ in reversed(_names(paths)):
            for relative in _files(paths, name):
                (files if _put_back(paths, name, relative) else blocked).append(relative)
            _remove_empty_tree(paths.trash_batch(name))
    return Restored(tuple(files), tuple(blocked))


def empty_trash(paths: StoragePaths, expired_at: datetime) -> list[TrashBatch]:
    """Remove batches moved by then. Raises: StorageGone, StorageReadOnly."""
    expired = [one for one in list_trash_batches(paths) if one.moved_at <= expired_at]
    for batch in expired:
        with wrap_os_errors(), suppress(FileNotFoundError):
            shutil.rmtree(paths.trash_batch(batch.name))
    return expired


def _names(paths: StoragePaths) -> list[tuple[str, datetime]]:
    with wrap_os_errors(), suppress(FileNotFoundError):
        found = [(name, _moved_at(paths, name)) for name in sorted(os.listdir(paths.trash))]
        return [(name, moved_at) for name, moved_at in found if moved_at is not None]
    return []


def _moved_at(paths: StoragePaths, name: str) -> datetime | None:
    with suppress(InvalidPath, ValueError):
        paths.trash_batch(name)
        return datetime.strptime(name.partition("-")[0], _TIME).replace(tzinfo=UTC)
    return None


def _batch(paths: StoragePaths, name: str, moved_at: datetime) -> TrashBatch:
    files = size_bytes = 0
    for relative in _files(paths, name):
        with wrap_os_errors(), suppress(FileNotFoundError):
            size_bytes += paths.trashed(name, relative).lstat().st_size
            files += 1
    return TrashBatch(name, moved_at, files, size_bytes)


def _files(paths: StoragePaths, name: str) -> Iterator[str]:
    """Sorted paths from the storage's root; only those below the courses."""
    batch = paths.trash_batch(name)
    for directory, inner, files in os.walk(batch):
        inner.sort()
        links = [one for one in inner if os.path.islink(os.path.join(directory, one))]
        for file in sorted([*files, *links]):
            relative = os.path.relpath(os.path.join(directory, file), batch)
            with suppress(InvalidPath):
                paths.stored(relative)
                yield relative


def _put_back(paths: StoragePaths, batch: str, relative: str) -> bool:
    path, target = paths.trashed(batch, relative), paths.stored(relative)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        return False
    path.unlink()
    return True


def _remove_empty_tree(directory: Path) -> None:
    for inner, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):  # files that were not restored stay
            os.rmdir(inner)


def _remove_empty(directory: Path) -> bool:
    if any(directory.iterdir()):
        return False
    directory.rmdir()
    return True
