"""Asset names to representations: facts about published files, without their bytes.

Published files never change, so their metadata is read once (off the loop) and cached. The row or
the grant records a file's length; for pictures and texts, which neither records, the content must
match the hash in the name. The ETag is that part of the content's SHA-256, so that it is the same
with bearer tokens and grants, and in every process.
"""

from functools import partial
from pathlib import Path
from uuid import UUID

from handlers.delivery.errors import FileUnavailable
from handlers.delivery.open_files import Representation
from storage.concurrency.bounded_cache import BoundedCache, CacheFigures
from storage.concurrency.shared_reads import SharedReads
from storage.disk import Disk
from storage.errors import FileMissing, wrap_os_errors
from storage.hashes import sha256_file
from storage.paths import StoragePaths, asset_hash, is_servable

REMEMBERED_FILES = 20_000
LARGEST_HASHED_BYTES = 16 << 20  # far more than a picture takes, far less than would take long

Name = tuple[str, UUID, str]  # course, video, asset
Facts = tuple[Path, int, int]  # where, size in bytes, time of change in whole Unix seconds


class Representations:
    def __init__(self, storage: StoragePaths, disk: Disk) -> None:
        self._storage = storage
        self._disk = disk
        self._remembered: BoundedCache[Name, Facts] = BoundedCache(REMEMBERED_FILES)
        self._reads = SharedReads[tuple[Name, int | None], Facts | None]()

    def cache_figures(self) -> CacheFigures:
        return self._remembered.figures()

    async def find(
        self,
        course_id: str,
        video_id: UUID,
        asset: str,
        media_type: str,
        size_bytes: int | None = None,
    ) -> Representation | None:
        """None for a name that is not, or cannot be, an asset of the video.

        `size_bytes` is what is recorded; without it the file is read through, once.
        Raises: FileUnavailable for a file that is not as recorded; StorageGone, so that a lost
        mount is not taken for a missing file.
        """
        if not is_servable(asset):
            return None
        name = (course_id, video_id, asset)
        facts = self._remembered.get(name)
        if facts is None:
            read = partial(self._read, name, size_bytes)
            facts = await self._reads.get((name, size_bytes), read)
        if facts is None:
            return None
        path, stored_bytes, changed_s = facts
        if size_bytes is not None and size_bytes != stored_bytes:
            self._remembered.forget(name)
            raise FileUnavailable(path)
        return Representation(path, asset, stored_bytes, media_type, asset_hash(asset), changed_s)

    def forget(self, course_id: str, video_id: UUID, asset: str) -> None:
        """Read the metadata from disk again."""
        self._remembered.forget((course_id, video_id, asset))

    async def _read(self, name: Name, size_bytes: int | None) -> Facts | None:
        path = self._storage.asset(*name)
        facts = await self._disk.run(self._stat, path)
        if facts is not None and size_bytes is None:
            await self._disk.run(_require_hash, path, facts[1])
        if facts is not None:
            self._remembered.put(name, facts)
        return facts

    def _stat(self, path: Path) -> Facts | None:
        with wrap_os_errors():
            try:
                found = path.stat(follow_symlinks=False)
            except FileNotFoundError:
                self._storage.check()
                return None
        return path, found.st_size, int(found.st_mtime)


def _require_hash(path: Path, stored_bytes: int) -> None:
    """Blocks. Raises: FileUnavailable."""
    if stored_bytes > LARGEST_HASHED_BYTES:
        raise FileUnavailable(path)
    try:
        digits = sha256_file(path)
    except FileMissing as exc:
        raise FileUnavailable(path) from exc
    if not digits.startswith(asset_hash(path.name)):
        raise FileUnavailable(path, has_its_length=True)
