"""Asset names to representations: what can be told of a published file without its bytes.

Published files never change, so their size and time are read once (off the loop) and remembered.
The ETag is the piece of the content's SHA-256 that stands in the file's name: bearer tokens and
grants, this process and every other, give the same one.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import Executor
from pathlib import Path
from uuid import UUID

from handlers.delivery.open_files import Representation
from storage.errors import os_errors_wrapped
from storage.paths import StoragePaths, asset_hash, is_servable

REMEMBERED_FILES = 20_000

Name = tuple[str, UUID, str]  # course, video, asset
Facts = tuple[Path, int, int]  # where, size in bytes, time of change in whole Unix seconds


class Representations:
    def __init__(self, storage: StoragePaths, executor: Executor) -> None:
        self._storage = storage
        self._executor = executor
        self._remembered: OrderedDict[Name, Facts] = OrderedDict()

    async def find(
        self, course_id: str, video_id: UUID, asset: str, media_type: str
    ) -> Representation | None:
        """None for a name that is not, or cannot be, an asset of the video.

        Raises: StorageGone, so that a lost mount is not taken for a missing file.
        """
        if not is_servable(asset):
            return None
        name = (course_id, video_id, asset)
        facts = self._remembered.get(name) or await self._read(name)
        if facts is None:
            return None
        path, size_bytes, changed_s = facts
        return Representation(path, asset, size_bytes, media_type, asset_hash(asset), changed_s)

    async def _read(self, name: Name) -> Facts | None:
        loop = asyncio.get_running_loop()
        path = self._storage.asset(*name)
        facts = await loop.run_in_executor(self._executor, self._stat, path)
        if facts is not None:
            self._remembered[name] = facts
            if len(self._remembered) > REMEMBERED_FILES:
                self._remembered.popitem(last=False)
        return facts

    def _stat(self, path: Path) -> Facts | None:
        with os_errors_wrapped():
            try:
                found = path.stat(follow_symlinks=False)
            except FileNotFoundError:
                self._storage.check()
                return None
        return path, found.st_size, int(found.st_mtime)
