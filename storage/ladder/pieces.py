"""Pieces of ladders: files that jobs leave for the one that joins them, possibly elsewhere.

Each ladder in the making has a directory; the database decides which are wanted. A piece is there
whole or not at all, and making it again replaces it. Everything blocks.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from storage.errors import wrap_os_errors
from storage.paths import StoragePaths, ladder_id
from storage.videos import fsync_dir, fsync_own_file


def piece_name(rung: str, number: int) -> str:
    """The name of a piece of a rung, or with number 0 of the whole rung."""
    return f"{rung}-{number:05}.mp4"


def adopt_piece(paths: StoragePaths, file: Path, work_id: UUID, name: str) -> Path:
    """Move a finished file into the ladder's directory, durably.

    Raises: InvalidPath (also for a link), FileMissing, StorageFull, StorageReadOnly, StorageGone.
    """
    target = paths.piece(work_id, name)
    paths.check()
    with wrap_os_errors():
        fsync_own_file(file)
        with suppress(FileExistsError):
            target.parent.mkdir(mode=0o700)
            fsync_dir(target.parent.parent)
        os.replace(file, target)
        fsync_dir(target.parent)
    return target


def list_ladders(paths: StoragePaths) -> list[UUID]:
    """Ids of the works that have a directory. Raises: StorageGone."""
    paths.check()
    with wrap_os_errors():
        found = (ladder_id(name) for name in os.listdir(paths.unfinished))
        return [work_id for work_id in found if work_id is not None]


def remove_ladder(paths: StoragePaths, work_id: UUID) -> None:
    """Remove the directory with its pieces; idempotent. Raises: StorageGone, StorageReadOnly."""
    paths.check()
    with wrap_os_errors(), suppress(FileNotFoundError):
        shutil.rmtree(paths.ladder(work_id))
