"""The shelf on a server of the tests."""

from collections.abc import AsyncIterator

import pytest

from events.hot.redis_shelf import RedisShelf
from tests.programs.redis_server import RedisServer


@pytest.fixture
async def shelf(redis_server: RedisServer) -> AsyncIterator[RedisShelf]:
    """Empty; patient, as the machine of tests may be busy."""
    shelf = RedisShelf(redis_server.url, timeout_s=5.0)
    await shelf._redis.flushall()
    yield shelf
    await shelf.close()
