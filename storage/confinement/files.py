"""Files that a confined process may read and write, each by its whole path, and its libraries'."""

import sys
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = Path(__file__).resolve().parents[2]
# FFmpeg makes random numbers of the clock, slowly, where it has no device for them.
_OF_THE_SYSTEM = (Path("/lib"), Path("/lib64"), Path("/usr/lib"), Path("/dev/urandom"))


@dataclass(frozen=True, slots=True)
class Files:
    read: tuple[Path, ...] = ()
    written: tuple[Path, ...] = ()


def library_paths() -> list[Path]:
    """Paths that Python and the libraries load from late.

    Without this program's own directory: an .env with secrets, or the storage, may be in it.
    """
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    of_python = [
        path
        for path in map(Path, sys.path)
        if path != _PROGRAM and any(path.is_relative_to(one) for one in prefixes)
    ]
    found = [path for path in (*of_python, *_OF_THE_SYSTEM) if path.exists()]
    return [path for path in found if not set(path.parents) & set(found)]
