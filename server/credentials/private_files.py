"""Permission checks for secret files: refused where they are the service's own, else warned of."""

import stat
from collections.abc import Iterable
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


class ReadableByOthers(Exception):
    """A secret can be read by other users of this machine."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} can be read by others: `chmod 600 {path}`, and make it anew if they did"
        )


def require_private(path: Path) -> None:
    """Blocks shortly. Raises: ReadableByOthers, OSError."""
    if path.stat().st_mode & OTHERS:
        raise ReadableByOthers(path)


def exposed(paths: Iterable[Path]) -> list[Path]:
    """The files that every user of the machine can read. Blocks shortly.

    A group may read them, as with keys of Debian's group `ssl-cert`; a directory closed to others
    protects what is in it. Files that cannot be examined are left out.
    """
    return [path for path in paths if _is_exposed(path)]


def _is_exposed(path: Path) -> bool:
    try:
        file = path.resolve()
        return bool(file.stat().st_mode & stat.S_IROTH) and all(
            folder.stat().st_mode & stat.S_IXOTH for folder in file.parents
        )
    except OSError:
        return False
