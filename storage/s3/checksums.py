"""Verification of a fetched file against the strongest checksum that S3 reports.

A checksum of the whole object where it has one (SHA-256, CRC-32), else the ETag: the MD5 of the
content or, for a multipart upload, the MD5 of the parts' MD5s (Amazon S3 User Guide, "Checking
object integrity"). For objects encrypted with KMS or a customer key the ETag is no MD5: then only
the size is compared. CRC-32C and CRC-64/NVME would need a C library.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.errors import wrap_os_errors

READ_BYTES = 1024 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")


class Mismatch(Exception):
    """The fetched bytes are not those that S3 holds."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Facts reported by S3; None where it reports none."""

    size_bytes: int
    etag: str
    has_md5_etag: bool = True
    part_sizes: tuple[int, ...] | None = None
    sha256: str | None = None  # in base64, of the whole object
    crc32: str | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    sha256: str
    by: str


class _Sum(Protocol):
    def update(self, chunk: bytes, /) -> None: ...

    def value(self) -> str:
        """The checksum as S3 writes it, after all bytes were added."""


class _Sha256:
    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.update = self._hash.update

    def value(self) -> str:
        return base64.b64encode(self._hash.digest()).decode()

    def hex(self) -> str:
        return self._hash.hexdigest()


class _Md5:
    def __init__(self) -> None:
        self._hash = hashlib.md5(usedforsecurity=False)
        self.update = self._hash.update

    def value(self) -> str:
        return self._hash.hexdigest()


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, chunk: bytes, /) -> None:
        self._value = zlib.crc32(chunk, self._value)

    def value(self) -> str:
        return base64.b64encode(self._value.to_bytes(4, "big")).decode()


class PartedMd5:
    """ETag of a multipart upload with parts of these sizes, which together are the input."""

    def __init__(self, part_sizes: Sequence[int]) -> None:
        self._sizes = iter(part_sizes)
        self._missing_bytes = next(self._sizes, 0)
        self._part = hashlib.md5(usedforsecurity=False)
        self._digests: list[bytes] = []

    def update(self, chunk: bytes, /) -> None:
        view = memoryview(chunk)
        while view and self._missing_bytes:
            taken = view[: self._missing_bytes]
            self._part.update(taken)
            self._missing_bytes -= len(taken)
            view = view[len(taken) :]
            if not self._missing_bytes:
                self._end_part()

    def value(self) -> str:
        whole = hashlib.md5(b"".join(self._digests), usedforsecurity=False)
        return f"{whole.hexdigest()}-{len(self._digests)}"

    def _end_part(self) -> None:
        self._digests.append(self._part.digest())
        self._part = hashlib.md5(usedforsecurity=False)
        self._missing_bytes = next(self._sizes, 0)


def verify(path: Path, expected: Expected, arriving: Iterable[int] = ()) -> Verified:
    """Read the file once, up to each position of `arriving`, then to its end. Blocks.

    Raises: Mismatch, FileMissing, StorageGone.
    """
    sha256 = _Sha256()
    by, stated, computed = _strongest(expected, sha256)
    size_bytes = _sum_up(_chunks(path, arriving), {sha256, computed})
    if size_bytes != expected.size_bytes:
        raise Mismatch(f"{size_bytes} of {expected.size_bytes} bytes were fetched")
    if stated is not None and computed.value() != stated:
        raise Mismatch(f"the {by} of the fetched bytes differs from S3's ({stated})")
    return Verified(sha256.hex(), by)


def _strongest(expected: Expected, sha256: _Sha256) -> tuple[str, str | None, _Sum]:
    """The strongest verification possible: its name, the expected value, and the checksum."""
    if expected.sha256:
        return "sha256", expected.sha256, sha256
    if expected.crc32:
        return "crc32", expected.crc32, _Crc32()
    if expected.has_md5_etag and expected.part_sizes:
        return "etag", expected.etag, PartedMd5(expected.part_sizes)
    if expected.has_md5_etag and _MD5.fullmatch(expected.etag):
        return "etag", expected.etag, _Md5()
    return "size", None, sha256


def _chunks(path: Path, arriving: Iterable[int]) -> Iterator[bytes]:
    position = 0
    with path.open("rb", buffering=0) as file:
        for arrived_bytes in arriving:
            while chunk := file.read(min(READ_BYTES, arrived_bytes - position)):
                position += len(chunk)
                yield chunk
        while chunk := file.read(READ_BYTES):
            yield chunk


def _sum_up(chunks: Iterable[bytes], sums: set[_Sum]) -> int:
    """Compute the checksums in threads: hashing releases the GIL, so each has its own core."""
    size_bytes = 0
    with wrap_os_errors(), ThreadPoolExecutor(len(sums), "checksum") as threads:
        for chunk in chunks:
            size_bytes += len(chunk)
            for done in [threads.submit(one.update, chunk) for one in sums]:
                done.result()
    return size_bytes
