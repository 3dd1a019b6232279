"""Object stores for the tests of `import-s3`: moto's, and s3rver's for those `before_both`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.npm import installed
from tests.object_store import S3RVER, ObjectStore, object_store, s3rver_store


@pytest.fixture(scope="session")
def s3rver_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(S3RVER, tmp_path_factory.mktemp("s3rver"))


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
