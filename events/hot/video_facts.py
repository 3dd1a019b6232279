"""Facts of videos: the row, its files, pictures and renditions."""

from uuid import UUID

from db.pool import Database
from db.videos import videos
from db.videos.video import Video
from events.hot.entries import VIDEOS, Shelf
from events.hot.facts_reader import FactsReader


class VideoReader(FactsReader[UUID, Video]):
    """Reads videos; the row carries its version itself."""

    def __init__(self, database: Database, shelf: Shelf | None = None) -> None:
        async def load(video_id: UUID, _: int) -> Video | None:
            return await videos.get(database, video_id)

        super().__init__(VIDEOS, load, shelf)
