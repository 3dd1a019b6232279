import asyncio
import fcntl
import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from storage import videos
from storage.disk import Disk
from storage.errors import FileMissing, InvalidPath, StorageGone
from storage.paths import StoragePaths, asset_name
from storage.receiving.partials import hold_partial
from storage.receiving.uploads import receive
from storage.upkeep.inventory import remove_unfinished

SOURCE = asset_name("source", "a" * 64, "mp4")
OTHER = asset_name("source", "b" * 64, "mp4")


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    temp = tmp_path / "finished"
    temp.write_bytes(b"movie")
    return temp


async def test_published_original_is_the_upload(paths: StoragePaths, disk: Disk) -> None:
    video_id = uuid4()

    async with receive(paths, uuid4(), disk, 0) as upload:
        await upload.append(b"movie")
        path = await videos.publish_original(
            paths, upload, "cs-101", video_id, "original.mp4", disk
        )

    assert path == paths.video_dir("cs-101", video_id) / "original.mp4"
    assert path.read_bytes() == b"movie"
    assert list(paths.unfinished.iterdir()) == []


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_what_is_stored_is_for_its_owner_and_group(tmp_path: Path, disk: Disk, umask: int) -> None:
    paths, video_id, upload_id = StoragePaths(tmp_path / "new"), uuid4(), uuid4()

    async def upload_both_ways() -> None:
        async with receive(paths, uuid4(), disk, 0) as upload:
            await upload.append(b"movie")
            await videos.publish_original(paths, upload, "c1", video_id, "original.mp4", disk)
        async with hold_partial(paths, upload_id, disk):
            pass

    before = os.umask(umask)
    try:
        paths.prepare()
        picture = tmp_path / "made"
        picture.write_bytes(b"by a media child")
        videos.adopt_asset(paths, picture, "c1", video_id, SOURCE)
        asyncio.run(upload_both_ways())
        videos.publish_partial(paths, paths.partial(upload_id), "c1", video_id, "original.webm")
    finally:
        os.umask(before)

    found = [paths.root, *paths.root.rglob("*")]
    assert {mode_of(one) for one in found if one.is_dir()} == {0o750}
    assert {mode_of(one) for one in found if one.is_file()} == {0o640}


async def test_refused_extension_leaves_nothing(paths: StoragePaths, disk: Disk) -> None:
    with pytest.raises(InvalidPath):
        async with receive(paths, uuid4(), disk, 0) as upload:
            await videos.publish_original(paths, upload, "cs-101", uuid4(), "original.exe", disk)

    assert list(paths.unfinished.iterdir()) == list(paths.courses.iterdir()) == []


def test_adopted_file_moves_to_its_name(paths: StoragePaths, temp: Path) -> None:
    path = videos.adopt_asset(paths, temp, "cs-101", uuid4(), SOURCE)

    assert path.read_bytes() == b"movie"
    assert not temp.exists()


def test_adopting_twice_replaces(paths: StoragePaths, temp: Path, tmp_path: Path) -> None:
    video_id, again = uuid4(), tmp_path / "again"
    again.write_bytes(b"again")

    videos.adopt_asset(paths, temp, "cs-101", video_id, SOURCE)

    assert videos.adopt_asset(paths, again, "cs-101", video_id, SOURCE).read_bytes() == b"again"


def test_missing_temp_is_reported(paths: StoragePaths, tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        videos.adopt_asset(paths, tmp_path / "nothing", "cs-101", uuid4(), SOURCE)


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_link_to_another_file_is_never_published(paths, temp, tmp_path, link) -> None:
    link(temp, tmp_path / "linked")

    with pytest.raises(InvalidPath):
        videos.adopt_asset(paths, tmp_path / "linked", "cs-101", uuid4(), SOURCE)


def test_pipe_is_never_published(paths: StoragePaths, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InvalidPath):
        videos.adopt_asset(paths, tmp_path / "pipe", "cs-101", uuid4(), SOURCE)


def test_nothing_is_published_when_the_storage_is_gone(paths: StoragePaths, temp: Path) -> None:
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        videos.adopt_asset(paths, temp, "cs-101", uuid4(), SOURCE)
    assert temp.exists()


def test_linking_is_idempotent_and_shares_the_bytes(paths: StoragePaths, temp: Path) -> None:
    video_id = uuid4()
    source = videos.adopt_asset(paths, temp, "cs-101", video_id, "original.mp4")

    for _ in range(2):
        target = videos.link_asset(paths, "cs-101", video_id, "original.mp4", SOURCE)

    assert target.samefile(source)
    assert list(paths.unfinished.iterdir()) == []


def test_removed_asset_leaves_the_others(paths: StoragePaths, temp: Path) -> None:
    video_id = uuid4()
    videos.adopt_asset(paths, temp, "cs-101", video_id, SOURCE)
    kept = videos.link_asset(paths, "cs-101", video_id, SOURCE, OTHER)

    for _ in range(2):
        videos.remove_asset(paths, "cs-101", video_id, SOURCE)

    assert list(paths.video_dir("cs-101", video_id).iterdir()) == [kept]


def test_removed_video_leaves_nothing(paths: StoragePaths, temp: Path) -> None:
    video_id = uuid4()
    videos.adopt_asset(paths, temp, "cs-101", video_id, SOURCE)

    for _ in range(2):
        videos.remove_video(paths, "cs-101", video_id)

    assert not paths.video_dir("cs-101", video_id).exists()


def test_nothing_is_removed_when_the_storage_is_gone(paths: StoragePaths, temp: Path) -> None:
    video_id = uuid4()
    path = videos.adopt_asset(paths, temp, "cs-101", video_id, SOURCE)
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        videos.remove_video(paths, "cs-101", video_id)
    assert path.exists()


def test_scratch_directory_ends_with_its_block(paths: StoragePaths) -> None:
    with videos.scratch(paths) as directory:
        (directory / "file").write_bytes(b"x")
        assert directory.parent == paths.unfinished

    assert list(paths.unfinished.iterdir()) == []


def test_scratch_directory_is_held_where_locks_of_directories_stay_on_their_machine(
    paths: StoragePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS keeps them local: a service that starts on another machine sees none."""
    lock = fcntl.flock

    def on_another_machine(descriptor: int, operation: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            lock(descriptor, operation)

    with videos.scratch(paths) as directory:
        (directory / "file").write_bytes(b"x")
        monkeypatch.setattr(fcntl, "flock", on_another_machine)
        assert remove_unfinished(paths) == []
        assert (directory / "file").exists()

    directory.mkdir()
    assert remove_unfinished(paths) == [directory.name]
