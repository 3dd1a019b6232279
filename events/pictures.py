"""The pictures of a video: the first before it is ready, then smaller kinds and a storyboard."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from db import assets, file_rows, videos
from db.assets import Extra, StoryboardRow, ThumbnailRow
from db.pool import Database, Queries
from db.videos import Video
from events.scratch import scratch_directory
from events.telling import tell_updated
from storage.errors import FINAL
from storage.hashing import sha256_file
from storage.media import PICTURE_TYPES, Picture, PictureKind, Storyboard
from storage.paths import StoragePaths, asset_name
from storage.sandbox import Sandbox
from storage.storyboard_cues import cue_text
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
    """Videos that were ready before there was all that `complete` adds."""
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
        self._extras: Mapping[Extra, Callable[[Video, Path], Awaitable[None]]] = {
            "further-pictures": self._add_further,
            "storyboard": self._add_storyboard,
        }

    async def make_first(self, video: Video, source: Path, directory: Path) -> list[Picture]:
        """What a video needs to be ready, still in `directory`. Raises: as `Sandbox.thumbnails`."""
        return await self._make(video, source, self._settings.sizes, directory, FIRST_KINDS)

    def place(self, video: Video, pictures: Sequence[Picture]) -> list[ThumbnailRow]:
        """Publish them; the rows are for the caller to commit. Blocks."""
        return [self._place(video, picture) for picture in pictures]

    async def complete(self, video_id: UUID) -> None:
        """Add what a video lacks that can be watched; without it, it is as ready.

        What cannot be made is noted, and never tried again.
        """
        unmakable = await assets.unmakable(self._database, video_id)
        for extra, add in self._extras.items():
            video = await videos.get(self._database, video_id)
            if video is None or video.primary is None or extra in unmakable:
                continue
            source = self._storage.asset(video.course_id, video.id, video.primary.file_name)
            try:
                await add(video, source)
            except FINAL as error:
                LOG.warning("video %s gets no %s: %s", video_id, extra, error)
                await assets.note_unmakable(self._database, video_id, extra, error.code)

    async def _add_further(self, video: Video, source: Path) -> None:
        """First pictures that were lost, then the further kinds, at the sizes of the video."""
        for kinds in (FIRST_KINDS, FURTHER_KINDS):
            if sizes := await asyncio.to_thread(self._sizes_to_add, video, kinds):
                await self._add(video, source, sizes, kinds)

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
        self,
        video: Video,
        source: Path,
        sizes: list[tuple[str, int]],
        kinds: list[PictureKind],
    ) -> None:
        async with scratch_directory(self._storage) as directory:
            pictures = await self._make(video, source, sizes, directory, kinds)
            rows = await asyncio.to_thread(self.place, video, pictures)
        async with self._database.transaction() as transaction:
            if await videos.touch(transaction, video.id):
                await assets.add_thumbnails(transaction, video.id, rows)
                await tell_updated(transaction, video.id)

    async def _add_storyboard(self, video: Video, source: Path) -> None:
        if video.storyboard_file_name is not None:
            return
        container, quality = video.media.container, self._settings.quality
        async with scratch_directory(self._storage) as directory:
            board = await self._sandbox.storyboard(source, container, quality, directory)
            cues, sheets = await asyncio.to_thread(self._place_board, video, board, directory)
        async with self._database.transaction() as transaction:
            if await videos.touch(transaction, video.id):
                await assets.add_storyboard(transaction, video.id, cues, sheets)
                await tell_updated(transaction, video.id)

    def _place_board(
        self, video: Video, board: Storyboard, directory: Path
    ) -> tuple[StoryboardRow, list[StoryboardRow]]:
        """The sheets first, since the cues name them. Blocks."""
        sheets = [self._place_part(video, one.file, one.sha256, "jpg") for one in board.sheets]
        names = [sheet.file_name for sheet in sheets]
        file = directory / "cues"
        file.write_text(cue_text(board, names, video.media.duration_s))
        return self._place_part(video, file, sha256_file(file), "vtt"), sheets

    def _place_part(self, video: Video, file: Path, sha256: str, extension: str) -> StoryboardRow:
        name = asset_name("storyboard", sha256, extension)
        path = adopt_asset(self._storage, file, video.course_id, video.id, name)
        return StoryboardRow(name, path.stat().st_size, sha256)

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


def _types(kinds: Sequence[PictureKind]) -> list[str]:
    return [PICTURE_TYPES[kind] for kind in kinds]
