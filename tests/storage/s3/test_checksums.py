"""A fetched file compared with S3's facts of the object."""

import base64
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.s3.checksums import Expected, Mismatch, Verified, verify

CONTENT = bytes(range(256)) * 10_000
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT)
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
CRC32 = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
WRONG = base64.b64encode(b"....").decode()


def parted(*sizes: int) -> str:
    """The ETag of an upload in parts of these sizes."""
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    parts = [CONTENT[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    joined = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"


def of_parts(*sizes: int) -> Expected:
    return Expected(SIZE, parted(*sizes), part_sizes=sizes)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


GOOD = [
    (Expected(SIZE, MD5), "etag"),
    (of_parts(1_000_000, 1_000_000, 560_000), "etag"),
    (of_parts(SIZE // 2, SIZE // 2), "etag"),
    (of_parts(SIZE), "etag"),
    (of_parts(7, SIZE - 8, 1), "etag"),
    (Expected(SIZE, "0" * 32, crc32=CRC32), "crc32"),
    (Expected(SIZE, "0" * 32, sha256=base64.b64encode(SHA256.digest()).decode()), "sha256"),
    (Expected(SIZE, "0" * 32, has_md5_etag=False), "size"),
    (Expected(SIZE, "no hash"), "size"),
]
BAD = [
    Expected(SIZE + 1, MD5),
    Expected(SIZE, "0" * 32),
    Expected(SIZE, parted(1_000_000, SIZE - 1_000_000), part_sizes=(999_999, SIZE - 999_999)),
    Expected(SIZE, parted(SIZE), part_sizes=(SIZE - 1,)),
    Expected(SIZE, parted(SIZE), part_sizes=(SIZE + 1,)),
    Expected(SIZE, MD5, crc32=WRONG),
    Expected(SIZE, MD5, sha256=WRONG),
]


@pytest.mark.parametrize(("expected", "by"), GOOD)
def test_the_strongest_that_is_known_is_compared(file: Path, expected: Expected, by: str) -> None:
    assert verify(file, expected) == Verified(SHA256.hexdigest(), by)


@pytest.mark.parametrize("expected", BAD)
def test_what_differs_is_reported(file: Path, expected: Expected) -> None:
    with pytest.raises(Mismatch):
        verify(file, expected)


def test_a_file_is_read_as_it_arrives(tmp_path: Path) -> None:
    """No byte is read before it has arrived."""
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))

    def arriving() -> Iterator[int]:
        with path.open("r+b") as file:
            for stop in (0, 7, 7, SIZE // 2, SIZE):
                file.write(CONTENT[file.tell() : stop])
                file.flush()
                yield stop

    assert verify(path, Expected(SIZE, MD5), arriving()) == Verified(SHA256.hexdigest(), "etag")
