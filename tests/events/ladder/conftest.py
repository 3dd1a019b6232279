"""A studio for the tests of ladders, and the film that it works on."""

from pathlib import Path

import pytest

from storage.paths import StoragePaths
from storage.samples import write_clock_mp4
from tests.events.conftest import Library
from tests.events.ladder.studio import Studio


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds, two pieces."""
    path = tmp_path_factory.mktemp("studio") / "film.mp4"
    write_clock_mp4(path, 8, (320, 180))
    return path


@pytest.fixture
async def studio(library: Library, storage: StoragePaths, film: Path) -> Studio:
    return Studio(library.database, storage, film)
