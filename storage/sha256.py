"""SHA-256 of a stored file. Blocks for as long as reading takes; for workers and executors."""

import hashlib
from pathlib import Path

from storage.errors import wrap_os_errors


def sha256_file(path: Path) -> str:
    """The hash in lower-case hex.

    Raises: FileMissing, StorageGone.
    """
    with wrap_os_errors(), path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
