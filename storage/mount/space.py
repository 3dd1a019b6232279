"""Space of a file system, as an ordinary user may use it."""

import os
from pathlib import Path
from typing import NamedTuple

from storage.disk import Disk
from storage.errors import wrap_os_errors


class Space(NamedTuple):
    size_bytes: int
    free_bytes: int


async def read_space(directory: Path, disk: Disk) -> Space:
    """Returns that of the file system which holds the directory. Raises: StorageError."""
    with wrap_os_errors():
        found = await disk.run(os.statvfs, directory)
    return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
