"""A place for media work, made and cleared off the loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from storage.paths import StoragePaths
from storage.videos import scratch


@asynccontextmanager
async def scratch_directory(storage: StoragePaths) -> AsyncIterator[Path]:
    """`storage.videos.scratch`, whose files may be long lectures that take time to remove."""
    context = scratch(storage)
    directory = await asyncio.to_thread(context.__enter__)
    try:
        yield directory
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
