"""Verification that imported files are still as they were imported. Read-only.

A lecture that had to be converted for browsers no longer has its object's bytes here. Then the
served file is compared with the digest recorded when it was made, and its recorded original with
the imported object.
"""

import sys
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from db.pool import Database
from db.takeover.taken_modules import TakenModule
from db.upkeep import file_rows
from db.upkeep.file_rows import FileRow, VideoFiles
from storage.disk import Disk
from storage.errors import FileMissing, StorageError
from storage.paths import StoragePaths
from storage.s3.checksums import Expected, Mismatch, Verified, verify
from storage.s3.locations import Location
from storage.s3.object_fetch import FetchError
from storage.s3.objects import Client, S3Object, look_up
from storage.s3.verification import verify_object

BROKEN = ("damaged", "lost")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` is the report's column; `found` is the object's current state in S3."""

    state: str
    detail: str
    found: S3Object


class Verifier:
    """Reads files and queries S3 on the threads of the caller's `executor`."""

    def __init__(
        self, database: Database, storage: StoragePaths, executor: Executor, client: Client
    ) -> None:
        self._database = database
        self._storage = storage
        self._disk = Disk(executor)
        self._client = client

    async def verify(self, taken: TakenModule) -> Verdict:
        """Raises: S3Error, StorageGone, DatabaseError."""
        verdict = await self._verify_once(taken)
        if verdict.state in BROKEN:  # a worker may have replaced the file since the rows were read
            verdict = await self._verify_once(taken)
        return verdict

    async def _verify_once(self, taken: TakenModule) -> Verdict:
        rows = await file_rows.read_videos(self._database, [taken.video_id])
        files = rows.get(taken.video_id)
        return await self._disk.run_to_its_end(self._judge, taken, files)

    def _judge(self, taken: TakenModule, files: VideoFiles | None) -> Verdict:
        found = look_up(self._client, sys.maxsize, [Location(taken.bucket, taken.key)])
        if files is None or files.is_deleted:
            return Verdict("deleted", "its video was deleted here", found)
        try:
            return _compare_with_s3(taken, self._check_local(taken, files, found))
        except FetchError as exc:
            return Verdict(exc.state, str(exc), found)
        except Mismatch as exc:
            return Verdict("damaged", str(exc), found)
        except StorageError as exc:
            self._storage.check()  # a missing mount must not look like lost files
            is_missing = isinstance(exc, FileMissing)
            return Verdict("lost" if is_missing else "damaged", exc.sentence, found)

    def _check_local(self, taken: TakenModule, files: VideoFiles, found: S3Object) -> Verdict:
        """Raises: Mismatch, FetchError, StorageError."""
        held = next((row for row in files.files if _holds(row, taken.sha256)), None)
        if held is None:
            return self._check_converted(taken, files, found)
        path = self._path(files, held)
        if _is_same(found, taken):
            summed = verify_object(self._client, found, path)
        else:
            summed = verify(path, Expected(taken.size_bytes, taken.etag, has_md5_etag=False))
        _require(summed, taken.sha256, held)
        if files.is_failed:
            return Verdict("failed", "whole, but it cannot be played here", found)
        return Verdict("verified", f"sha256 {taken.sha256}", found)

    def _check_converted(self, taken: TakenModule, files: VideoFiles, found: S3Object) -> Verdict:
        if files.original.sha256 != taken.sha256:
            raise Mismatch("it was made from other bytes than were taken over")
        served = next((row for row in files.files if row.kind == "representation"), None)
        if served is None:
            raise FileMissing
        expected = Expected(served.size_bytes, "", has_md5_etag=False)
        _require(verify(self._path(files, served), expected), served.sha256, served)
        detail = f"made from sha256 {taken.sha256}, which is not kept; the served file is whole"
        return Verdict("converted", detail, found)

    def _path(self, files: VideoFiles, row: FileRow) -> Path:
        return self._storage.asset(files.course_id, files.id, row.name)


def _require(summed: Verified, sha256: str | None, row: FileRow) -> None:
    """Raises: Mismatch."""
    if summed.sha256 != sha256:
        raise Mismatch(f"the SHA-256 of {row.name} is not what it was")


def _holds(row: FileRow, sha256: str) -> bool:
    """True if the file should have the object's bytes."""
    return row.kind == "original" or row.sha256 == sha256


def _is_same(found: S3Object, taken: TakenModule) -> bool:
    return (found.etag, found.size_bytes) == (taken.etag, taken.size_bytes)


def _compare_with_s3(taken: TakenModule, local: Verdict) -> Verdict:
    """Adds to the local verdict how the object in S3 compares now."""
    found, detail = local.found, local.detail
    if _is_same(found, taken):
        return replace(local, detail=f"{detail}; S3 has the same")
    if found.state == "missing":
        return replace(local, detail=f"{detail}; S3 has it no longer")
    if found.etag:
        return Verdict("changed", f"{detail}; S3 has something else by now", found)
    return Verdict(found.state, f"{detail}; S3: {found.detail}", found)
