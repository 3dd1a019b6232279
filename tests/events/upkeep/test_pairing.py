"""Database and storage are paired once; then neither accepts another, except by an operator."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from db.pool import Database, Queries, open_database
from db.upkeep import storage_identity
from events.errors import ForeignStorage
from events.upkeep.pairing import adopt, pair, require_pair
from storage.errors import StorageError, StorageForeign, StorageGone
from storage.identity import Owner, hold_owner_lock, replace_owner
from storage.paths import StoragePaths


@pytest.fixture
def place(tmp_path: Path) -> StoragePaths:
    """An empty place for a storage."""
    return StoragePaths(tmp_path / "storage")


@pytest.fixture
async def other(other_dsn: str) -> AsyncIterator[Database]:
    async with open_database(other_dsn, size=2) as database:
        yield database


def put(storage: StoragePaths, relative: str = "courses/c1/a.mp4") -> Path:
    path = storage.root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"film")
    return path


async def test_new_database_and_new_storage_meet_and_stay_together(
    database: Database, place: StoragePaths
) -> None:
    first = await pair(database, place)
    await asyncio.to_thread(put, place)
    second = await pair(database, place)

    known = await storage_identity.read_known(database)
    assert known is not None
    assert known.cluster_id.isdigit()
    owner = Owner(known.database_id or "", known.cluster_id)
    assert first == second
    assert (first.expected.storage_id, first.expected.owner) == (known.storage_id, owner)  # type: ignore[union-attr]
    await require_pair(database, first)


@pytest.mark.parametrize("name", ["file", "file/below", "n" * 300])
async def test_place_that_can_be_no_storage_is_refused_in_a_sentence(
    database: Database, tmp_path: Path, name: str
) -> None:
    await asyncio.to_thread((tmp_path / "file").touch)
    place = await asyncio.to_thread(StoragePaths, tmp_path / name)

    for meet in (pair, adopt):
        with pytest.raises(StorageError):
            await meet(database, place)

    assert await storage_identity.read_known(database) is None


async def test_starts_at_once_agree(database: Database, place: StoragePaths) -> None:
    storages = await asyncio.gather(*(pair(database, place) for _ in range(8)))

    assert len(set(storages)) == 1


async def test_start_is_overtaken_by_one_that_makes_both(
    database: Database, place: StoragePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at the storage and that at the database."""
    read_known, faster = storage_identity.read_known, list[StoragePaths]()

    async def overtaken(queries: Queries) -> storage_identity.KnownStorage | None:
        monkeypatch.setattr(storage_identity, "read_known", read_known)
        faster.append(await pair(database, place))
        return await read_known(queries)

    monkeypatch.setattr(storage_identity, "read_known", overtaken)

    assert [await pair(database, place)] == faster


async def test_of_two_databases_that_meet_a_new_storage_at_once_one_has_it(
    database: Database, other: Database, place: StoragePaths
) -> None:
    outcomes = await asyncio.gather(
        pair(database, place), pair(other, place), return_exceptions=True
    )

    assert sorted(isinstance(one, ForeignStorage) for one in outcomes) == [False, True]
    loser = database if isinstance(outcomes[0], ForeignStorage) else other
    assert await storage_identity.read_known(loser) is None


@pytest.mark.parametrize("relative", ["courses/c1/a.mp4", "tmp/a.part", "trash/x/courses/a.mp4"])
async def test_new_database_has_no_storage_that_holds_anything(
    database: Database, place: StoragePaths, relative: str
) -> None:
    """Also one older than owner files."""
    file = await asyncio.to_thread(lambda: place.prepare() and put(place, relative))

    for _ in range(2):
        with pytest.raises(ForeignStorage, match="adopt-storage"):
            await pair(database, place)
        with pytest.raises(ForeignStorage):
            await require_pair(database, place)

    assert await asyncio.to_thread(file.exists)
    assert await storage_identity.read_known(database) is None


async def test_files_without_a_marker_are_nobodys(database: Database, place: StoragePaths) -> None:
    file = await asyncio.to_thread(put, place)

    with pytest.raises(ForeignStorage):
        await pair(database, place)

    assert [one.name for one in file.parent.iterdir()] == ["a.mp4"]
    assert not place.marker.exists()


async def test_new_database_has_no_storage_of_another_even_an_empty_one(
    database: Database, other: Database, place: StoragePaths
) -> None:
    await pair(database, place)

    with pytest.raises(ForeignStorage, match="another database"):
        await pair(other, place)


async def test_unmounted_storage_is_not_made_anew(
    database: Database, place: StoragePaths, tmp_path: Path
) -> None:
    """Nor one whose folder was renamed."""
    await pair(database, place)
    await asyncio.to_thread(place.root.rename, tmp_path / "renamed")
    await asyncio.to_thread(place.root.mkdir)

    with pytest.raises(ForeignStorage, match="mounted"):
        await pair(database, place)
    with pytest.raises(StorageGone):
        await require_pair(database, place)

    assert await asyncio.to_thread(lambda: list(place.root.iterdir())) == []


async def test_other_storage_is_refused_at_start_and_under_a_server_that_runs(
    database: Database, other: Database, place: StoragePaths, tmp_path: Path
) -> None:
    elsewhere = await asyncio.to_thread(StoragePaths, tmp_path / "elsewhere")
    ours = await pair(database, place)
    await pair(other, elsewhere)

    def swap() -> None:
        place.root.rename(tmp_path / "aside")
        elsewhere.root.rename(place.root)

    await asyncio.to_thread(swap)

    with pytest.raises(StorageForeign):
        await require_pair(database, ours)
    for ask in (pair, require_pair):
        with pytest.raises(ForeignStorage):
            await ask(database, place)


async def test_lost_marker_is_mended_by_adoption_and_servers_go_on(
    database: Database, place: StoragePaths
) -> None:
    ours = await pair(database, place)
    await asyncio.to_thread(put, place)
    await asyncio.to_thread(place.marker.unlink)
    with pytest.raises(ForeignStorage):
        await pair(database, place)

    await adopt(database, place)

    await require_pair(database, ours)
    assert await pair(database, place) == ours


async def test_marker_is_not_written_into_an_empty_directory_under_the_old_id(
    database: Database, place: StoragePaths
) -> None:
    ours = await pair(database, place)
    await asyncio.to_thread(shutil.rmtree, place.root)

    await adopt(database, place)

    assert (await pair(database, place)).expected != ours.expected


@pytest.mark.parametrize("text", ["", "three words here"])
async def test_damaged_owner_is_refused_and_mended_by_adoption(
    database: Database, place: StoragePaths, text: str
) -> None:
    await pair(database, place)
    await asyncio.to_thread(place.owner.write_text, text)
    with pytest.raises(StorageGone):
        await pair(database, place)

    await adopt(database, place)

    await pair(database, place)


async def test_adopted_storage_has_one_owner(
    database: Database, other: Database, place: StoragePaths
) -> None:
    ours = await pair(database, place)
    file = await asyncio.to_thread(put, place)

    await adopt(other, place)

    await require_pair(other, await pair(other, place))
    with pytest.raises(StorageForeign):
        await require_pair(database, ours)
    with pytest.raises(ForeignStorage):
        await pair(database, place)
    assert await asyncio.to_thread(file.exists)


async def test_installation_from_before_owners_goes_on_silently(
    database: Database,
    other: Database,
    place: StoragePaths,
) -> None:
    storage_id = await asyncio.to_thread(place.prepare)
    await asyncio.to_thread(put, place)
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO storage_identity (instance_id) VALUES (%s)", (storage_id,)
        )

    await require_pair(database, await pair(database, place))

    with pytest.raises(ForeignStorage):
        await pair(other, place)


async def test_copy_of_the_database_waits_for_the_original_to_end(
    database: Database, place: StoragePaths
) -> None:
    """A dump restored into another cluster: a test server beside production, or a new machine."""
    ours = await pair(database, place)
    original = Owner(ours.expected.owner.database_id, "1")  # type: ignore[union-attr]
    await asyncio.to_thread(replace_owner, place.owner, original)
    async with AsyncExitStack() as stack:
        holding = hold_owner_lock(place.owner)
        await asyncio.to_thread(holding.__enter__)
        stack.callback(holding.__exit__, None, None, None)
        with pytest.raises(ForeignStorage, match="copy"):
            await pair(database, place)
        with pytest.raises(ForeignStorage, match="copy"):
            await require_pair(database, ours)

    await require_pair(database, await pair(database, place))
