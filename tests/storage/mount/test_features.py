"""File systems that lack what the storage relies on: each is refused, and named."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.errors import StorageUnfit
from storage.mount import features, probe
from storage.mount.features import mount_type, require_features
from storage.paths import StoragePaths
from tests.harness.running import wait_for
from tests.programs.lacking import compile_lacking


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_lacking(tmp_path_factory.mktemp("lacking"))


@pytest.fixture
def preload(monkeypatch: pytest.MonkeyPatch, lacking: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("LD_PRELOAD", str(lacking))
    return monkeypatch


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        pytest.param("locks", [probe.SHARED_LOCK, probe.EXCLUSIVE_LOCK], id="locks"),
        pytest.param("shared locks", [probe.SHARED_LOCK], id="shared locks"),
        pytest.param("exclusive locks", [probe.EXCLUSIVE_LOCK], id="exclusive locks"),
        pytest.param("directory locks", [probe.DIRECTORY_LOCK], id="directory locks"),
        pytest.param("locks seen", [probe.LOCKS_SEEN], id="locks of this process alone"),
        pytest.param("links", [probe.HARD_LINKS], id="links"),
        pytest.param("rename over", [probe.RENAME], id="rename"),
        pytest.param("fsync", [probe.FSYNC], id="fsync"),
        pytest.param("directory fsync", [probe.DIRECTORY_FSYNC], id="directory fsync"),
        pytest.param("open unlink", [probe.OPEN_UNLINK], id="unlink of an open file"),
        pytest.param("visibility", [probe.VISIBILITY], id="visibility"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_left(
    preload: pytest.MonkeyPatch, paths: StoragePaths, lacks: str, said: list[str]
) -> None:
    preload.setenv("LACKING", lacks)

    with pytest.raises(StorageUnfit) as caught:
        require_features(paths)

    assert all(feature in str(caught.value) for feature in said)
    assert str(paths.root) in str(caught.value)
    assert "NFS 4.2" in str(caught.value)
    assert list(paths.unfinished.iterdir()) == []


def test_local_disk_has_all(paths: StoragePaths) -> None:
    require_features(paths)

    assert list(paths.unfinished.iterdir()) == []


def test_mount_that_does_not_answer_is_refused_in_time(
    preload: pytest.MonkeyPatch, paths: StoragePaths
) -> None:
    preload.setenv("LACKING", "an answer")
    preload.setattr(features, "TIMEOUT_S", 0.5)

    started_s = time.monotonic()
    with pytest.raises(StorageUnfit, match=r"did not answer within 0\.5 s"):
        require_features(paths)

    assert time.monotonic() - started_s < 5
    assert list(paths.unfinished.iterdir()) == []


def test_full_disk_is_no_reason_to_refuse(
    preload: pytest.MonkeyPatch, paths: StoragePaths, caplog: pytest.LogCaptureFixture
) -> None:
    preload.setenv("LACKING", "room")

    require_features(paths)

    assert "could not be tested" in caplog.text


def test_killed_test_leaves_only_what_the_next_start_removes(
    preload: pytest.MonkeyPatch, paths: StoragePaths
) -> None:
    preload.setenv("LACKING", "an answer")
    code = (
        "import sys; from pathlib import Path; from storage.paths import StoragePaths;"
        "from storage.mount.features import require_features;"
        "require_features(StoragePaths(Path(sys.argv[1])))"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(paths.root)], start_new_session=True
    )
    try:
        wait_for(lambda: [*paths.unfinished.iterdir()], "the directory", 20)
    finally:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()

    (left,) = paths.unfinished.iterdir()
    assert left.suffix == ".work"  # which `remove_unfinished` takes
    preload.delenv("LACKING")
    require_features(paths)


def test_type_of_the_mount_is_that_of_the_innermost(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"23 22 0:5 / {tmp_path}/a\\040b rw,relatime shared:1 - fuse.rclone remote: rw\n"
    )
    inside = tmp_path / "a b" / "storage"
    inside.mkdir(parents=True)

    assert mount_type(inside, mounts) == "fuse.rclone"
    assert mount_type(tmp_path, mounts) == "ext4"
