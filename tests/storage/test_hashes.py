import hashlib
from pathlib import Path

import pytest

from storage.errors import FileMissing, MediaInterrupted
from storage.hashes import PIECE_BYTES, hash_pieces, sha256_file


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 + 1])
def test_hash_is_that_of_the_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "file"
    path.write_bytes(content[:size])

    assert sha256_file(path) == hashlib.sha256(content[:size]).hexdigest()


def test_a_missing_file_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        sha256_file(tmp_path / "nothing")


@pytest.mark.parametrize(
    "size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES]
)
def test_each_piece_is_hashed_and_the_whole(tmp_path: Path, size: int) -> None:
    content = (b"lecture " * (size // 8 + 1))[:size]
    path = tmp_path / "file"
    path.write_bytes(content)

    found = hash_pieces(path, lambda: True)

    assert found.whole == hashlib.sha256(content).hexdigest()
    assert found.pieces == [
        hashlib.sha256(content[start : start + PIECE_BYTES]).digest()
        for start in range(0, size, PIECE_BYTES)
    ]


def test_hashing_ends_between_two_pieces_when_it_is_not_wanted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(2 * PIECE_BYTES))
    wanted = iter([True, False])

    with pytest.raises(MediaInterrupted):
        hash_pieces(path, lambda: next(wanted))


def test_a_file_that_is_gone_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        hash_pieces(tmp_path / "gone", lambda: True)
