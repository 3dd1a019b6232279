"""Bringing files into the page cache, seen by the kernel's own account of it."""

import asyncio
from pathlib import Path

import pytest

from storage.errors import StorageError
from storage.page_cache import PIECE_BYTES, bring_in
from tests.films.page_cache import evict, resident_pages

SIZE_BYTES = PIECE_BYTES + 3 * 2**20 + 5


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film"
    path.write_bytes(b"x" * SIZE_BYTES)
    evict(path)
    return path


def resident_bytes(path: Path) -> int:
    with path.open("r+b") as file:
        return resident_pages(file.fileno()) * 4096


def test_a_piece_is_there_afterwards_and_costs_nothing_again(film: Path) -> None:
    assert 0 < bring_in(film, 0) <= PIECE_BYTES, "the kernel reads ahead, too"
    assert resident_bytes(film) >= PIECE_BYTES

    assert bring_in(film, 0) == 0


def test_the_last_piece_ends_with_the_file(film: Path) -> None:
    assert 0 < bring_in(film, PIECE_BYTES) <= SIZE_BYTES - PIECE_BYTES
    assert bring_in(film, 2 * PIECE_BYTES) == 0


async def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        await asyncio.to_thread(bring_in, tmp_path / "gone", 0)
