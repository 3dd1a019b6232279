"""For the tests of `import-s3`: moto's store, s3rver's for those `before_both`, and the command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import run_server
from storage.samples import write_clock_mp4
from tests.faults.conftest import url_of
from tests.programs.npm import installed
from tests.programs.object_store import S3RVER, ObjectStore, object_store, s3rver_store
from tests.service.takeovers import Takeover


@pytest.fixture(scope="session")
def s3rver_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("s3rver"), S3RVER)


@pytest.fixture(scope="module")
def moto() -> Iterator[ObjectStore]:
    with object_store() as made:
        yield made


@pytest.fixture(scope="module")
def s3rver(s3rver_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with s3rver_store(s3rver_modules, tmp_path_factory.mktemp("store")) as made:
        yield made


@pytest.fixture
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """An empty one."""
    made: ObjectStore = request.getfixturevalue(getattr(request, "param", "moto"))
    made.reset()
    return made


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_clock_mp4(path, 1)
    return path.read_bytes()


@pytest.fixture
def own_settings(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in this process use the test's own database and directory."""
    monkeypatch.setattr(run_server, "ENV_FILE", tmp_path / ".env")
    for name, value in (
        ("DATA_DIR", str(tmp_path / "data")),
        ("DATABASE_URL", url_of(dsn)),
        ("STORAGE_RESERVE", "0"),
    ):
        monkeypatch.setenv(f"COURSESTREAM_{name}", value)


@pytest.fixture
def takeover(
    dsn: str,
    tmp_path: Path,
    store: ObjectStore,
    own_settings: None,
    capsys: pytest.CaptureFixture[str],
) -> Takeover:
    return Takeover(dsn, tmp_path, store, capsys)
