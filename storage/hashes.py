"""SHA-256 of stored files, whole and piece by piece. Blocks for as long as reading takes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from storage.errors import MediaInterrupted, wrap_os_errors

# A download of pieces is verified as it arrives.
PIECE_BYTES = 4 << 20


class PieceHashes(NamedTuple):
    whole: str
    """Of the whole file, in hex."""
    pieces: list[bytes]
    """Of each 4 MiB; an empty file has none."""


def sha256_file(path: Path) -> str:
    """The hash in lower-case hex.

    Raises: FileMissing, StorageGone.
    """
    with wrap_os_errors(), path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_pieces(path: Path, is_wanted: Callable[[], bool]) -> PieceHashes:
    """Read the file once.

    Raises: FileMissing, StorageGone; MediaInterrupted between two pieces when no longer wanted.
    """
    whole, pieces = hashlib.sha256(), []
    with wrap_os_errors(), path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            if not is_wanted():
                raise MediaInterrupted
            whole.update(piece)
            pieces.append(hashlib.sha256(piece).digest())
    return PieceHashes(whole.hexdigest(), pieces)
