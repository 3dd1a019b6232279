"""Recognition of the processes that run on a cluster."""

import os
from pathlib import Path

import pytest

from server.postgres.cluster import Cluster


@pytest.mark.parametrize(
    ("name", "uid", "expected"),
    [
        pytest.param("postgres", os.geteuid(), True, id="ours, though we may not look into it"),
        pytest.param("postgres", os.geteuid() + 1, False, id="the system's own PostgreSQL"),
        pytest.param("python", os.geteuid(), False, id="another program"),
    ],
)
def test_process_that_hides_is_taken_for_ours_only_under_the_owner(
    tmp_path: Path, name: str, uid: int, expected: bool
) -> None:
    cluster = Cluster(tmp_path)
    cluster.directory.mkdir()
    (cluster.directory / "PG_VERSION").write_text("18\n")
    process = tmp_path / "1234"
    process.mkdir()
    (process / "status").write_text(f"Name:\t{name}\nState:\tS\nUid:\t9\t{uid}\t9\t9\n")

    assert cluster._cannot_be_excluded(process) is expected


def test_process_that_hides_is_never_one_to_be_signalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(tmp_path)
    cluster.directory.mkdir()
    (cluster.directory / "PG_VERSION").write_text("18\n")

    def hide(path: object) -> str:
        raise PermissionError(path)

    monkeypatch.setattr(os, "readlink", hide)

    assert cluster.process_ids() == []
