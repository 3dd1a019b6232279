import hashlib
from pathlib import Path

import pytest

from storage.errors import FileMissing
from storage.sha256 import sha256_file


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 + 1])
def test_hash_is_that_of_the_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "file"
    path.write_bytes(content[:size])

    assert sha256_file(path) == hashlib.sha256(content[:size]).hexdigest()


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        sha256_file(tmp_path / "nothing")
