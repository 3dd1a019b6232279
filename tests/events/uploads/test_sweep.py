"""The sweep removes the files of ended uploads, for whatever reason they ended, and no others."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from db import space
from db.pool import Database, open_database
from db.uploads import uploads
from db.uploads.uploads import NewUpload
from events.uploads.sweep import sweep_uploads, upload_sweep
from storage.file_locks import hold_lock
from storage.paths import StoragePaths
from tests.harness.waiting import wait_until

DAY_S = 24 * 3600.0
RESERVED = "SELECT count(*) FROM space_reservations"


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=2) as opened:
        yield opened


async def begin(database: Database, storage: StoragePaths, life_s: float = DAY_S) -> UUID:
    """An upload with five of nine bytes."""
    new = NewUpload(uuid4(), "tess", "c1", "m1", "Title", "a.mp4", "", 9)
    await space.reserve(
        database, new.id, needed_bytes=9, desired_bytes=9, quota_bytes=None, life_s=DAY_S
    )
    await uploads.create(database, new, DAY_S)
    await uploads.advance(database, new.id, 5, life_s, 0)
    storage.partial(new.id).write_bytes(b"bytes")
    return new.id


async def reservations(database: Database) -> int:
    row = await database.fetch_one(RESERVED)
    assert row is not None
    return int(row.count)


async def test_expired_upload_goes_with_its_file_and_room(
    database: Database, storage: StoragePaths
) -> None:
    young, expired = await begin(database, storage), await begin(database, storage, -1)

    assert await sweep_uploads(database, storage) == [expired]

    assert list(storage.unfinished.iterdir()) == [storage.partial(young)]
    assert await reservations(database) == 1
    gone = await uploads.get(database, expired)
    assert gone is not None
    assert gone.is_gone
    assert await sweep_uploads(database, storage) == []


@pytest.mark.parametrize("how", ["terminated", "complete", "unknown"])
async def test_file_that_no_row_needs_goes(
    database: Database, storage: StoragePaths, how: str
) -> None:
    """The process that was to remove it was killed before."""
    upload_id = await begin(database, storage)
    if how == "terminated":
        await uploads.end(database, upload_id)
    elif how == "complete":
        await uploads.complete(database, upload_id, uuid4())
    else:
        storage.partial(upload_id).rename(storage.partial(uuid4()))

    assert len(await sweep_uploads(database, storage)) == 1
    assert list(storage.unfinished.iterdir()) == []


async def test_file_that_is_written_to_stays_until_that_ends(
    database: Database, storage: StoragePaths
) -> None:
    expired = await begin(database, storage, -1)
    claims = (await uploads.read_claims(database, [expired]))[expired]

    with hold_lock(storage.partial(expired)):
        assert await sweep_uploads(database, storage) == []
        assert (await uploads.read_claims(database, [expired]))[expired] > claims  # which ends it
    assert await sweep_uploads(database, storage) == [expired]


async def test_what_ended_long_ago_is_forgotten(database: Database, storage: StoragePaths) -> None:
    old, recent = await begin(database, storage), await begin(database, storage)
    for upload_id in (old, recent):
        await uploads.end(database, upload_id)
    await database.fetch_all(
        "UPDATE uploads SET ended_at = now() - interval '31 days' WHERE id = %s", (old,)
    )

    await sweep_uploads(database, storage)

    assert await uploads.get(database, old) is None
    assert await uploads.get(database, recent) is not None


async def test_nothing_happens_while_the_storage_is_away(
    database: Database, storage: StoragePaths, caplog: pytest.LogCaptureFixture
) -> None:
    expired = await begin(database, storage, -1)
    storage.marker.unlink()

    sweeping = upload_sweep(database, storage)
    sweeping.start()
    await wait_until(lambda: "upload sweep" in caplog.text, within_s=10)
    await sweeping.stop()

    assert storage.partial(expired).exists()
    assert "Traceback" not in caplog.text
