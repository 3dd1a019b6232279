"""The inventory of the storage, and clean-up of unfinished files."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from storage.disk import Disk
from storage.errors import FileMissing, StorageGone
from storage.file_locks import hold_lock, try_exclusive_lock
from storage.paths import StoragePaths
from storage.receiving.uploads import receive
from storage.upkeep.inventory import StoredVideo, list_stored_videos, remove_unfinished
from storage.videos import link_asset, scratch

HOUR_S = 3600.0
NOW_S = time.time()


@pytest.fixture
def paths(tmp_path: Path) -> StoragePaths:
    paths = StoragePaths(tmp_path)
    paths.prepare()
    return paths


def put(path: Path, age_s: float = 0.0, content: bytes = b"12345") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def told(paths: StoragePaths) -> list[tuple[str, UUID | None, list[str]]]:
    def one(video: StoredVideo) -> tuple[str, UUID | None, list[str]]:
        names = [str(file.path.relative_to(video.path)) for file in video.files]
        return video.course_id, video.video_id, sorted(names)

    return [one(video) for video in list_stored_videos(paths)]


def test_every_file_is_reported_wherever_it_lies(paths: StoragePaths) -> None:
    video_id = uuid4()
    directory = paths.video_dir("c1", video_id)
    put(directory / "original.mp4")
    put(directory / "deeper" / "b")
    (directory / "link").symlink_to("/etc/passwd")
    put(paths.courses / "c1" / "notes.txt")
    put(paths.courses / "c2" / str(video_id).upper() / "a")
    put(paths.courses / "here")

    assert sorted(told(paths), key=str) == sorted(
        [
            ("c1", video_id, ["deeper/b", "link", "original.mp4"]),
            ("c1", None, ["notes.txt"]),
            ("c2", None, ["a"]),
            ("", None, ["here"]),
        ],
        key=str,
    )


def test_empty_storage_tells_nothing(paths: StoragePaths) -> None:
    assert told(paths) == []


def test_nothing_is_reported_or_removed_without_the_marker(paths: StoragePaths) -> None:
    unfinished = put(paths.unfinished / "a", HOUR_S)
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        told(paths)
    with pytest.raises(StorageGone):
        remove_unfinished(paths, NOW_S)

    assert unfinished.exists()


def test_unfinished_goes_by_its_newest_part(paths: StoragePaths) -> None:
    put(paths.unfinished / "old", HOUR_S)
    put(paths.unfinished / "young", 0)
    put(paths.unfinished / "old.work" / "remuxed", HOUR_S)
    put(paths.unfinished / "busy.work" / "remuxed", 0)
    for name in ("old.work", "busy.work"):
        os.utime(paths.unfinished / name, (NOW_S - HOUR_S, NOW_S - HOUR_S))
    (paths.unfinished / "dangling").symlink_to("nowhere")
    os.utime(paths.unfinished / "dangling", (0, 0), follow_symlinks=False)

    removed = remove_unfinished(paths, NOW_S - HOUR_S / 2)

    assert removed == ["dangling", "old", "old.work"]
    assert sorted(os.listdir(paths.unfinished)) == ["busy.work", "young"]


def test_what_is_held_stays_however_old(paths: StoragePaths) -> None:
    file = put(paths.unfinished / "upload", HOUR_S)
    directory = put(paths.unfinished / "a.work" / "remuxed", HOUR_S).parent

    with hold_lock(file), hold_lock(directory):
        assert remove_unfinished(paths, NOW_S + HOUR_S) == []

    assert remove_unfinished(paths, NOW_S + HOUR_S) == ["a.work", "upload"]


def test_what_a_crash_left_goes_whatever_its_age(paths: StoragePaths) -> None:
    put(paths.unfinished / "upload", 0)
    put(paths.unfinished / "a.work" / "deep" / "remuxed", 0)

    assert remove_unfinished(paths) == ["a.work", "upload"]
    assert paths.check()


def test_nothing_is_removed_where_the_storage_is_gone(paths: StoragePaths) -> None:
    put(paths.unfinished / "upload", HOUR_S)
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        remove_unfinished(paths)

    assert os.listdir(paths.unfinished) == ["upload"]


def test_directory_that_was_just_cleared_is_not_worked_in(
    paths: StoragePaths, cleared_before_its_lock: None
) -> None:
    with pytest.raises(FileMissing), scratch(paths):
        raise AssertionError("it is gone")


def test_link_is_not_removed_in_the_middle_of_being_published(
    paths: StoragePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = uuid4()
    put(paths.asset("c", video_id, "original.mp4"), 9 * HOUR_S)
    rename = os.replace

    def replace_late(source: Path, target: Path) -> None:
        assert remove_unfinished(paths) == []
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace_late)

    assert link_asset(paths, "c", video_id, "original.mp4", f"source-{'0' * 16}.mp4").exists()


def test_link_that_is_being_published_is_as_young_as_it_is(paths: StoragePaths) -> None:
    """Its content may be a week old."""
    original = put(paths.courses / "c" / "v" / "original.mp4", 9 * HOUR_S)
    os.link(original, paths.unfinished / "draft")

    assert remove_unfinished(paths, time.time() - HOUR_S) == []


@pytest.mark.parametrize("name", ["missing", "pipe", "link"])
def test_what_is_no_file_of_ours_is_held_by_nobody(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")

    with try_exclusive_lock(tmp_path / name) as is_free:
        assert is_free


async def test_running_upload_is_held(tmp_path: Path) -> None:
    paths = await asyncio.to_thread(StoragePaths, tmp_path)
    await asyncio.to_thread(paths.prepare)
    with ThreadPoolExecutor(1) as executor:
        async with receive(paths, uuid4(), Disk(executor), 0) as upload:
            removed = await asyncio.to_thread(remove_unfinished, paths, time.time() + HOUR_S)

            assert removed == []
            assert await asyncio.to_thread(upload.path.exists)


def test_running_media_work_is_held(paths: StoragePaths) -> None:
    with scratch(paths) as directory:
        assert remove_unfinished(paths, time.time() + HOUR_S) == []
        assert directory.exists()
