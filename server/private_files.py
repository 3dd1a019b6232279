"""Permission check for secret files, which only their owner may read."""

import stat
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
