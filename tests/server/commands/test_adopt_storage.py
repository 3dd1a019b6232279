"""`adopt-storage` as an operator calls it."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

import run_server
from events.errors import ForeignStorage
from tests.faults.conftest import url_of
from tests.service.pairing import paired_storage

Adopt = Callable[..., tuple[int, str, str]]
VIDEO = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


@pytest.fixture
def adopt(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Adopt:
    monkeypatch.setattr(run_server, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setenv("COURSESTREAM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COURSESTREAM_DATABASE_URL", url_of(dsn))
    monkeypatch.setenv("COURSESTREAM_JWT_SECRET", "a secret of at least thirty-two bytes")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run_server.main(["adopt-storage", *arguments])
        return code, *capsys.readouterr()

    return call


def test_storage_is_shown_and_adopted_only_when_asked(
    adopt: Adopt, dsn: str, other_dsn: str, tmp_path: Path
) -> None:
    storage = paired_storage(other_dsn, tmp_path / "data" / "storage")
    for name in ("original.mp4", "small-0123456789abcdef.jpg"):
        path = storage.video_dir("c1", VIDEO) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    before = sorted(storage.root.rglob("*"))
    owner = storage.owner.read_text()

    code, out, err = adopt()
    assert (code, err) == (0, "")
    assert ["c1", "1", "2", "10", "0"] in [line.split() for line in out.splitlines()]
    assert "1 videos in 1 courses, 2 files, 10 bytes" in out
    assert "belongs to another database" in out
    assert "with --yes" in out
    assert storage.owner.read_text() == owner
    with pytest.raises(ForeignStorage):
        paired_storage(dsn, storage.root)

    assert "belongs to this database now" in adopt("--yes")[1]
    assert sorted(storage.root.rglob("*")) == before
    paired_storage(dsn, storage.root)
    with pytest.raises(ForeignStorage):
        paired_storage(other_dsn, storage.root)

    code, out, _ = adopt("--yes")
    assert (code, "there is nothing to do" in out) == (0, True)


def test_lost_marker_is_reported_and_written_again(adopt: Adopt, dsn: str, tmp_path: Path) -> None:
    storage = paired_storage(dsn, tmp_path / "data" / "storage")
    storage.video_dir("c1", VIDEO).mkdir(parents=True)
    storage.marker.unlink()

    assert "no marker" in adopt()[1]
    assert not storage.marker.exists()
    assert "belongs to this database now" in adopt("--yes")[1]
    assert paired_storage(dsn, storage.root) == storage
