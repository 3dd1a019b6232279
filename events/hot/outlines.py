"""Outlines of courses, as a class that opens its course reads them: from memory, the shelf, or the
database.

Whoever asks has read the version in the database, which every change of a course, a module or a
video raises in its own transaction. So nobody gets an outline from before their question.
"""

from db import course_outlines
from db.course_outlines import Outline
from db.pool import Database
from events.hot.entries import OUTLINES, Shelf
from events.hot.facts_reader import FactsReader
from storage.concurrency.bounded_cache import BoundedCache

REMEMBERED = 32
MOST_VIDEOS = 500  # of a remembered one: some 5 KB each


class OutlineReader(FactsReader[str, Outline]):
    """Reads outlines, and remembers those used last."""

    def __init__(self, database: Database, shelf: Shelf | None = None) -> None:
        async def load(course_id: str, version: int) -> Outline:
            return await course_outlines.read(database, course_id, version)

        super().__init__(OUTLINES, load, shelf)
        self.hit_count = 0
        self._remembered: BoundedCache[str, Outline] = BoundedCache(REMEMBERED)

    async def get(self, course_id: str, version: int) -> Outline:
        """The outline of that version or a newer one. Raises: DatabaseError."""
        outline = self._remembered.get(course_id)
        if outline is not None and outline.version == version:
            self.hit_count += 1
            return outline
        outline = await self.read_version(course_id, version)
        assert outline is not None, "loading always finds one"
        if len(outline.videos) <= MOST_VIDEOS:
            self._remembered.put(course_id, outline)
        return outline
