"""Scratch directories for media work, made and removed off the event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from storage.videos import scratch


@asynccontextmanager
async def scratch_directory(storage: StoragePaths) -> AsyncIterator[Path]:
    """`storage.videos.scratch` in a thread: removing hours of video takes time."""
    context = scratch(storage)
    directory = await SHARED_DISK.run(context.__enter__)
    try:
        yield directory
    finally:
        await SHARED_DISK.run(context.__exit__, None, None, None)
