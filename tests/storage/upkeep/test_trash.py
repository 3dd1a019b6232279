"""The trash: files without a row enter it, are restored from it, and expire."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.errors import InvalidPath, StorageForeign, StorageGone
from storage.identity import Owner, claim
from storage.paths import StoragePaths
from storage.upkeep.trash import (
    empty_trash,
    list_trash_batches,
    move_to_trash,
    new_batch_name,
    restore_trash,
)

HOUR_S = 3600.0
NOW_S = time.time()
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
BATCH = new_batch_name(NOON)


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


def move(paths: StoragePaths, relative: str, before_s: float, batch: str = BATCH) -> bool:
    return move_to_trash(paths, relative, before_s, batch)


def test_trashed_file_keeps_its_path_its_time_and_its_content(paths: StoragePaths) -> None:
    stray = put(paths.courses / "c" / "v" / "a", 2 * HOUR_S)
    before = stray.stat()

    assert move(paths, "courses/c/v/a", NOW_S - HOUR_S)

    found = paths.trashed(BATCH, "courses/c/v/a")
    assert (found.read_bytes(), found.stat().st_mtime) == (b"12345", before.st_mtime)
    assert found.stat().st_ino == before.st_ino
    (batch,) = list_trash_batches(paths)
    assert (batch.name, batch.moved_at, batch.files, batch.size_bytes) == (BATCH, NOON, 1, 5)


@pytest.mark.parametrize(
    ("age_s", "is_gone"),
    [
        pytest.param(HOUR_S + 1, True, id="older"),
        pytest.param(HOUR_S - 1, False, id="younger"),
        pytest.param(-HOUR_S, False, id="from the future"),
    ],
)
def test_stray_goes_by_its_age_at_that_moment(
    paths: StoragePaths, age_s: float, is_gone: bool
) -> None:
    stray = put(paths.courses / "c" / "v" / "a", age_s)

    assert move(paths, "courses/c/v/a", NOW_S - HOUR_S) is is_gone
    assert stray.exists() is not is_gone


def test_stray_link_goes_and_what_it_points_to_stays(paths: StoragePaths, tmp_path: Path) -> None:
    target = put(tmp_path / "precious", 2 * HOUR_S)
    link = paths.courses / "link"
    link.symlink_to(target)

    assert move(paths, "courses/link", time.time() + 1)
    assert target.exists()
    assert not link.is_symlink()


def test_directory_goes_once_it_is_empty(paths: StoragePaths) -> None:
    file = put(paths.courses / "c" / "v" / "a")

    assert not move(paths, "courses/c/v", NOW_S + HOUR_S)
    file.unlink()
    assert move(paths, "courses/c/v", NOW_S + HOUR_S)
    assert not move(paths, "courses/c/v", NOW_S + HOUR_S)


@pytest.mark.parametrize("relative", [".coursestream", "tmp/a", "../a", "courses", "courses/../x"])
def test_only_what_is_below_the_courses_is_a_stray(paths: StoragePaths, relative: str) -> None:
    with pytest.raises(InvalidPath):
        move(paths, relative, NOW_S)


def test_everything_comes_back_to_its_place(paths: StoragePaths) -> None:
    for name in ("a", "b"):
        put(paths.courses / "c" / "v" / name, 2 * HOUR_S, name.encode())
        assert move(paths, f"courses/c/v/{name}", NOW_S, new_batch_name(NOON))
    assert move(paths, "courses/c/v", NOW_S)

    restored = restore_trash(paths)

    assert sorted(restored.files) == ["courses/c/v/a", "courses/c/v/b"]
    assert restored.blocked == ()
    for name in ("a", "b"):
        file = paths.courses / "c" / "v" / name
        assert (file.read_text(), round(file.stat().st_mtime)) == (name, round(NOW_S - 2 * HOUR_S))
    assert list_trash_batches(paths) == []
    assert list(paths.trash.iterdir()) == []


def test_nothing_comes_back_over_another_file(paths: StoragePaths) -> None:
    file = put(paths.courses / "c" / "a", 2 * HOUR_S, b"old")
    assert move(paths, "courses/c/a", NOW_S)
    put(file, 0, b"new")

    restored = restore_trash(paths)

    assert (restored.files, restored.blocked) == ((), ("courses/c/a",))
    assert file.read_bytes() == b"new"
    assert paths.trashed(BATCH, "courses/c/a").read_bytes() == b"old"


def test_of_two_trashed_files_of_a_name_the_newer_comes_back(paths: StoragePaths) -> None:
    for age_s, moved_at in ((2, NOON), (1, NOON + timedelta(hours=1))):
        put(paths.courses / "c" / "a", age_s, str(age_s).encode())
        assert move(paths, "courses/c/a", NOW_S, new_batch_name(moved_at))

    assert restore_trash(paths).blocked == ("courses/c/a",)
    assert (paths.courses / "c" / "a").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("expired_at", "is_gone"),
    [
        pytest.param(NOON - timedelta(seconds=1), False, id="a second before"),
        pytest.param(NOON, True, id="the same second"),
        pytest.param(NOON + timedelta(days=1), True, id="a day later"),
    ],
)
def test_batch_goes_when_it_was_moved_by_then(
    paths: StoragePaths, expired_at: datetime, is_gone: bool
) -> None:
    put(paths.courses / "c" / "a", HOUR_S)
    assert move(paths, "courses/c/a", NOW_S)

    assert [one.name for one in empty_trash(paths, expired_at)] == [BATCH] * is_gone
    assert paths.trash_batch(BATCH).exists() is not is_gone


def test_what_a_person_put_into_the_trash_stays(paths: StoragePaths) -> None:
    for name in ("notes.txt", "2026/a", "20261330T000000Z-00000000/a"):
        put(paths.trash / name, HOUR_S)

    assert list_trash_batches(paths) == []
    assert empty_trash(paths, NOON + timedelta(days=900)) == []
    assert restore_trash(paths).files == ()
    assert len(list(paths.trash.iterdir())) == 3


@pytest.mark.parametrize(
    "batch",
    ["..", "a/b", "", "20261130T120000Z", pytest.param(f"{BATCH}/..", id="parent of a batch")],
)
def test_batch_of_another_name_is_no_batch(paths: StoragePaths, batch: str) -> None:
    with pytest.raises(InvalidPath):
        paths.trashed(batch, "courses/c/a")


def test_nothing_moves_without_the_marker_or_in_another_storage(paths: StoragePaths) -> None:
    stray = put(paths.courses / "c" / "a", HOUR_S)
    claim(paths.owner, Owner("one", ""))
    mine = paths.belonging_to(paths.identity())
    paths.owner.write_text("two\n")
    with pytest.raises(StorageForeign):
        move(mine, "courses/c/a", NOW_S)
    for call in (list_trash_batches, restore_trash, lambda one: empty_trash(one, NOON)):
        with pytest.raises(StorageForeign):
            call(mine)
    paths.marker.unlink()
    with pytest.raises(StorageGone):
        move(paths, "courses/c/a", NOW_S)

    assert stray.exists()
