"""Pictures of a video: JPEG thumbnails before it is ready; then smaller formats, and a storyboard.

An instructor may choose another thumbnail at any time. The video's row lock serialises both: a
worker discards thumbnails that it made from the frame chosen before.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from db.media import assets
from db.media.assets import Extra, ThumbnailRow
from db.pool import Database, Queries, Transaction
from db.upkeep import file_rows
from db.videos import processing, videos
from db.videos.video import Video
from events.log.video_events import append_updated
from events.media.scratch import scratch_directory
from events.media.storyboards import Storyboards
from storage.disk import SHARED_DISK
from storage.errors import FINAL, MediaInterrupted
from storage.media.facts import PICTURE_TYPES, Picture, PictureKind
from storage.paths import StoragePaths, asset_name
from storage.sandbox.children import Sandbox
from storage.videos import adopt_asset, remove_asset

logger = logging.getLogger(__name__)

# The format that every client shows, required for `ready`; and smaller ones, made afterwards.
FIRST_KINDS: list[PictureKind] = ["jpg"]
FURTHER_KINDS: list[PictureKind] = ["webp", "avif"]
ALL_KINDS = [*FIRST_KINDS, *FURTHER_KINDS]


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """Thumbnail sizes as (name, width in pixels), and the encoder quality, 1 to 100."""

    sizes: list[tuple[str, int]]
    quality: int


async def missing_pictures(queries: Queries, limit: int) -> list[UUID]:
    """Returns ready videos that lack something that `complete` adds."""
    first, *_ = _types(FIRST_KINDS)
    return await file_rows.list_missing_pictures(queries, first, _types(FURTHER_KINDS), limit)


class Pictures:
    """Makes pictures in the sandbox and publishes them."""

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
        self._extras: Mapping[Extra, Callable[[Video], Awaitable[None]]] = {
            "further-pictures": self._add_further,
            "storyboard": Storyboards(database, storage, sandbox, settings.quality).add,
        }

    async def make_first(self, video: Video, source: Path, directory: Path) -> list[Picture]:
        """Makes the JPEGs needed for `ready` in `directory`. Raises: as `Sandbox.thumbnails`."""
        return await self._make(video, source, self._settings.sizes, directory, FIRST_KINDS)

    def place(self, video: Video, pictures: Sequence[Picture]) -> list[ThumbnailRow]:
        """Publishes the files and returns their rows for the caller to commit. Blocks."""
        return [self._place(video, picture) for picture in pictures]

    async def complete(self, video_id: UUID) -> None:
        """Adds the missing pictures and storyboard of a ready video, which is ready without them.

        A picture that cannot be made is recorded and never retried.
        Raises: MediaInterrupted and other errors that a retry may resolve.
        """
        interrupted: MediaInterrupted | None = None
        unmakable = await assets.list_unmakable(self._database, video_id)
        for extra, add in self._extras.items():
            video = await videos.get(self._database, video_id)
            if video is None or video.primary is None or extra in unmakable:
                continue
            try:
                await add(video)
            except FINAL as exc:
                logger.warning("video %s gets no %s: %s", video_id, extra, exc)
                await assets.record_unmakable(self._database, video_id, extra, exc.code)
            except MediaInterrupted as exc:  # the other extras are still made
                interrupted = exc
        if interrupted is not None:
            raise interrupted

    async def _add_further(self, video: Video) -> None:
        """Adds the further formats at the video's sizes; after a loss all pictures are made anew,
        so that they show the same frame."""
        sizes, kinds = await SHARED_DISK.run(self._find_missing, video)
        if sizes:
            await self._add(video, sizes, kinds)

    def _find_missing(self, video: Video) -> tuple[list[tuple[str, int]], list[PictureKind]]:
        """Returns the sizes, as (name, width in pixels), and formats to be made. Blocks."""
        first = _types(FIRST_KINDS)
        sizes = [
            (row.size_name, row.width_px) for row in video.thumbnails if row.mime_type in first
        ]
        if not all(self._is_there(video, row) for row in video.thumbnails):
            return sizes, ALL_KINDS
        made = {(row.size_name, row.mime_type) for row in video.thumbnails}
        further = _types(FURTHER_KINDS)
        lacking = [one for one in sizes if any((one[0], kind) not in made for kind in further)]
        return lacking, FURTHER_KINDS

    def _is_there(self, video: Video, row: ThumbnailRow) -> bool:
        path = self._storage.asset(video.course_id, video.id, row.file_name)
        try:
            return path.stat(follow_symlinks=False).st_size == row.size_bytes
        except FileNotFoundError:
            return False

    async def _add(
        self, video: Video, sizes: list[tuple[str, int]], kinds: list[PictureKind]
    ) -> None:
        async with scratch_directory(self._storage) as directory:
            pictures = await self._make(video, self._source(video), sizes, directory, kinds)
            rows = await SHARED_DISK.run(self.place, video, pictures)
        async with self._database.transaction() as transaction:
            now = await _lock_video(transaction, video.id)
            if now is not None and _names(now, FIRST_KINDS) == _names(video, FIRST_KINDS):
                if kinds == ALL_KINDS:
                    await processing.set_own_picture(transaction, video.id, is_own=False)
                await assets.add_thumbnails(transaction, video.id, rows)
                await _record_change(transaction, video.id)
        await self._remove_unreferenced(video.id, _names(video, ALL_KINDS) | _file_names(rows))

    async def choose_frame(self, video: Video, at_s: float, user_id: str) -> Video | None:
        """Makes the frame at `at_s` of a ready video its thumbnail; `user_id` is the acting user.

        Returns None when the video was deleted meanwhile. Raises: as `Sandbox.thumbnails`.
        """
        container, source = video.media.container, self._source(video)
        sizes, quality = self._settings.sizes, self._settings.quality
        async with scratch_directory(self._storage) as directory:
            made = await self._sandbox.for_owner(user_id).thumbnails(
                source, container, sizes, quality, directory, ALL_KINDS, at_s=at_s
            )
            return await self._replace(video, made, user_id, is_own=False)

    async def take_picture(
        self, video: Video, picture: Path, max_pixels: int, user_id: str
    ) -> Video | None:
        """Like `choose_frame`, with an uploaded picture. Raises: as `Sandbox.custom_thumbnails`."""
        sizes, quality = self._settings.sizes, self._settings.quality
        async with scratch_directory(self._storage) as directory:
            made = await self._sandbox.for_owner(user_id).custom_thumbnails(
                picture, max_pixels, sizes, quality, directory, ALL_KINDS
            )
            return await self._replace(video, made, user_id, is_own=True)

    async def _replace(
        self, video: Video, made: list[Picture], user_id: str, *, is_own: bool
    ) -> Video | None:
        """Nothing changes where another film has come, of which a frame was not chosen."""
        video_id = video.id
        async with self._database.transaction() as transaction:
            before = await _lock_video(transaction, video_id)
            if before is None or not (is_own or before.primary == video.primary):
                return before
            rows = await SHARED_DISK.run(self.place, before, made)
            await processing.set_own_picture(transaction, video_id, is_own=is_own)
            if _file_names(rows) == _names(before, ALL_KINDS):
                return before
            await assets.remove_thumbnails(transaction, video_id)
            await assets.add_thumbnails(transaction, video_id, rows)
            after = await _record_change(transaction, video_id, user_id)
        await self._remove_unreferenced(video_id, _names(before, ALL_KINDS))
        return after

    async def _remove_unreferenced(self, video_id: UUID, names: set[str]) -> None:
        """Removes files that no row names; under the lock, so none can be published again."""
        async with self._database.transaction() as transaction:
            now = await _lock_video(transaction, video_id)
            if now is not None:
                unnamed = names - _names(now, ALL_KINDS)
                await SHARED_DISK.run(self._remove, now, unnamed)

    def _remove(self, video: Video, names: Iterable[str]) -> None:
        for name in names:
            remove_asset(self._storage, video.course_id, video.id, name)

    def _source(self, video: Video) -> Path:
        return self._storage.asset(video.course_id, video.id, video.served_file.file_name)

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


async def _lock_video(transaction: Transaction, video_id: UUID) -> Video | None:
    """Locks the video's row until the transaction ends; returns the video if it is ready."""
    await videos.list_matching(transaction, video_id=video_id)
    # The statement that waited for the lock read the thumbnails from before it.
    video = await videos.get(transaction, video_id)
    return video if video is not None and video.status == "ready" else None


async def _record_change(
    transaction: Transaction, video_id: UUID, user_id: str | None = None
) -> Video:
    """Records the change of a video whose row is locked."""
    await processing.touch(transaction, video_id)
    return await append_updated(transaction, video_id, user_id)


def _names(video: Video, kinds: Sequence[PictureKind]) -> set[str]:
    """Returns the file names of the video's thumbnails in these formats."""
    types = _types(kinds)
    return _file_names(row for row in video.thumbnails if row.mime_type in types)


def _file_names(rows: Iterable[ThumbnailRow]) -> set[str]:
    return {row.file_name for row in rows}


def _types(kinds: Sequence[PictureKind]) -> list[str]:
    return [PICTURE_TYPES[kind] for kind in kinds]
