"""Uploads over a database with a module."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from db.pool import Database
from events.uploads.uploads import Uploads
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from tests.events.uploads.sending import SETTINGS, Examiner


@pytest.fixture
def examiner() -> Examiner:
    return Examiner()


@pytest.fixture
async def made(
    database: Database, library: Any, storage: StoragePaths, examiner: Any
) -> AsyncIterator[Uploads]:
    made = Uploads(database, storage, SHARED_DISK, examiner, SETTINGS)
    yield made
    await made.close()
