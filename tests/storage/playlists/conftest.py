import pytest

from tests.harness.making import made_once
from tests.storage.playlists.published import Published, publish


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(made_once(tmp_path_factory, "published", publish))
