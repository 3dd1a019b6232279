"""Uploads without HTTP: bytes appended, published, refused with errors of this floor."""

import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import pytest

from db import courses
from db.courses import Module
from db.pool import Database
from db.videos.video import NewVideo
from events.uploads.checksum import Checksum
from events.uploads.errors import (
    UploadGone,
    UploadsStopping,
    UploadTakenOver,
    UploadTooLarge,
    WrongChecksum,
    WrongOffset,
)
from events.uploads.uploads import Arrival, Uploads
from storage.errors import MediaInterrupted, RefusedFormat, Undecodable
from storage.paths import StoragePaths
from tests.events.uploads.sending import (
    FILM,
    Examiner,
    SentBody,
    append,
    create,
    offset_of,
    row_of,
    unfinished,
)


async def test_last_bytes_make_it_a_video(
    made: Uploads, database: Database, storage: StoragePaths
) -> None:
    upload_id = await create(made)

    halfway = await append(made, upload_id, FILM[:10], FILM[10:20])
    done = await append(made, upload_id, FILM[20:], offset_bytes=20)

    assert (halfway.offset_bytes, halfway.video_id) == (20, None)
    assert done.offset_bytes == len(FILM)
    assert done.video_id is not None
    path = storage.asset("c1", done.video_id, "original.mp4")
    assert await asyncio.to_thread(path.read_bytes) == FILM
    assert await unfinished(storage) == []


@pytest.mark.parametrize(
    ("arrival", "fault"),
    [
        pytest.param({"offset_bytes": 3}, WrongOffset, id="another offset"),
        pytest.param({"length_bytes": len(FILM) + 1}, UploadTooLarge, id="more is announced"),
        pytest.param({"checksum": Checksum("sha1", bytes(20))}, WrongChecksum, id="checksum"),
    ],
)
async def test_refused_request_leaves_the_upload_as_it_was(
    made: Uploads, database: Database, arrival: Any, fault: type[Exception]
) -> None:
    upload_id = await create(made)

    with pytest.raises(fault):
        await append(made, upload_id, b"some", **arrival)

    assert await offset_of(database, upload_id) == 0


async def test_bytes_with_their_checksum_are_kept(made: Uploads, database: Database) -> None:
    upload_id = await create(made)
    checksum = Checksum("sha256", hashlib.sha256(b"some bytes").digest())

    await append(made, upload_id, b"some ", b"bytes", checksum=checksum)

    assert await offset_of(database, upload_id) == 10


async def test_what_arrived_before_the_line_broke_is_kept(
    made: Uploads, database: Database
) -> None:
    upload_id = await create(made)

    with pytest.raises(ConnectionError):
        await append(made, upload_id, b"some", ConnectionError(), buffered=b" bytes")

    assert await offset_of(database, upload_id) == 10


async def test_more_than_the_upload_has_is_refused_and_the_rest_is_kept(
    made: Uploads, database: Database
) -> None:
    upload_id = await create(made)

    with pytest.raises(UploadTooLarge):
        await append(made, upload_id, b"some", FILM)

    assert await offset_of(database, upload_id) == 4


async def test_newer_request_ends_the_older_one(made: Uploads, database: Database) -> None:
    upload_id = await create(made)
    older = asyncio.create_task(append(made, upload_id, b"some", silent := asyncio.Event()))
    await silent.wait()

    await made.end_writers(await row_of(database, upload_id))

    with pytest.raises(UploadTakenOver):
        await older
    assert await offset_of(database, upload_id) == 4


async def test_stopping_ends_a_silent_request_and_keeps_its_bytes(
    made: Uploads, database: Database
) -> None:
    upload_id = await create(made)
    sending = asyncio.create_task(append(made, upload_id, b"some", silent := asyncio.Event()))
    await silent.wait()

    await made.close()

    with pytest.raises(UploadsStopping):
        await sending
    assert await offset_of(database, upload_id) == 4


@pytest.mark.parametrize(
    ("found", "fault", "is_gone"),
    [
        pytest.param(RefusedFormat("No."), RefusedFormat, True, id="format"),
        pytest.param(Undecodable(), Undecodable, True, id="no video"),
        pytest.param(MediaInterrupted(), MediaInterrupted, False, id="not examined"),
    ],
)
async def test_only_what_is_refused_for_good_is_gone(
    made: Uploads,
    storage: StoragePaths,
    examiner: Examiner,
    found: Any,
    fault: type[Exception],
    is_gone: bool,
) -> None:
    upload_id, examiner.found = await create(made), found

    with pytest.raises(fault):
        await append(made, upload_id, FILM)

    assert (await unfinished(storage) == []) is is_gone
    examiner.found = Examiner.found
    if is_gone:
        with pytest.raises(UploadGone):
            await append(made, upload_id, FILM)
    else:
        last = {"offset_bytes": len(FILM) - 1}
        assert (await append(made, upload_id, FILM[-1:], **last)).video_id is not None


async def test_right_that_was_lost_meanwhile_publishes_nothing(
    made: Uploads, database: Database
) -> None:
    class NotAllowedAnyMore(Exception):
        pass

    async def refuse() -> Module:
        raise NotAllowedAnyMore

    upload_id = await create(made)
    with pytest.raises(NotAllowedAnyMore):
        await append(made, upload_id, FILM, authorize=refuse)

    assert await database.fetch_all("SELECT id FROM videos") == []


async def test_module_that_goes_in_the_last_moment_takes_the_file_along(
    made: Uploads, database: Database, storage: StoragePaths
) -> None:
    asked = []

    async def allow_once() -> Module:
        asked.append(1)
        if len(asked) > 1:
            raise UploadGone
        async with database.transaction() as transaction:
            await courses.delete_modules(transaction, "c1", "m-c1")
        return Module("m-c1", "c1", "M", 0)

    upload_id = await create(made)
    with pytest.raises(UploadGone):
        await append(made, upload_id, FILM, authorize=allow_once)

    assert len(asked) == 2
    assert await unfinished(storage) == []
    assert await asyncio.to_thread(lambda: [*storage.courses.rglob("original.mp4")]) == []


async def test_first_bytes_that_are_refused_end_the_upload(
    made: Uploads, storage: StoragePaths
) -> None:
    upload_id = await create(made)
    arrival: Any = Arrival(SentBody(b"some"), 0, None, Checksum("sha1", bytes(20)), None)  # type: ignore[arg-type]

    with pytest.raises(WrongChecksum):
        await made.append_first(upload_id, arrival)

    assert await unfinished(storage) == []
    with pytest.raises(UploadGone):
        await append(made, upload_id, b"some")


async def test_terminated_upload_is_gone(made: Uploads, storage: StoragePaths) -> None:
    upload_id = await create(made)
    await append(made, upload_id, b"some")

    await made.terminate(upload_id)

    assert await unfinished(storage) == []
    with pytest.raises(UploadGone):
        await append(made, upload_id, b"more", offset_bytes=4)
    with pytest.raises(UploadGone):
        await made.terminate(uuid4())


@pytest.mark.parametrize("is_published", [True, False])
async def test_whole_upload_stays_only_as_a_video(
    made: Uploads, database: Database, storage: StoragePaths, is_published: bool
) -> None:
    async with made.receive("tess", least_bytes=0, most_bytes=len(FILM), is_exempt=False) as upload:
        await upload.append(FILM)
        file = await upload.finish("a.mp4")
        new = NewVideo(uuid4(), "c1", "m-c1", "Title", file)
        if is_published:
            assert await upload.publish(new) is not None

    stored = await asyncio.to_thread(lambda: [*storage.courses.rglob("original.mp4")])
    assert [await asyncio.to_thread(one.read_bytes) for one in stored] == [FILM] * is_published
    assert await unfinished(storage) == []
    assert await database.fetch_all("SELECT upload_id FROM space_reservations") == []


async def test_whole_upload_has_a_limit(made: Uploads, storage: StoragePaths) -> None:
    receiving = made.receive("tess", least_bytes=0, most_bytes=10**9, is_exempt=False)
    async with receiving as upload:
        await upload.append(bytes(10**6))
        with pytest.raises(UploadTooLarge, match="at most 1000000 bytes"):
            await upload.append(b"x")

    assert await unfinished(storage) == []
