"""Checksums of an S3 object, read from its HEAD answers, and the verification of a file by them.

The ETag of a multipart upload depends on the size of each part. S3 reports it by a HEAD of the
part, which is one request per part: only the first is requested, unless the parts prove to be of
unequal sizes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from storage.s3.checksums import Expected, Mismatch, Verified, verify
from storage.s3.object_fetch import FetchError, fetch_error
from storage.s3.objects import Client, S3Object

_KMS = ("aws:kms", "aws:kms:dsse")
_KNOWS_NO_PARTS = (400, 405, 416, 501)


def verify_object(
    client: Client, found: S3Object, path: Path, arriving: Iterable[int] = ()
) -> Verified:
    """Verify the file while it arrives; `arriving` yields the length so far. Blocks.

    Raises: Mismatch, FetchError, FileMissing, StorageGone, and those of `arriving`.
    """
    with _wrap_errors(found):
        expected = _expected(client, found)
    try:
        return verify(path, expected, arriving)
    except Mismatch:
        if expected.part_sizes is None:
            raise
    with _wrap_errors(found):
        sizes = _part_sizes(client, found)
    return verify(path, replace(expected, part_sizes=sizes or expected.part_sizes))


def _expected(client: Client, found: S3Object) -> Expected:
    answer = _head(client, found, ChecksumMode="ENABLED", IfMatch=f'"{found.etag}"')
    is_parted = "-" in found.etag
    is_whole = answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and not is_parted
    has_md5_etag = _has_md5_etag(answer)
    return Expected(
        size_bytes=found.size_bytes,
        etag=found.etag,
        has_md5_etag=has_md5_etag,
        part_sizes=_likely_part_sizes(client, found) if is_parted and has_md5_etag else None,
        sha256=answer.get("ChecksumSHA256") if is_whole else None,
        crc32=answer.get("ChecksumCRC32") if is_whole else None,
    )


def _has_md5_etag(answer: dict[str, Any]) -> bool:
    is_encrypted_by_key = answer.get("ServerSideEncryption") in _KMS
    return not (is_encrypted_by_key or "SSECustomerAlgorithm" in answer)


def _likely_part_sizes(client: Client, found: S3Object) -> tuple[int, ...] | None:
    """Part sizes like the first one's, if they add up; None where S3 reports no size."""
    first_bytes = _part_bytes(client, found, 1)
    if first_bytes is None:
        return None
    whole_parts = range(0, found.size_bytes, first_bytes)
    sizes = tuple(min(first_bytes, found.size_bytes - start) for start in whole_parts)
    return sizes if len(sizes) == _part_count(found) else _part_sizes(client, found)


def _part_sizes(client: Client, found: S3Object) -> tuple[int, ...] | None:
    sizes = tuple(_listed_part_sizes(client, found))
    return sizes if sum(sizes) == found.size_bytes else None


def _listed_part_sizes(client: Client, found: S3Object) -> Iterator[int]:
    for number in range(1, _part_count(found) + 1):
        size_bytes = _part_bytes(client, found, number)
        if size_bytes is None:
            return
        yield size_bytes


def _part_bytes(client: Client, found: S3Object, number: int) -> int | None:
    try:
        answer = _head(client, found, PartNumber=number)
    except ClientError as exc:
        if exc.response["ResponseMetadata"]["HTTPStatusCode"] in _KNOWS_NO_PARTS:
            return None
        raise
    return int(answer["ContentLength"]) if "PartsCount" in answer else None


def _head(client: Client, found: S3Object, **more: Any) -> dict[str, Any]:
    location = found.location
    answer: dict[str, Any] = client.head_object(Bucket=location.bucket, Key=location.key, **more)
    return answer


def _part_count(found: S3Object) -> int:
    count = found.etag.rpartition("-")[2]
    return int(count) if count.isdecimal() else 0


@contextmanager
def _wrap_errors(found: S3Object) -> Iterator[None]:
    try:
        yield
    except ClientError as exc:
        raise fetch_error(found, exc) from exc
    except BotoCoreError as exc:
        raise FetchError("unreachable", str(exc)) from exc
