"""Inventory of the storage: published files per video, and unfinished files.

It lists and removes; the database decides which files there should be. Everything blocks, and no
symbolic link is followed. Ages are by mtime, which publishing renews.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from storage.errors import wrap_os_errors
from storage.file_locks import lock_beside, try_exclusive_lock
from storage.paths import StoragePaths, ladder_id, partial_id

ALWAYS_S = float("inf")  # later than any change


@dataclass(frozen=True, slots=True)
class StoredFile:
    path: Path
    size_bytes: int
    changed_s: float  # Unix time


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """A directory below a course's; `video_id` is None where its name is no video id."""

    path: Path
    course_id: str
    video_id: UUID | None
    files: tuple[StoredFile, ...]
    changed_s: float


def list_stored_videos(paths: StoragePaths) -> Iterator[StoredVideo]:
    """All directories of videos, and anything else found in their place.

    Raises: StorageGone.
    """
    paths.check()
    yield from walk_videos(paths)


def walk_videos(paths: StoragePaths) -> Iterator[StoredVideo]:
    """Like `list_stored_videos`, in any storage."""
    for course in _entries(paths.courses):
        if not course.is_dir(follow_symlinks=False):
            yield _stray_file(course, "")
            continue
        for entry in _entries(Path(course.path)):
            if entry.is_dir(follow_symlinks=False):
                yield _video(entry, course.name)
            else:
                yield _stray_file(entry, course.name)


def remove_unfinished(paths: StoragePaths, before_s: float = ALWAYS_S) -> list[str]:
    """Remove unfinished files unchanged since then; returns their names.

    Files that are held stay, however old: by this process, another one or another machine. Files of
    resumable uploads and pieces of ladders are removed with their rows, see
    `storage.receiving.partials` and `storage.ladder.pieces`.
    Raises: StorageGone, StorageReadOnly.
    """
    paths.check()
    return [
        entry.name
        for entry in _entries(paths.unfinished)
        if not _has_row(entry.name) and _remove_unlocked(Path(entry.path), before_s)
    ]


def _has_row(name: str) -> bool:
    return partial_id(name) is not None or ladder_id(name) is not None


def _remove_unlocked(path: Path, before_s: float) -> bool:
    with (
        wrap_os_errors(),
        try_exclusive_lock(lock_beside(path)) as is_free,  # what is no directory has none
        try_exclusive_lock(path) as is_unlocked,
    ):
        if not (is_free and is_unlocked) or _last_change_s(path) >= before_s:
            return False
        _remove_tree(path)
    return True


def _video(entry: "os.DirEntry[str]", course_id: str) -> StoredVideo:
    path = Path(entry.path)
    changed_s = _changed_s(path)  # read before its files: one that is added now makes it younger
    return StoredVideo(path, course_id, _uuid(entry.name), tuple(_files(path)), changed_s)


def _stray_file(entry: "os.DirEntry[str]", course_id: str) -> StoredVideo:
    """A file in a place for directories."""
    path = Path(entry.path)
    file = _stored_file(path)
    return StoredVideo(path.parent, course_id, None, (file,) if file else (), _changed_s(path))


def _files(directory: Path) -> Iterator[StoredFile]:
    for entry in _entries(directory):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif file := _stored_file(Path(entry.path)):
            yield file


def _stored_file(path: Path) -> StoredFile | None:
    with suppress(FileNotFoundError):
        found = path.lstat()
        return StoredFile(path, found.st_size, found.st_mtime)
    return None


def _entries(directory: Path) -> list["os.DirEntry[str]"]:
    """Sorted entries; none when the directory has just been removed."""
    with wrap_os_errors(), suppress(FileNotFoundError), os.scandir(directory) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []


def _last_change_s(path: Path) -> float:
    """Time of the last change of a file, or of anything in a directory."""
    inside = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
    return max(map(_changed_s, inside))


def _changed_s(path: Path) -> float:
    """mtime or, for a file with several links, the time of linking: its content may be older."""
    with suppress(FileNotFoundError):
        found = path.lstat()
        is_linked = stat.S_ISREG(found.st_mode) and found.st_nlink > 1
        return max(found.st_mtime, found.st_ctime) if is_linked else found.st_mtime
    return float("inf")


def _remove_tree(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _uuid(name: str) -> UUID | None:
    """Parse a UUID in canonical spelling only."""
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if str(found) == name else None
