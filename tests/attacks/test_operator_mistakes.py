"""Ten mistakes of operators over a storage of 1,000 videos, each followed by sweeps: lost 0.

A file counts as lost when it is neither in its place nor in the storage's trash with its content.
FULL=1 gives each video a megabyte.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.pool import Database, open_database
from events.errors import ForeignStorage
from events.upkeep.pairing import adopt, pair
from events.upkeep.reconcile import mend, reconcile
from events.upkeep.survey import survey
from events.upkeep.trash import sweep
from events.uploads.sweep import sweep_uploads
from server.commands import demo
from server.commands.tokens import mint_token
from storage.errors import StorageError
from storage.identity import hold_owner_lock
from storage.paths import StoragePaths
from storage.upkeep.inventory import remove_unfinished
from storage.upkeep.trash import restore_trash
from tests.handlers.conftest import SECRET, start_service  # noqa: F401 - a fixture

VIDEOS = 1000
CONTENT = b"film" * (2**18 if os.environ.get("FULL") else 2)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SERVED, PICTURE = f"source-{SHA256[:16]}.mp4", f"small-{SHA256[:16]}.jpg"
HOUR_S, DAY_S = 3600.0, 24 * 3600.0
OLD_S = 9 * DAY_S

ROWS = (
    "INSERT INTO courses (id, title) VALUES ('c1', 'Course')",
    "INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'Module', 0)",
    "INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s, width,"
    " height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by,"
    " status, original_sha256) SELECT id, 'c1', 'm1', 't', 'f', 9, 4, 3, 'mp4', 'h264',"
    " 'video/mp4', true, %(size)s, 'tess', 'ready', %(sha)s FROM unnest(%(ids)s::uuid[]) AS id",
    "INSERT INTO representations SELECT id, 'mp4', %(served)s, 'video/mp4', %(size)s, %(sha)s, true"
    " FROM videos",
    "INSERT INTO thumbnails SELECT id, 'small', 'image/jpeg', %(picture)s, 1, 1, %(size)s, %(sha)s"
    " FROM videos",
)


@dataclass
class Production:
    """A database with its storage, and all that must never be lost."""

    database: Database
    storage: StoragePaths
    ids: list[UUID]

    async def sql(self, *statements: str, **parameters: Any) -> None:
        async with self.database.transaction() as transaction:
            for statement in statements:
                await transaction.execute(statement, parameters)

    async def lost(self, root: Path | None = None) -> int:
        return await asyncio.to_thread(self._lost, root or self.storage.root)

    async def is_in_place(self) -> bool:
        """Also for the database: nothing is missing, and nothing is a stray."""
        return (await survey(self.database, self.storage)).findings == ()

    def _lost(self, root: Path) -> int:
        trashed = {
            path.relative_to(path.parents[2]) for path in root.glob("trash/*/courses/c1/*/*")
        }
        lost = 0
        for video_id in self.ids:
            for name in (SERVED, PICTURE):
                path = root / "courses" / "c1" / str(video_id) / name
                is_there = path.exists() and path.stat().st_size == len(CONTENT)
                lost += not is_there and Path("c1", str(video_id), name) not in trashed
        return lost


@pytest.fixture
async def other(other_dsn: str) -> AsyncIterator[Database]:
    async with open_database(other_dsn, size=3) as database:
        yield database


@pytest.fixture
async def production(dsn: str, tmp_path: Path) -> AsyncIterator[Production]:
    async with open_database(dsn, size=3) as database:
        storage = await pair(database, await asyncio.to_thread(StoragePaths, tmp_path / "storage"))
        made = Production(database, storage, [uuid4() for _ in range(VIDEOS)])
        await made.sql(
            *ROWS,
            ids=[str(one) for one in made.ids],
            size=len(CONTENT),
            sha=SHA256,
            served=SERVED,
            picture=PICTURE,
        )
        await asyncio.to_thread(write_files, storage, made.ids)
        yield made


def write_files(storage: StoragePaths, ids: list[UUID]) -> None:
    at_s = time.time() - OLD_S
    for video_id in ids:
        directory = storage.video_dir("c1", video_id)
        directory.mkdir(parents=True)
        for name in (SERVED, PICTURE):
            (directory / name).write_bytes(CONTENT)
            os.utime(directory / name, (at_s, at_s))
        os.utime(directory, (at_s, at_s))


async def a_day_of(database: Database, root: Path) -> str | None:
    """Start, and what a server does in a day; why it refused to start."""
    try:
        storage = await pair(database, await asyncio.to_thread(StoragePaths, root))
    except (ForeignStorage, StorageError) as exc:
        return str(exc)
    await asyncio.to_thread(remove_unfinished, storage)
    for _ in range(3):
        await sweeps(database, storage)
    return None


async def sweeps(database: Database, storage: StoragePaths) -> None:
    await reconcile(database, storage, time.time())
    await sweep(database, storage, DAY_S)
    await sweep_uploads(database, storage)


async def test_wrong_database(production: Production, other: Database, tmp_path: Path) -> None:
    assert await a_day_of(other, tmp_path / "others") is None

    refused = await a_day_of(other, production.storage.root)

    assert "another storage" in (refused or "")
    assert await production.lost() == 0
    assert await production.is_in_place()


async def test_empty_database(production: Production, other: Database) -> None:
    refused = await a_day_of(other, production.storage.root)

    assert "adopt-storage" in (refused or "")
    assert await production.lost() == 0
    assert await production.is_in_place()


async def test_empty_database_that_adopts_the_storage(
    production: Production, other: Database
) -> None:
    """On a person's word, which was wrong: still nothing goes, and the way back is open."""
    await adopt(other, production.storage)
    assert await a_day_of(other, production.storage.root) is None
    assert await production.lost() == 0

    await adopt(production.database, production.storage)
    assert await a_day_of(production.database, production.storage.root) is None
    assert await production.lost() == 0
    production.storage = await pair(production.database, production.storage)
    assert await production.is_in_place()


@pytest.mark.parametrize("share", [pytest.param(0.03, id="newest 30"), pytest.param(1.0, id="all")])
async def test_restored_older_dump(production: Production, share: float) -> None:
    """A file uploaded since has no row: it stays, repaired it is in the trash, and comes back."""
    newer = [str(one) for one in production.ids[: int(VIDEOS * share)]]
    kept = ("videos", "representations", "thumbnails")
    await production.sql(
        *(f"CREATE TABLE {one}_aside AS SELECT * FROM {one}" for one in kept),
        "DELETE FROM videos WHERE id = ANY(%(ids)s::uuid[])",
        ids=newer,
    )

    assert await a_day_of(production.database, production.storage.root) is None
    assert await production.lost() == 0
    found = await survey(production.database, production.storage)
    assert found.stray_files == 2 * len(newer)

    await mend(production.database, production.storage, found.findings, time.time())
    assert (await survey(production.database, production.storage)).findings == ()
    assert await a_day_of(production.database, production.storage.root) is None
    assert await production.lost() == 0

    await asyncio.to_thread(restore_trash, production.storage)
    await production.sql(
        *(f"INSERT INTO {one} SELECT * FROM {one}_aside ON CONFLICT DO NOTHING" for one in kept)
    )
    assert await production.is_in_place()


async def test_few_strays_go_to_the_trash_and_come_back(production: Production) -> None:
    """As many as a sweep moves by itself."""
    await production.sql(
        "DELETE FROM videos WHERE id = ANY(%(ids)s::uuid[])",
        ids=[str(one) for one in production.ids[:5]],
    )

    assert await a_day_of(production.database, production.storage.root) is None

    assert await production.is_in_place()
    assert await production.lost() == 0
    restored = await asyncio.to_thread(restore_trash, production.storage)
    assert (len(restored.files), restored.blocked) == (10, ())


async def test_wrong_mount(production: Production, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    await asyncio.to_thread(empty.mkdir)

    refused = await a_day_of(production.database, empty)

    assert "mounted" in (refused or "")
    assert await asyncio.to_thread(lambda: list(empty.iterdir())) == []
    assert await production.lost() == 0


async def test_swapped_mounts(production: Production, other: Database, tmp_path: Path) -> None:
    """Under servers that run, and at their start."""
    root, elsewhere = production.storage.root, tmp_path / "elsewhere"
    theirs = await pair(other, await asyncio.to_thread(StoragePaths, elsewhere))
    await asyncio.to_thread(write_files, theirs, production.ids[:20])
    await asyncio.to_thread(swap, root, elsewhere)

    for database, storage in ((production.database, production.storage), (other, theirs)):
        with pytest.raises(StorageError):
            await sweeps(database, storage)
        assert "another storage" in (await a_day_of(database, storage.root) or "")

    assert await production.lost(elsewhere) == 0
    await asyncio.to_thread(swap, root, elsewhere)
    assert await a_day_of(production.database, root) is None
    assert await production.is_in_place()


async def test_two_servers(production: Production, other: Database) -> None:
    """The second has another database, or a copy of the first one's in another cluster."""
    async with AsyncExitStack() as stack:
        holding = hold_owner_lock(production.storage.owner)
        await asyncio.to_thread(holding.__enter__)
        stack.callback(holding.__exit__, None, None, None)
        assert "another database" in (await a_day_of(other, production.storage.root) or "")
        row = "instance_id, database_id FROM storage_identity"
        rows = await production.database.fetch_all(f"SELECT {row}")
        async with other.transaction() as transaction:
            await transaction.execute(
                "CREATE OR REPLACE FUNCTION cluster_identity() RETURNS text LANGUAGE sql"
                " AS $$ SELECT '1' $$"
            )
            await transaction.execute(
                "INSERT INTO storage_identity (instance_id, database_id) VALUES (%s, %s)", rows[0]
            )
        assert "copy of this database" in (await a_day_of(other, production.storage.root) or "")

    assert await production.lost() == 0
    assert await production.is_in_place()


async def test_renamed_folder(production: Production, tmp_path: Path) -> None:
    root, renamed = production.storage.root, tmp_path / "renamed"
    await asyncio.to_thread(root.rename, renamed)

    assert "mounted" in (await a_day_of(production.database, root) or "")
    assert not await asyncio.to_thread(root.exists)
    with pytest.raises(StorageError):
        await sweeps(production.database, production.storage)

    assert await production.lost(renamed) == 0
    assert await a_day_of(production.database, renamed) is None
    assert await production.lost(renamed) == 0


async def test_marker_lost(production: Production) -> None:
    await asyncio.to_thread(production.storage.marker.unlink)

    assert "marker" in (await a_day_of(production.database, production.storage.root) or "")
    assert await production.lost() == 0

    await adopt(production.database, production.storage)
    assert await a_day_of(production.database, production.storage.root) is None
    assert await production.is_in_place()


async def test_demo_on_production(start_service: Callable[..., Any]) -> None:  # noqa: F811
    """A storage that the demo's database does not know is that of `test_empty_database`."""
    service = await start_service()
    await service.put("courses/physics", {"title": "Physics"})
    before = (await service.ask("root", "GET", "courses")).json
    token = {"audience": None, "issuer": None}

    with pytest.raises(demo.NotADemo):
        await demo.seed(service.url, lambda user, **how: mint_token(SECRET, user, **token, **how))

    assert (await service.ask("root", "GET", "courses")).json == before


async def test_clock_a_day_ahead(production: Production) -> None:
    """Files that were deleted, or moved by a sweep, a moment ago can be restored all the same."""
    root, deleted = production.storage.root, [str(one) for one in production.ids[:100]]
    unknown = [str(one) for one in production.ids[100:105]]
    await production.sql(
        "UPDATE videos SET deleted_at = now() WHERE id = ANY(%(ids)s::uuid[])", ids=deleted
    )
    await production.sql("DELETE FROM videos WHERE id = ANY(%(ids)s::uuid[])", ids=unknown)
    assert await a_day_of(production.database, root) is None

    await production.sql(  # a clock that jumps ahead makes all times older
        "UPDATE videos SET deleted_at = deleted_at - interval '25 hours'",
        "UPDATE trash_clock SET looked_at = looked_at - interval '25 hours'",
        "UPDATE trash_marks SET looked_at = looked_at - interval '25 hours'",
    )
    (batch,) = await asyncio.to_thread(lambda: list(production.storage.trash.iterdir()))
    await asyncio.to_thread(batch.rename, batch.with_name("20200101T000000Z-00000000"))

    assert await a_day_of(production.database, root) is None

    assert await production.lost() == 0
    restored = await asyncio.to_thread(restore_trash, production.storage)
    assert len(restored.files) == 2 * len(unknown)


def swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
