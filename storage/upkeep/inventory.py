"""What really lies in the storage: published files a video, and what was left unfinished.

It tells and removes; which files there should be is for the database to say. Everything blocks,
and nothing is followed through a symbolic link. Ages go by the time of the last change of the
content, which publishing sets anew.
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
from storage.file_locks import try_exclusive_lock
from storage.paths import StoragePaths, partial_id

ALWAYS_S = float("inf")  # later than any change


@dataclass(frozen=True, slots=True)
class StoredFile:
    path: Path
    size_bytes: int
    changed_s: float  # Unix time


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """A directory below a course's; `video_id` is None where its name is no video's."""

    path: Path
    course_id: str
    video_id: UUID | None
    files: tuple[StoredFile, ...]
    changed_s: float


def list_stored_videos(paths: StoragePaths) -> Iterator[StoredVideo]:
    """Every directory of a video, and whatever else lies where those belong.

    Raises: StorageGone.
    """
    paths.check()
    yield from walk_videos(paths)


def walk_videos(paths: StoragePaths) -> Iterator[StoredVideo]:
    """As `list_stored_videos`, in whatever storage it is."""
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
    """The names of what lay unfinished and unchanged since then, and is gone now.

    What somebody is still at work with stays, however old: here, in another process, on another
    machine. Uploads that can be resumed go with their rows, see `storage.partials`.
    Raises: StorageGone, StorageReadOnly.
    """
    paths.check()
    return [
        entry.name
        for entry in _entries(paths.unfinished)
        if partial_id(entry.name) is None and _remove_unlocked(Path(entry.path), before_s)
    ]


def _remove_unlocked(path: Path, before_s: float) -> bool:
    with wrap_os_errors(), try_exclusive_lock(path) as is_free:
        if not is_free or _last_change_s(path) >= before_s:
            return False
        _remove_tree(path)
    return True


def _video(entry: "os.DirEntry[str]", course_id: str) -> StoredVideo:
    path = Path(entry.path)
    changed_s = _changed_s(path)  # before its files: one that comes now makes it younger
    return StoredVideo(path, course_id, _uuid(entry.name), tuple(_files(path)), changed_s)


def _stray_file(entry: "os.DirEntry[str]", course_id: str) -> StoredVideo:
    """A file where only directories belong."""
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
    """In order; none when the directory has just gone."""
    with wrap_os_errors(), suppress(FileNotFoundError), os.scandir(directory) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []


def _last_change_s(path: Path) -> float:
    """Of a file, or of anything in a directory."""
    inside = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
    return max(map(_changed_s, inside))


def _changed_s(path: Path) -> float:
    """Never older than a link to a published file, whose content may be: those take a moment."""
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
    """Only in the one spelling that we write."""
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if str(found) == name else None
