"""A request that hangs is fenced by another, and wakes at each step: nothing that it does then
counts, nothing that was acknowledged is lost. Every row of the table in `docs/several-machines.md`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from db.pool import Database
from db.uploads import upload_holders, uploads
from events.media import pipeline
from events.uploads import exclusive_access
from events.uploads.errors import UploadError, UploadTakenOver
from events.uploads.uploads import Uploads
from storage.disk import SHARED_DISK
from storage.errors import PartialBusy
from storage.paths import StoragePaths
from storage.receiving.uploads import UploadFile
from tests.events.uploads.sending import (
    FILM,
    SETTINGS,
    Examiner,
    append,
    create,
    row_of,
    unfinished,
)
from tests.harness.waiting import wait_until

HALF = len(FILM) // 2
OTHER = bytes(len(FILM))  # as much as the film, and nothing of it


class Hang:
    """Stops the first call of a function where it is told to, until it wakes."""

    def __init__(self, function: Callable[..., Awaitable[Any]], moment: str) -> None:
        self.is_here, self.wakes = asyncio.Event(), asyncio.Event()
        self._function, self._moment = function, moment

    async def call(self, *arguments: Any, **named: Any) -> Any:
        if self._moment == "before":
            await self._stop()
        result = await self._function(*arguments, **named)
        if self._moment == "after":
            await self._stop()
        return result

    async def _stop(self) -> None:
        if not self.is_here.is_set():
            self.is_here.set()
            await self.wakes.wait()


Hanging = Callable[[Any, str, str], Hang]


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Hanging:
    monkeypatch.setattr(exclusive_access, "PATIENCE_S", 0.05)
    monkeypatch.setattr(upload_holders, "COMPLETION_SILENT_S", 0.0)

    def hang(owner: Any, name: str, moment: str) -> Hang:
        made = Hang(getattr(owner, name), moment)

        async def call(*arguments: Any, **named: Any) -> Any:
            return await made.call(*arguments, **named)

        monkeypatch.setattr(owner, name, call)
        return made

    return hang


@pytest.fixture
async def other(
    database: Database, storage: StoragePaths, examiner: Any, made: Uploads
) -> AsyncIterator[Uploads]:
    """Another machine's."""
    opened = Uploads(database, storage, SHARED_DISK, examiner, SETTINGS)
    yield opened
    await opened.close()


async def video_bytes(database: Database, storage: StoragePaths) -> list[bytes]:
    """The file of each video, by the rows; no other file may be there."""
    rows = await database.fetch_all("SELECT id FROM videos")
    paths = [storage.asset("c1", row.id, "original.mp4") for row in rows]
    there = await asyncio.to_thread(lambda: [*storage.courses.glob("*/*/*")])
    assert sorted(there) == sorted(paths)
    return [await asyncio.to_thread(path.read_bytes) for path in paths]


@pytest.mark.parametrize(
    ("owner", "name", "moment", "sent", "kept_bytes"),
    [
        pytest.param(upload_holders, "hold", "before", OTHER, HALF, id="has the lock, not the row"),
        pytest.param(upload_holders, "hold", "after", OTHER, HALF, id="is the holder"),
        pytest.param(UploadFile, "_write_all", "before", OTHER, HALF, id="in a write"),
        pytest.param(UploadFile, "sync", "before", OTHER, HALF, id="before fsync"),
        pytest.param(uploads, "advance", "before", OTHER, HALF, id="before it counts"),
        pytest.param(uploads, "advance", "after", FILM, len(FILM) - 1, id="after it counted"),
        pytest.param(Examiner, "examine", "after", FILM, len(FILM) - 1, id="in the examination"),
        pytest.param(pipeline, "enter", "before", FILM, len(FILM) - 1, id="published, no row yet"),
    ],
)
async def test_one_that_wakes_after_the_upload_is_a_video_changes_nothing(
    made: Uploads,
    other: Uploads,
    database: Database,
    storage: StoragePaths,
    hanging: Hanging,
    owner: Any,
    name: str,
    moment: str,
    sent: bytes,
    kept_bytes: int,
) -> None:
    upload_id = await create(made)
    await append(made, upload_id, FILM[:HALF])
    hang = hanging(owner, name, moment)
    hung = asyncio.create_task(append(made, upload_id, sent[HALF:], offset_bytes=HALF))
    await hang.is_here.wait()

    await other.end_writers(await row_of(database, upload_id))
    kept = (await row_of(database, upload_id)).offset_bytes
    done = await append(other, upload_id, FILM[kept:], offset_bytes=kept)

    hang.wakes.set()
    with pytest.raises(UploadError):
        await hung
    assert kept == kept_bytes
    assert done.video_id is not None
    assert await video_bytes(database, storage) == [FILM]
    assert await unfinished(storage) == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        pytest.param(UploadFile, "_write_all", id="in a write"),
        pytest.param(UploadFile, "sync", id="before fsync"),
        pytest.param(uploads, "advance", id="before it counts"),
    ],
)
async def test_one_that_wakes_while_the_other_writes_is_told_and_spoils_nothing(
    made: Uploads,
    other: Uploads,
    database: Database,
    storage: StoragePaths,
    hanging: Hanging,
    owner: Any,
    name: str,
) -> None:
    upload_id = await create(made)
    await append(made, upload_id, FILM[:HALF])
    hang = hanging(owner, name, "before")
    hung = asyncio.create_task(append(made, upload_id, OTHER[HALF:-1], offset_bytes=HALF))
    await hang.is_here.wait()
    await append(other, upload_id, FILM[HALF : HALF + 10], offset_bytes=HALF)

    hang.wakes.set()
    with pytest.raises(UploadTakenOver):
        await hung

    assert (await row_of(database, upload_id)).offset_bytes == HALF + 10
    await append(made, upload_id, FILM[HALF + 10 :], offset_bytes=HALF + 10)
    assert await video_bytes(database, storage) == [FILM]


async def test_one_that_hangs_after_its_commit_has_made_the_video(
    made: Uploads, other: Uploads, database: Database, storage: StoragePaths, hanging: Hanging
) -> None:
    upload_id = await create(made)
    hang = hanging(pipeline, "enter", "after")
    hung = asyncio.create_task(append(made, upload_id, FILM))
    await hang.is_here.wait()

    there = await append(other, upload_id, offset_bytes=len(FILM))

    hang.wakes.set()
    assert (await hung).video_id == there.video_id
    assert await video_bytes(database, storage) == [FILM]


async def test_one_that_completes_it_is_waited_for_as_long_as_it_lives(
    made: Uploads,
    other: Uploads,
    database: Database,
    storage: StoragePaths,
    hanging: Hanging,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload_id = await create(made)
    slow = hanging(Examiner, "examine", "before")
    monkeypatch.setattr(upload_holders, "COMPLETION_SILENT_S", 0.3)
    sending = asyncio.create_task(append(made, upload_id, FILM))
    await slow.is_here.wait()
    await database.fetch_all("UPDATE uploads SET completing_at = now() - interval '1 minute'")

    await made.look()
    with pytest.raises(PartialBusy):
        await other.end_writers(await row_of(database, upload_id))

    slow.wakes.set()
    assert (await sending).video_id is not None
    assert await video_bytes(database, storage) == [FILM]


@pytest.mark.parametrize(
    ("owner", "name"),
    [(UploadFile, "_write_all"), (Examiner, "examine")],
    ids=["received", "completed"],
)
async def test_claims_are_looked_at_while_an_upload_is(
    made: Uploads, hanging: Hanging, owner: Any, name: str
) -> None:
    upload_id = await create(made)
    assert not made.are_received.is_set()
    hang = hanging(owner, name, "before")
    sending = asyncio.create_task(append(made, upload_id, FILM))
    await hang.is_here.wait()
    assert made.are_received.is_set()

    hang.wakes.set()
    assert (await sending).video_id is not None
    assert not made.are_received.is_set()


async def test_of_two_that_take_over_the_newer_has_it(
    made: Uploads, other: Uploads, database: Database, storage: StoragePaths, hanging: Hanging
) -> None:
    upload_id = await create(made)
    hang = hanging(UploadFile, "_write_all", "before")
    hung = asyncio.create_task(append(made, upload_id, OTHER))
    await hang.is_here.wait()

    async def claims() -> int:
        return (await row_of(database, upload_id)).claims

    older = asyncio.create_task(append(other, upload_id, OTHER))
    await wait_until(claims, lambda seen: seen == 2)
    newer = await append(made, upload_id, FILM[:HALF])

    with pytest.raises((UploadTakenOver, PartialBusy)):
        await older
    hang.wakes.set()
    with pytest.raises(UploadTakenOver):
        await hung
    assert newer.offset_bytes == HALF
    await append(other, upload_id, FILM[HALF:], offset_bytes=HALF)
    assert await video_bytes(database, storage) == [FILM]


async def test_a_holder_that_dies_for_good_costs_only_what_was_not_counted(
    made: Uploads, other: Uploads, database: Database, storage: StoragePaths, hanging: Hanging
) -> None:
    """Several, one after the other: the bytes lie in as many files."""
    upload_id = await create(made)
    hung = []
    for kept in (0, 100, 200):
        await append(other, upload_id, FILM[kept : kept + 100], offset_bytes=kept)
        hang = hanging(UploadFile, "_write_all", "before")
        late = append(made, upload_id, OTHER[kept + 100 :], offset_bytes=kept + 100)
        hung.append((hang, asyncio.create_task(late)))
        await hang.is_here.wait()
    await append(other, upload_id, FILM[300:], offset_bytes=300)
    for hang, late_one in hung:
        hang.wakes.set()
        with pytest.raises(UploadError):
            await late_one

    assert await video_bytes(database, storage) == [FILM]
    assert await unfinished(storage) == []


async def test_terminating_needs_no_holder_that_answers(
    made: Uploads, other: Uploads, database: Database, storage: StoragePaths, hanging: Hanging
) -> None:
    upload_id = await create(made)
    hang = hanging(UploadFile, "_write_all", "before")
    hung = asyncio.create_task(append(made, upload_id, FILM))
    await hang.is_here.wait()

    await other.terminate(upload_id)

    hang.wakes.set()
    with pytest.raises(UploadError):
        await hung
    assert await unfinished(storage) == []
    assert await video_bytes(database, storage) == []
