import asyncio
import errno
import fcntl
from pathlib import Path
from uuid import uuid4

import pytest

from storage.disk import Disk
from storage.errors import FileMissing, StorageFull, StorageGone
from storage.paths import StoragePaths
from storage.receiving import uploads
from storage.receiving.uploads import BATCH_BYTES, UploadFile, receive
from storage.upkeep.inventory import remove_unfinished


class FullDisk:
    """Writes some bytes, then fails with ENOSPC, as a full disk does."""

    def __init__(self, room_bytes: int) -> None:
        self.room_bytes = room_bytes

    async def write(self, view: memoryview, /) -> int:
        if not self.room_bytes:
            raise OSError(28, "No space left on device")
        taken = min(self.room_bytes, len(view))
        self.room_bytes -= taken
        return taken

    def fileno(self) -> int:
        raise AssertionError("a full disk is never synced")


class RecordingFile:
    """Writes at most 300,000 bytes per call, as a raw file may."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.writes: list[int] = []

    async def write(self, view: memoryview, /) -> int:
        self.writes.append(len(view))
        self.content += view[:300_000]
        return min(300_000, len(view))

    def fileno(self) -> int:
        raise AssertionError("not asked for here")


@pytest.mark.parametrize(
    "chunk_bytes", [1, BATCH_BYTES - 1, BATCH_BYTES, BATCH_BYTES + 1, 3 * BATCH_BYTES + 7]
)
async def test_what_is_appended_is_what_is_stored(
    paths: StoragePaths, disk: Disk, chunk_bytes: int
) -> None:
    chunks = [bytes([n]) * chunk_bytes for n in range(3)]

    async with receive(paths, uuid4(), disk, 0) as upload:
        for chunk in chunks:
            await upload.append(memoryview(chunk))
        await upload.finish()

        assert upload.offset == 3 * chunk_bytes
        assert upload.path.read_bytes() == b"".join(chunks)


async def test_short_writes_lose_nothing(tmp_path: Path, disk: Disk) -> None:
    file = RecordingFile()
    upload = UploadFile(tmp_path / "upload", file, disk, 0)

    await upload.append(bytes(range(256)) * 8192)

    assert bytes(file.content) == bytes(range(256)) * 8192
    assert max(file.writes) == BATCH_BYTES


async def test_small_chunks_wait_for_a_full_batch(paths: StoragePaths, disk: Disk) -> None:
    async with receive(paths, uuid4(), disk, 0) as upload:
        await upload.append(bytes(BATCH_BYTES - 1))
        assert upload.path.stat().st_size == 0

        await upload.append(b"x")
        assert upload.path.stat().st_size == BATCH_BYTES


async def test_unpublished_upload_leaves_nothing(paths: StoragePaths, disk: Disk) -> None:
    async with receive(paths, uuid4(), disk, 0) as upload:
        await upload.append(b"x")
        await upload.finish()

    assert list(paths.unfinished.iterdir()) == []


async def test_failed_upload_leaves_nothing(paths: StoragePaths, disk: Disk) -> None:
    async def upload_that_fails() -> None:
        async with receive(paths, uuid4(), disk, 0) as upload:
            await upload.append(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await upload_that_fails()

    assert list(paths.unfinished.iterdir()) == []


async def test_cancelled_upload_leaves_nothing(paths: StoragePaths, disk: Disk) -> None:
    started = asyncio.Event()

    async def upload_forever() -> None:
        async with receive(paths, uuid4(), disk, 0) as upload:
            while True:
                await upload.append(bytes(BATCH_BYTES))
                started.set()

    task = asyncio.create_task(upload_forever())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert list(paths.unfinished.iterdir()) == []


async def test_upload_cancelled_while_opening_leaves_nothing(
    paths: StoragePaths, disk: Disk
) -> None:
    async def open_upload() -> None:
        async with receive(paths, uuid4(), disk, 0):
            raise AssertionError("cancelled before")

    for turns in range(12):
        task = asyncio.create_task(open_upload())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert list(paths.unfinished.iterdir()) == []


async def test_full_disk_is_reported(tmp_path: Path, disk: Disk) -> None:
    upload = UploadFile(tmp_path / "upload", FullDisk(BATCH_BYTES + 5), disk, 0)
    await upload.append(bytes(BATCH_BYTES))

    with pytest.raises(StorageFull):
        await upload.append(bytes(BATCH_BYTES))


async def test_reserve_is_kept_from_the_start(paths: StoragePaths, disk: Disk) -> None:
    with pytest.raises(StorageFull):
        async with receive(paths, uuid4(), disk, 1 << 62):
            raise AssertionError("there is no such disk")

    assert list(paths.unfinished.iterdir()) == []


async def test_reserve_is_kept_while_bytes_arrive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, disk: Disk
) -> None:
    asked: list[int] = []

    async def require_space(directory: Path, wanted_bytes: int, disk: Disk) -> None:
        asked.append(wanted_bytes)

    monkeypatch.setattr(uploads, "require_space", require_space)
    upload = UploadFile(tmp_path / "upload", RecordingFile(), disk, 1000)
    for _ in range(17):
        await upload.append(bytes(BATCH_BYTES))

    assert asked == [1000 + BATCH_BYTES, 1000 + BATCH_BYTES]


async def test_nothing_is_taken_when_the_storage_is_gone(paths: StoragePaths, disk: Disk) -> None:
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        async with receive(paths, uuid4(), disk, 0):
            raise AssertionError("the storage is gone")


async def test_two_uploads_never_mix(paths: StoragePaths, disk: Disk) -> None:
    async def store(letter: bytes) -> bytes:
        async with receive(paths, uuid4(), disk, 0) as upload:
            for _ in range(40):
                await upload.append(letter * 70_000)
            await upload.finish()
            return upload.path.read_bytes()

    stored = await asyncio.gather(store(b"a"), store(b"b"))

    assert [*stored] == [b"a" * 2_800_000, b"b" * 2_800_000]


async def test_upload_does_not_begin_in_a_file_that_was_just_cleared(
    paths: StoragePaths, disk: Disk, cleared_before_its_lock: None
) -> None:
    with pytest.raises(FileMissing):
        await _begun(paths, disk)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
async def test_storage_without_locks_takes_uploads_and_clears_none(
    paths: StoragePaths, disk: Disk, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(code, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)

    async with receive(paths, uuid4(), disk, 0) as upload:
        await asyncio.to_thread(remove_unfinished, paths)
        await upload.append(b"x")
        await upload.finish()
        assert upload.path.read_bytes() == b"x"


async def _begun(paths: StoragePaths, disk: Disk) -> None:
    async with receive(paths, uuid4(), disk, 0):
        pass
