"""Offsets and claims of uploads."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from db import space
from db.pool import Database, open_database
from db.uploads import uploads
from db.uploads.uploads import NewUpload

LIFE_S = 3600.0
RESERVATION_OUTLIVES = """
SELECT r.expires_at > u.expires_at AS outlives
FROM space_reservations r JOIN uploads u ON u.id = r.upload_id WHERE u.id = %s
"""


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=2) as opened:
        yield opened


async def begin(database: Database, length_bytes: int = 10) -> UUID:
    new = NewUpload(uuid4(), "tess", "c1", "m1", "Title", "a.mp4", "", length_bytes)
    created = await uploads.create(database, new, LIFE_S)
    assert (created.offset_bytes, created.is_gone) == (0, False)
    return new.id


@pytest.mark.parametrize(
    ("stored", "offsets"),
    [
        pytest.param([3, 7], [3, 7], id="it-grows"),
        pytest.param([7, 3], [7, 7], id="it-never-shrinks"),
        pytest.param([10], [9], id="the-last-byte-waits-for-the-video"),
    ],
)
async def test_offset_is_what_is_stored(
    database: Database, stored: list[int], offsets: list[int]
) -> None:
    upload_id = await begin(database)

    advanced = [await uploads.advance(database, upload_id, one, LIFE_S, 0) for one in stored]

    assert [one.offset_bytes for one in advanced if one] == offsets


async def test_what_has_ended_does_not_advance(database: Database) -> None:
    ended, complete = await begin(database), await begin(database)
    await uploads.end(database, ended)
    await uploads.complete(database, complete, video_id := uuid4())

    for upload_id in (ended, complete, uuid4()):
        assert await uploads.advance(database, upload_id, 5, LIFE_S, 0) is None
    found = await uploads.get_settled(database, complete)
    assert found is not None
    assert (found.video_id, found.offset_bytes) == (video_id, 10)


async def test_room_lives_longer_than_the_upload(database: Database) -> None:
    upload_id = await begin(database)
    await space.reserve(
        database, upload_id, needed_bytes=10, desired_bytes=10, quota_bytes=None, life_s=1
    )

    await uploads.advance(database, upload_id, 5, 10 * LIFE_S, 0)

    row = await database.fetch_one(RESERVATION_OUTLIVES, (upload_id,))
    assert row is not None
    assert row.outlives


async def test_each_claim_is_newer(database: Database) -> None:
    upload_id = await begin(database)

    claimed = [await uploads.claim(database, upload_id) for _ in range(3)]

    assert [one.claims for one in claimed if one] == [1, 2, 3]
    assert await uploads.read_claims(database, [upload_id, uuid4()]) == {upload_id: 3}
    assert await uploads.claim(database, uuid4()) is None
