"""Storyboards of ready videos: sheets of tiles, and WebVTT cues that name them."""

from pathlib import Path

from db.media import assets
from db.media.assets import StoryboardRow
from db.pool import Database
from db.videos import processing
from db.videos.video import Video
from events.log.video_events import append_updated
from events.media.scratch import scratch_directory
from storage.disk import SHARED_DISK
from storage.hashes import sha256_file
from storage.media.facts import Storyboard
from storage.paths import StoragePaths, asset_name
from storage.pictures.storyboard_cues import write_cues
from storage.sandbox.children import Sandbox
from storage.videos import adopt_asset


class Storyboards:
    """Makes storyboards in the sandbox, publishes their files and records the rows."""

    def __init__(
        self, database: Database, storage: StoragePaths, sandbox: Sandbox, quality: int
    ) -> None:
        self._database = database
        self._storage = storage
        self._sandbox = sandbox
        self._quality = quality

    async def add(self, video: Video) -> None:
        """Adds a storyboard if there is none. Raises: as `Sandbox.storyboard`."""
        if video.storyboard_file_name is not None:
            return
        async with scratch_directory(self._storage) as directory:
            board = await self._make(video, directory)
            cues, sheets = await SHARED_DISK.run(self._place, video, board, directory)
        async with self._database.transaction() as transaction:
            if await processing.touch(transaction, video.id):
                await assets.add_storyboard(transaction, video.id, cues, sheets)
                await append_updated(transaction, video.id)

    async def _make(self, video: Video, directory: Path) -> Storyboard:
        source = self._storage.asset(video.course_id, video.id, video.served_file.file_name)
        container = video.media.container
        return await self._sandbox.storyboard(source, container, self._quality, directory)

    def _place(
        self, video: Video, board: Storyboard, directory: Path
    ) -> tuple[StoryboardRow, list[StoryboardRow]]:
        """Publishes the sheets, then the cues that name them. Blocks."""
        sheets = [self._place_part(video, one.file, one.sha256, "jpg") for one in board.sheets]
        names = [sheet.file_name for sheet in sheets]
        file = directory / "cues"
        file.write_text(write_cues(board, names, video.media.duration_s))
        return self._place_part(video, file, sha256_file(file), "vtt"), sheets

    def _place_part(self, video: Video, file: Path, sha256: str, extension: str) -> StoryboardRow:
        name = asset_name("storyboard", sha256, extension)
        path = adopt_asset(self._storage, file, video.course_id, video.id, name)
        return StoryboardRow(name, path.stat().st_size, sha256)
