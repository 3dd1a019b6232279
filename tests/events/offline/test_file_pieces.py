"""Hashes of pieces: computed once, in the background, of the published bytes alone."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db.media import assets, file_pieces
from db.media.assets import RepresentationRow
from db.pool import Database
from events.errors import DamagedFile, PiecesNotReady
from events.offline import file_pieces as offline
from events.offline.file_pieces import FilePieces
from storage.hashes import PIECE_BYTES, hash_pieces
from storage.paths import StoragePaths, asset_name
from tests.events.conftest import Library
from tests.harness.waiting import wait_until

CONTENT = b"lecture " * (PIECE_BYTES // 8) + b"rest"
PIECES = [
    hashlib.sha256(CONTENT[:PIECE_BYTES]).digest(),
    hashlib.sha256(CONTENT[PIECE_BYTES:]).digest(),
]


@pytest.fixture
async def pieces(database: Database, storage: StoragePaths) -> AsyncIterator[FilePieces]:
    pieces = FilePieces(database, storage, patience_s=0.05)
    yield pieces
    await pieces.stop()


async def published(
    library: Library, storage: StoragePaths, content: bytes = CONTENT
) -> tuple[UUID, str, Path]:
    """A video with one file."""
    video_id = await library.video()
    sha256 = hashlib.sha256(content).hexdigest()
    name = asset_name("source", sha256, "mp4")
    path = storage.asset("c1", video_id, name)
    await asyncio.to_thread(path.parent.mkdir, parents=True)
    await asyncio.to_thread(path.write_bytes, content)
    row = RepresentationRow("mp4", name, "video/mp4", len(content), sha256, is_primary=True)
    async with library.database.transaction() as transaction:
        await assets.remove_representations(transaction, video_id)
        await assets.add_representation(transaction, video_id, row)
    return video_id, name, path


class Gate:
    """Holds hashing until it is opened; counts the files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_open = threading.Event()
        self.count = 0
        monkeypatch.setattr(offline, "hash_pieces", self._hash)

    def _hash(self, path: Path, is_wanted: Any) -> Any:
        self.count += 1
        assert self.is_open.wait(timeout=10)
        return hash_pieces(path, is_wanted)


async def finished(pieces: FilePieces, video_id: UUID, name: str) -> list[bytes]:
    async def ask() -> list[bytes] | None:
        try:
            return (await pieces.get("c1", video_id, [name]))[name]
        except PiecesNotReady:
            return None

    found = await wait_until(ask, lambda found: found is not None)
    return list(found)


async def test_they_are_computed_once(
    library: Library, storage: StoragePaths, pieces: FilePieces
) -> None:
    video_id, name, path = await published(library, storage)

    first = await finished(pieces, video_id, name)
    await asyncio.to_thread(path.unlink)
    again = await pieces.get("c1", video_id, [name])

    assert first == again[name] == PIECES


async def test_who_asks_meanwhile_is_told_to_come_again(
    library: Library, storage: StoragePaths, pieces: FilePieces, monkeypatch: Any
) -> None:
    gate = Gate(monkeypatch)
    video_id, name, _ = await published(library, storage)
    for _ in range(2):
        with pytest.raises(PiecesNotReady):
            await pieces.get("c1", video_id, [name])

    gate.is_open.set()

    assert await finished(pieces, video_id, name) == PIECES
    assert gate.count == 1


async def test_only_so_many_files_wait(
    library: Library, storage: StoragePaths, pieces: FilePieces, monkeypatch: Any
) -> None:
    gate = Gate(monkeypatch)
    monkeypatch.setattr(offline, "MOST_WAITING", 1)
    (one, name, _), (other, _, _) = [await published(library, storage) for _ in range(2)]
    for video_id in (one, other):
        with pytest.raises(PiecesNotReady):
            await pieces.get("c1", video_id, [name])

    gate.is_open.set()

    assert await finished(pieces, other, name) == PIECES
    assert gate.count == 2


@pytest.mark.parametrize(
    ("content", "is_there"), [(None, False), (CONTENT[:-1] + b"!", True), (b"", True)]
)
async def test_other_bytes_than_were_published_have_none(
    library: Library,
    storage: StoragePaths,
    pieces: FilePieces,
    content: bytes | None,
    is_there: bool,
) -> None:
    video_id, name, path = await published(library, storage)
    await asyncio.to_thread(path.unlink)
    if content is not None:
        await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(DamagedFile) as caught:
        await finished(pieces, video_id, name)

    assert (caught.value.file_name, caught.value.is_there) == (name, is_there)
    assert await file_pieces.list_known(library.database, video_id, [name]) == {}


async def test_stopping_ends_what_is_computed(
    library: Library, storage: StoragePaths, pieces: FilePieces, monkeypatch: Any
) -> None:
    gate = Gate(monkeypatch)
    video_id, name, _ = await published(library, storage)
    with pytest.raises(PiecesNotReady):
        await pieces.get("c1", video_id, [name])

    await pieces.stop()
    gate.is_open.set()

    assert await file_pieces.list_known(library.database, video_id, [name]) == {}


async def test_those_of_files_that_were_replaced_are_forgotten(
    library: Library, storage: StoragePaths, pieces: FilePieces
) -> None:
    video_id, name, _ = await published(library, storage)
    await finished(pieces, video_id, name)
    async with library.database.transaction() as transaction:
        await assets.remove_representations(transaction, video_id)

    async with library.database.transaction() as transaction:
        await file_pieces.add(transaction, video_id, "other", [bytes(32)])

    known = await file_pieces.list_known(library.database, video_id, [name, "other"])
    assert known == {"other": [bytes(32)]}


async def test_a_video_that_was_purged_meanwhile_has_none(library: Library) -> None:
    async with library.database.transaction() as transaction:
        await file_pieces.add(transaction, UUID(int=7), "name", [bytes(32)])

    assert await file_pieces.list_known(library.database, UUID(int=7), ["name"]) == {}
