"""The pictures of a video: the first ones before it is ready, the smaller kinds after that."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from db import assets, file_rows, videos
from db.assets import ThumbnailRow
from db.pool import Database, Queries
from db.videos import Video
from events import log
from events.scratch import scratch_directory
from events.snapshots import told
from events.types import VideoUpdated
from storage.errors import FINAL
from storage.media import PICTURE_TYPES, Picture, PictureKind
from storage.paths import StoragePaths, asset_name
from storage.sandbox import Sandbox
from storage.videos import adopt_asset

LOG = logging.getLogger("coursestream.pictures")

# What every client shows, needed to be ready; and what is smaller, made afterwards.
FIRST_KINDS: list[PictureKind] = ["jpg"]
FURTHER_KINDS: list[PictureKind] = ["webp", "avif"]


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """(name, width in pixels) of each size; JPEG quality 1 to 100."""

    sizes: list[tuple[str, int]]
    quality: int


async def unpictured(queries: Queries, limit: int) -> list[UUID]:
    """Videos that were ready before there were further pictures."""
    first, *_ = _types(FIRST_KINDS)
    return await file_rows.unpictured(queries, first, _types(FURTHER_KINDS), limit)


class Pictures:
    """Makes pictures in the sandbox and gives them their place."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        settings: PictureSettings,
    ) -> None:
        self._database = database
        self._storage = storage
        self._sandbox = sandbox
        self._settings = settings

    async def make_first(self, video: Video, source: Path, directory: Path) -> list[Picture]:
        """What a video needs to be ready, still in `directory`. Raises: as `Sandbox.thumbnails`."""
        return await self._make(video, source, self._settings.sizes, directory, FIRST_KINDS)

    def place(self, video: Video, pictures: Sequence[Picture]) -> list[ThumbnailRow]:
        """Publish them; the rows are for the caller to commit. Blocks."""
        return [self._place(video, picture) for picture in pictures]

    async def add_further(self, video_id: UUID) -> None:
        """First pictures that were lost, then the further kinds; without them it is as ready."""
        for kinds in (FIRST_KINDS, FURTHER_KINDS):
            video = await videos.get(self._database, video_id)
            if video is None or video.primary is None:
                return
            if sizes := await asyncio.to_thread(self._sizes_to_add, video, kinds):
                await self._add(video, video.primary.file_name, sizes, kinds)

    def _sizes_to_add(self, video: Video, kinds: list[PictureKind]) -> list[tuple[str, int]]:
        """(name, width in pixels) of the first pictures that lack one of these kinds. Blocks."""
        made = {
            (row.size_name, row.mime_type) for row in video.thumbnails if self._is_there(video, row)
        }
        first, *_ = _types(FIRST_KINDS)
        return [
            (row.size_name, row.width_px)
            for row in video.thumbnails
            if row.mime_type == first
            and any((row.size_name, kind) not in made for kind in _types(kinds))
        ]

    def _is_there(self, video: Video, row: ThumbnailRow) -> bool:
        return self._storage.asset(video.course_id, video.id, row.file_name).exists()

    async def _add(
        self, video: Video, served: str, sizes: list[tuple[str, int]], kinds: list[PictureKind]
    ) -> None:
        source = self._storage.asset(video.course_id, video.id, served)
        try:
            async with scratch_directory(self._storage) as directory:
                pictures = await self._make(video, source, sizes, directory, kinds)
                rows = await asyncio.to_thread(self.place, video, pictures)
        except FINAL as error:
            LOG.warning("video %s keeps only the pictures that it has: %s", video.id, error)
            return
        await self._commit_further(video.id, rows)

    async def _make(
        self,
        video: Video,
        source: Path,
        sizes: list[tuple[str, int]],
        directory: Path,
        kinds: list[PictureKind],
    ) -> list[Picture]:
        container, quality = video.media.container, self._settings.quality
        return await self._sandbox.thumbnails(source, container, sizes, quality, directory, kinds)

    def _place(self, video: Video, picture: Picture) -> ThumbnailRow:
        name = asset_name(picture.name, picture.sha256, picture.extension)
        adopt_asset(self._storage, picture.file, video.course_id, video.id, name)
        return ThumbnailRow(
            picture.name,
            PICTURE_TYPES[picture.extension],
            name,
            picture.width_px,
            picture.height_px,
            picture.size_bytes,
            picture.sha256,
        )

    async def _commit_further(self, video_id: UUID, rows: list[ThumbnailRow]) -> None:
        """Nothing is changed when the video was deleted meanwhile; its restore asks for us."""
        async with self._database.transaction() as transaction:
            if await videos.touch(transaction, video_id):
                await assets.add_thumbnails(transaction, video_id, rows)
                video = await videos.get(transaction, video_id)
                assert video is not None
                await log.append(transaction, [told(VideoUpdated, video, video.uploaded_by)])


def _types(kinds: Sequence[PictureKind]) -> list[str]:
    return [PICTURE_TYPES[kind] for kind in kinds]
