import asyncio
import hashlib
from pathlib import Path
from uuid import uuid4

import pytest

from storage.disk import Disk
from storage.errors import PartialBusy, PartialLost, StorageFull, StorageGone
from storage.paths import StoragePaths
from storage.receiving.partials import hold_partial, list_partials, remove_partial, require_free
from storage.receiving.uploads import BATCH_BYTES
from storage.upkeep.inventory import remove_unfinished
from storage.videos import publish_partial


async def test_what_was_stored_is_gone_on_with(paths: StoragePaths, disk: Disk) -> None:
    upload_id = uuid4()
    for offset, content in ((0, b"one "), (4, b"two "), (8, b"three")):
        async with hold_partial(paths, upload_id, disk) as held:
            file = await held.resume(offset, 0)
            await file.append(content)
            await file.finish()
            assert file.offset == await file.sync() == offset + len(content)

    assert paths.partial(upload_id).read_bytes() == b"one two three"


async def test_what_lies_behind_the_offset_is_dropped(paths: StoragePaths, disk: Disk) -> None:
    upload_id = uuid4()
    paths.partial(upload_id).write_bytes(b"known and not known")

    async with hold_partial(paths, upload_id, disk) as held:
        await held.resume(5, 0)

    assert paths.partial(upload_id).read_bytes() == b"known"


async def test_file_that_is_too_short_is_lost(paths: StoragePaths, disk: Disk) -> None:
    async with hold_partial(paths, uuid4(), disk) as held:
        with pytest.raises(PartialLost):
            await held.resume(1, 0)


async def test_reserve_of_the_disk_is_kept(paths: StoragePaths, disk: Disk) -> None:
    async with hold_partial(paths, uuid4(), disk) as held:
        with pytest.raises(StorageFull):
            await held.resume(0, 1 << 62)


async def test_one_at_a_time_holds_it(paths: StoragePaths, disk: Disk) -> None:
    upload_id = uuid4()
    async with hold_partial(paths, upload_id, disk):
        with pytest.raises(PartialBusy):
            require_free(paths, upload_id)
        with pytest.raises(PartialBusy):
            async with hold_partial(paths, upload_id, disk):
                raise AssertionError("held twice")
        assert not await asyncio.to_thread(remove_partial, paths, upload_id)

    require_free(paths, upload_id)
    assert await asyncio.to_thread(remove_partial, paths, upload_id)
    assert await asyncio.to_thread(list_partials, paths) == []


async def test_digest_takes_in_what_is_written(paths: StoragePaths, disk: Disk) -> None:
    content, digest = b"some bytes" * BATCH_BYTES, hashlib.sha256()
    async with hold_partial(paths, uuid4(), disk) as held:
        file = await held.resume(0, 0, digest)
        await file.append(content)
        await file.finish()

    assert digest.digest() == hashlib.sha256(content).digest()


async def test_nothing_is_held_where_the_storage_is_gone(paths: StoragePaths, disk: Disk) -> None:
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        async with hold_partial(paths, uuid4(), disk):
            raise AssertionError("the storage is gone")


def test_no_start_and_no_age_removes_it(paths: StoragePaths) -> None:
    upload_id = uuid4()
    paths.partial(upload_id).touch()
    paths.upload(upload_id).touch()
    (paths.unfinished / "strange.part").touch()

    assert remove_unfinished(paths) == [str(upload_id), "strange.part"]
    assert list_partials(paths) == [upload_id]


async def test_published_it_keeps_its_own_name(paths: StoragePaths, disk: Disk) -> None:
    upload_id, video_id = uuid4(), uuid4()
    paths.partial(upload_id).write_bytes(b"a lecture")

    published = await asyncio.to_thread(
        publish_partial, paths, paths.partial(upload_id), "c1", video_id, "original.mp4"
    )

    assert published == paths.asset("c1", video_id, "original.mp4")
    assert [path.read_bytes() for path in (published, paths.partial(upload_id))] == [
        b"a lecture"
    ] * 2


def test_its_name_is_known_again(tmp_path: Path) -> None:
    upload_id = uuid4()
    paths = StoragePaths(tmp_path)

    assert paths.partial(upload_id) == tmp_path / "tmp" / f"{upload_id}.part"
