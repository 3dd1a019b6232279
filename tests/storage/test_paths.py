from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from storage.errors import InvalidPath, StorageForeign, StorageGone
from storage.paths import (
    StoragePaths,
    asset_hash,
    asset_name,
    is_servable,
    ladder_id,
    original_name,
    partial_id,
)

VIDEO = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
SHA256 = "0123456789abcdef" * 4
BATCH = "20261130T120000Z-0123abcd"


def test_every_path_lies_below_the_absolute_root(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    paths = StoragePaths(Path("data") / ".." / "videos")

    root = tmp_path / "videos"
    assert paths.marker == root / ".coursestream"
    assert paths.upload(VIDEO) == root / "tmp" / str(VIDEO)
    assert paths.scratch(VIDEO) == root / "tmp" / f"{VIDEO}.work"
    assert paths.video_dir("cs-101", VIDEO) == root / "courses/cs-101" / str(VIDEO)
    for name in ("original.mp4", "original.mkv", "original.3gp"):
        assert paths.asset("cs-101", VIDEO, name).name == name


def test_of_unfinished_files_only_resumable_uploads_are_reported_by_name() -> None:
    paths = StoragePaths(Path("/r"))
    assert partial_id(paths.partial(VIDEO).name) == VIDEO

    names = [paths.upload(VIDEO).name, paths.scratch(VIDEO).name, "x.part", ".part"]
    assert [partial_id(name) for name in names] == [None] * 4


def test_pieces_of_a_ladder_lie_in_its_directory() -> None:
    paths = StoragePaths(Path("/r"))

    assert ladder_id(paths.ladder(VIDEO).name) == VIDEO
    assert ladder_id(paths.scratch(VIDEO).name) is None
    assert paths.piece(VIDEO, "v480-00001.mp4") == paths.ladder(VIDEO) / "v480-00001.mp4"


@pytest.mark.parametrize("name", ["", "v480.mp4", "../v480-00001.mp4", "V480-00001.mp4"])
def test_other_names_of_pieces_are_refused(name: str) -> None:
    with pytest.raises(InvalidPath):
        StoragePaths(Path("/r")).piece(VIDEO, name)


@pytest.mark.parametrize("course_id", ["a", "A.b_c-9", "9" * 64, "a..b"])
def test_course_ids_of_the_contract_are_taken(course_id: str) -> None:
    assert StoragePaths(Path("/r")).course_dir(course_id) == Path("/r/courses") / course_id


@pytest.mark.parametrize(
    "course_id",
    ["", ".", "..", ".a", "-a", "a/b", "../a", "/etc", "a\0", "a\n", "ä", "a" * 65, "a b", "a\\b"],
)
def test_other_course_ids_are_refused(course_id: str) -> None:
    with pytest.raises(InvalidPath):
        StoragePaths(Path("/r")).course_dir(course_id)


def test_text_is_no_video_id() -> None:
    with pytest.raises(InvalidPath):
        StoragePaths(Path("/r")).upload(cast(UUID, "../../etc/passwd"))


@pytest.mark.parametrize(
    ("name", "servable"),
    [
        ("source-0123456789abcdef.mp4", True),
        ("alt-0123456789abcdef.webm", True),
        ("storyboard-0123456789abcdef.vtt", True),
        ("small-0123456789abcdef.jpg", True),
        ("original.mp4", False),
        ("source.mp4", False),
        ("source-0123456789abcde.mp4", False),
        ("source-0123456789ABCDEF.mp4", False),
        ("source-0123456789abcdef.mp4\n", False),
        ("source-0123456789abcdef.html", False),
        ("../source-0123456789abcdef.mp4", False),
        ("Source-0123456789abcdef.mp4", False),
        ("", False),
    ],
)
def test_servable_names_are_exactly_the_published_ones(name: str, servable: bool) -> None:
    assert is_servable(name) is servable


@pytest.mark.parametrize("name", ["..", "x", "original.exe", "original.mp4\n", "a/b.mp4"])
def test_no_path_is_made_for_other_asset_names(name: str) -> None:
    with pytest.raises(InvalidPath):
        StoragePaths(Path("/r")).asset("cs-101", VIDEO, name)


def test_asset_name_holds_the_start_of_its_hash() -> None:
    name = asset_name("source", SHA256, "mp4")

    assert name == "source-0123456789abcdef.mp4"
    assert asset_hash(name) == "0123456789abcdef"


@pytest.mark.parametrize(
    ("stem", "sha256", "extension"),
    [
        ("Source", SHA256, "mp4"),
        ("source", SHA256[:16], "mp4"),
        ("source", SHA256.upper(), "mp4"),
        ("source", SHA256, "exe"),
        ("../x", SHA256, "mp4"),
    ],
)
def test_asset_name_refuses_what_would_not_be_servable(
    stem: str, sha256: str, extension: str
) -> None:
    with pytest.raises(InvalidPath):
        asset_name(stem, sha256, extension)


def test_original_has_no_hash() -> None:
    with pytest.raises(InvalidPath):
        asset_hash(original_name("mp4"))
    with pytest.raises(InvalidPath):
        original_name("exe")


@pytest.mark.parametrize("relative", ["courses/cs-101/a", "courses/left over/x y"])
def test_what_an_inventory_found_is_below_the_courses(paths: StoragePaths, relative: str) -> None:
    assert paths.stored(relative) == paths.root / relative


@pytest.mark.parametrize(
    "relative", ["courses", "tmp/a", ".coursestream", "courses/../../a", "/etc/passwd", "courses/"]
)
def test_nothing_else_was_stored(paths: StoragePaths, relative: str) -> None:
    with pytest.raises(InvalidPath):
        paths.stored(relative)


def test_prepared_storage_keeps_its_instance_id(tmp_path: Path) -> None:
    paths = StoragePaths(tmp_path / "new" / "storage")

    first, second = paths.prepare(), paths.prepare()

    assert UUID(first) == UUID(second) == UUID(paths.check())
    assert sorted(p.name for p in paths.root.iterdir()) == [".coursestream", "courses", "tmp"]


def test_processes_that_start_together_agree_on_one_id(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: StoragePaths(tmp_path / "s").prepare(), range(32)))

    assert len(ids) == 1


def test_missing_marker_means_the_storage_is_gone(paths: StoragePaths) -> None:
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        paths.check()


def test_videos_without_a_marker_are_not_taken_over(paths: StoragePaths) -> None:
    paths.course_dir("cs-101").mkdir()
    paths.marker.unlink()

    with pytest.raises(StorageGone):
        paths.prepare()


def test_storage_is_no_other_than_the_expected_one(tmp_path: Path) -> None:
    ours, theirs = StoragePaths(tmp_path / "ours"), StoragePaths(tmp_path / "theirs")
    for paths in (ours, theirs):
        paths.prepare()
    bound = ours.belonging_to(ours.identity())
    assert bound.check() == ours.check()

    ours.root.rename(tmp_path / "aside")
    theirs.root.rename(ours.root)

    with pytest.raises(StorageForeign):
        bound.check()


@pytest.mark.parametrize(
    ("relative", "holds"),
    [
        pytest.param("courses/c1", True, id="a course"),
        pytest.param("trash/b/courses/a.mp4", True, id="in the trash"),
        pytest.param("tmp/a.part", True, id="an upload"),
        pytest.param("lost+found/a", False, id="the file system's own"),
        pytest.param(None, False, id="new"),
    ],
)
def test_storage_tells_whether_anything_is_in_it(
    tmp_path: Path, relative: str | None, holds: bool
) -> None:
    paths = StoragePaths(tmp_path)
    paths.prepare()
    if relative:
        (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / relative).write_bytes(b"1")

    assert paths.holds_anything() is holds


def test_the_trash_keeps_a_stored_file_by_its_path() -> None:
    paths = StoragePaths(Path("/r"))
    relative = f"courses/c1/{VIDEO}/original.mp4"

    assert paths.trashed(BATCH, relative) == Path("/r/trash") / BATCH / relative


@pytest.mark.parametrize("batch", ["", ".", "..", "a/b", "20261130T120000Z", f"{BATCH}/.."])
def test_no_other_name_is_a_batch_of_the_trash(batch: str) -> None:
    with pytest.raises(InvalidPath):
        StoragePaths(Path("/r")).trash_batch(batch)


@pytest.mark.parametrize("relative", ["tmp/a", ".coursestream", "courses/../../a"])
def test_only_stored_files_go_to_the_trash(relative: str) -> None:
    with pytest.raises(InvalidPath):
        StoragePaths(Path("/r")).trashed(BATCH, relative)
