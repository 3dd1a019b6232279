"""Uploads while disk, mount or database fail: a clear answer, nothing lost, nothing invented."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from db.errors import CommitUnknown
from db.pool import Transaction
from db.videos import videos
from events.media import pipeline
from handlers import keys
from tests.handlers.support.outage import cut_connections, no_database
from tests.handlers.uploads.uploading import files_left, is_nothing_left, sending, until_it_arrives
from tests.harness.waiting import wait_until

MIB = 2**20
DISK_BYTES = 4 * MIB
needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can mount a small or a read-only disk"
)


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[None]:
    """A small disk in memory at `directory`. Blocks."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


async def furnished(start_service: Any, **settings: str) -> Any:
    service = await start_service(STORAGE_RESERVE="0", **settings)
    await service.put("courses/c1", {"title": "One"})
    await service.put("courses/c1/enrollments/tess", {"role": "instructor"})
    await service.put("courses/c1/modules/m1", {"title": "One", "position": 1})
    return service


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The storage on a disk of four mebibytes."""
    directory = tmp_path / "disk"
    directory.mkdir()
    with mounted(directory, f"size={DISK_BYTES}"):
        yield directory


@pytest.fixture
async def small_service(disk: Path, start_service: Any) -> Any:
    return await furnished(start_service, STORAGE_PATH=str(disk))


async def remount(disk: Path, mode: str) -> None:
    """The kernel takes a moment to take down the namespaces of a child that has ended."""
    command = ["mount", "-o", f"remount,{mode}", str(disk)]

    async def exit_code() -> int:
        return (await asyncio.to_thread(subprocess.run, command)).returncode

    await wait_until(exit_code, lambda code: code == 0)


async def said_to(service: Any, film: bytes) -> str:
    async with sending(service, len(film)) as upload:
        await upload.send(film)
        answer = await upload.end()
    code = b"" if answer.status == 201 else answer.body.split(b"coursestream:")[1].split(b'"')[0]
    return f"{answer.status} {code.decode()}".strip()


@needs_mounts
async def test_disk_that_is_full_is_reported_and_works_again(
    small_service: Any, disk: Path, mp4: Path
) -> None:
    filler, film = disk / "filler", mp4.read_bytes()
    await asyncio.to_thread(fill, filler)

    assert await said_to(small_service, film) == "507 over-quota"
    assert await is_nothing_left(small_service)

    await asyncio.to_thread(filler.unlink)
    assert await said_to(small_service, film) == "201"


@needs_mounts
async def test_disk_that_fills_up_meanwhile_refuses_what_does_not_fit(
    small_service: Any, disk: Path
) -> None:
    """The free space was looked at before; the write itself is refused (ENOSPC)."""
    async with sending(small_service, 3 * MIB) as upload:
        await upload.send(bytes(MIB + MIB // 2))  # the form's reader holds back a chunk
        await until_it_arrives(small_service, MIB)
        await asyncio.to_thread(fill, disk / "filler")

        await upload.send(bytes(MIB + MIB // 2))
        answer = await upload.answer()

    assert answer.status == 507
    assert await is_nothing_left(small_service)


@needs_mounts
async def test_disk_without_room_for_a_directory_refuses_at_the_end(
    small_service: Any, disk: Path, mp4: Path
) -> None:
    film = mp4.read_bytes()
    async with sending(small_service, len(film)) as upload:
        await upload.send(film)
        await until_it_arrives(small_service)
        remount = ["mount", "-o", "remount,nr_inodes=6", str(disk)]  # those that there are
        await asyncio.to_thread(subprocess.run, remount, check=True)

        answer = await upload.end()

    assert answer.status == 507
    assert await is_nothing_left(small_service)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


@needs_mounts
async def test_read_only_storage_refuses_and_goes_on_serving(
    small_service: Any, disk: Path, mp4: Path
) -> None:
    video = await small_service.ready_video(mp4)
    await remount(disk, "ro")

    assert await said_to(small_service, mp4.read_bytes()) == "503 unavailable"
    answer = await small_service.ask("tess", "GET", f"videos/{video['id']}/stream")
    assert (answer.status, len(answer.body)) == (200, video["size"])

    await remount(disk, "rw")
    assert await said_to(small_service, mp4.read_bytes()) == "201"


@needs_mounts
async def test_storage_that_turns_read_only_meanwhile_refuses(
    small_service: Any, disk: Path, mp4: Path
) -> None:
    film = mp4.read_bytes()
    async with sending(small_service, len(film)) as upload:
        await upload.send(film)
        await until_it_arrives(small_service)
        with mounted(disk / "courses", "ro"):
            answer = await upload.end()

    assert answer.status == 503
    assert await is_nothing_left(small_service)


@needs_mounts
async def test_mount_that_vanishes_under_an_upload_is_not_written_under(
    tmp_path: Path, start_service: Any, mp4: Path
) -> None:
    film, directory = mp4.read_bytes(), tmp_path / "disk"
    directory.mkdir()
    with mounted(directory, "size=4m"):
        service = await furnished(start_service, STORAGE_PATH=str(directory))
        upload_context = sending(service, len(film))
        upload = await upload_context.__aenter__()
        await upload.send(film)
        await until_it_arrives(service)

    answer = await upload.end()
    await upload_context.__aexit__(None, None, None)

    assert answer.status == 503
    assert await is_nothing_left(service)
    assert list(directory.iterdir()) == [], "nothing is written where the mount was"
    assert await said_to(service, film) == "503 unavailable"
    assert list(directory.iterdir()) == []


async def test_storage_without_its_marker_refuses_at_the_end(service: Any, mp4: Path) -> None:
    storage, film = service.app[keys.STORAGE], mp4.read_bytes()
    async with sending(service, len(film)) as upload:
        await upload.send(film)
        await until_it_arrives(service)
        storage.marker.rename(storage.root / "elsewhere")

        answer = await upload.end()

    assert answer.status == 503
    assert await is_nothing_left(service)


async def test_storage_that_is_gone_is_reported_while_serving(service: Any, mp4: Path) -> None:
    """Never 404: the video is not lost, and is there again with the mount."""
    video = await service.ready_video(mp4)
    storage = service.app[keys.STORAGE]
    away = storage.root.with_name("away")
    stream = f"videos/{video['id']}/stream"

    storage.root.rename(away)
    storage.root.mkdir()
    said = await service.ask("tess", "GET", stream)
    pictured = await service.ask("tess", "GET", f"videos/{video['id']}/thumbnails/small")
    listed = await service.ask("tess", "GET", "modules/m1/videos")
    is_ready = await service.ask(None, "GET", "/readyz")
    left = list(storage.root.iterdir())
    storage.root.rmdir()
    away.rename(storage.root)

    assert (said.said, pictured.said) == ("503 unavailable", "503 unavailable")
    assert is_ready.status == 503
    assert [one["id"] for one in listed.json["items"]] == [video["id"]]
    assert left == []
    assert (await service.ask("tess", "GET", stream)).status == 200
    assert (await service.ask(None, "GET", "/readyz")).status == 200


async def test_database_that_is_away_at_the_end_refuses(
    service: Any, mp4: Path, cluster: Any, dsn: str
) -> None:
    film = mp4.read_bytes()
    async with sending(service, len(film)) as upload:
        await upload.send(film)
        await until_it_arrives(service)
        async with no_database(cluster, dsn):
            answer = await upload.end()

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert files_left(service) == []
    assert await said_to(service, film) == "201"


async def test_database_that_is_away_for_a_moment_costs_no_upload(
    service: Any, mp4: Path, cluster: Any, dsn: str
) -> None:
    film = mp4.read_bytes()
    async with sending(service, len(film)) as upload:
        await upload.send(film[:-1])
        await until_it_arrives(service)
        await cut_connections(cluster, dsn)
        await upload.send(film[-1:])
        answer = await upload.end()

    assert answer.status == 201


@pytest.mark.parametrize("step", ["enqueue", "insert"])
async def test_database_lost_before_the_commit_takes_the_file_back(
    service: Any,
    mp4: Path,
    cluster: Any,
    dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    module: Any = {"enqueue": pipeline, "insert": videos}[step]
    original = getattr(module, step)

    async def lose_it(*arguments: Any) -> Any:
        done = await original(*arguments)
        monkeypatch.undo()
        await cut_connections(cluster, dsn)
        return done

    monkeypatch.setattr(module, step, lose_it)

    assert await said_to(service, mp4.read_bytes()) == "503 unavailable"
    assert files_left(service) == []
    assert await service.app[keys.DATABASE].fetch_all("SELECT id FROM videos") == []


@pytest.mark.parametrize("took_place", [True, False])
async def test_commit_in_doubt_is_looked_up(
    service: Any, mp4: Path, monkeypatch: pytest.MonkeyPatch, took_place: bool
) -> None:
    """The connection is lost with the COMMIT: 201 if it took place, else 503 and the file stays
    for the reconcile, since the server may still be at it."""
    commit, film, database = Transaction.commit, mp4.read_bytes(), service.app[keys.DATABASE]

    async def doubtful(self: Transaction) -> None:
        rows = await self.fetch_all("SELECT 1 FROM videos LIMIT 1")
        if not rows:
            return await commit(self)
        if took_place:
            await commit(self)
        raise CommitUnknown

    monkeypatch.setattr(Transaction, "commit", doubtful)
    said = await said_to(service, film)
    monkeypatch.undo()

    rows = await database.fetch_all("SELECT id FROM videos")
    stored = [path.read_bytes() for path in service.app[keys.STORAGE].courses.rglob("original.mp4")]
    assert stored == [film]
    assert (said, len(rows)) == (("201", 1) if took_place else ("503 unavailable", 0))
