"""Fixtures of tests of pages: a service of the module's own, with its `SETTINGS`, and a studio."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.support.studio import Studio, opened_studio
from tests.harness.serving import Serve, served_from
from tests.programs.web_build import built_pages


@pytest.fixture(scope="module")
def serving(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, made_cluster: Path
) -> Iterator[Serve]:
    """Not started yet."""
    built_pages()
    settings = getattr(request.module, "SETTINGS", {})
    with served_from(tmp_path_factory.mktemp("browser"), made_cluster, **settings) as serve:
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(serving: Serve) -> AsyncIterator[Studio]:
    async with opened_studio(serving, serving.data_dir.parent) as studio:
        yield studio
