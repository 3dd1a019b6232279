"""The bytes of a file that are in memory, as the kernel tells of them."""

import os
from pathlib import Path

import pytest

from storage.residency import is_in_memory
from tests.films.page_cache import evict

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PIECE_BYTES = 1 << 20
SIZE_BYTES = 2 * PIECE_BYTES + 5


@pytest.fixture
def film(tmp_path: Path):
    path = tmp_path / "film"
    path.write_bytes(bytes(SIZE_BYTES))
    descriptor = os.open(path, os.O_RDONLY)
    yield path, descriptor
    os.close(descriptor)


def mappings() -> int:
    return Path("/proc/self/maps").read_text().count("\n")


@pytest.mark.parametrize(
    ("start", "size_bytes"),
    [(0, PIECE_BYTES), (PIECE_BYTES, PIECE_BYTES), (2 * PIECE_BYTES, 5), (0, 1), (0, SIZE_BYTES)],
)
def test_what_was_read_or_written_is_in_memory(film, start: int, size_bytes: int) -> None:
    _, descriptor = film
    os.pread(descriptor, SIZE_BYTES, 0)

    assert is_in_memory(descriptor, start, size_bytes)


def test_a_file_that_nobody_read_is_not(film) -> None:
    path, descriptor = film
    evict(path)

    assert not is_in_memory(descriptor, 0, PIECE_BYTES)


def test_one_page_that_is_missing_counts(film) -> None:
    path, descriptor = film
    evict(path)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # no reading ahead
    hole = 100 * PAGE_BYTES
    os.pread(descriptor, hole, 0)
    os.pread(descriptor, PIECE_BYTES - hole - PAGE_BYTES, hole + PAGE_BYTES)

    assert not is_in_memory(descriptor, 0, PIECE_BYTES)
    assert is_in_memory(descriptor, 0, hole)

    os.pread(descriptor, 1, hole)
    assert is_in_memory(descriptor, 0, PIECE_BYTES)


def test_of_nothing_and_of_what_cannot_be_mapped_it_is_not_known(film) -> None:
    _, descriptor = film
    assert not is_in_memory(descriptor, 0, 0)
    assert not is_in_memory(descriptor, PAGE_BYTES - 1, 1), "does not begin a page"
    ours, theirs = os.pipe()
    try:
        assert not is_in_memory(ours, 0, PAGE_BYTES)
    finally:
        os.close(ours)
        os.close(theirs)


def test_of_files_of_others_the_kernel_does_not_tell(film, monkeypatch: pytest.MonkeyPatch) -> None:
    _, descriptor = film
    os.pread(descriptor, SIZE_BYTES, 0)
    monkeypatch.setattr(os, "geteuid", lambda: os.fstat(descriptor).st_uid + 1)

    assert not is_in_memory(descriptor, 0, PIECE_BYTES)


def test_no_mapping_is_left(film) -> None:
    _, descriptor = film
    before = mappings()
    for _ in range(100):
        is_in_memory(descriptor, 0, PIECE_BYTES)

    assert mappings() < before + 100
