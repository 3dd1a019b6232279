"""People as readers see and name them: with pseudonyms, only admins and services see ids.

A teacher means by a pseudonym somebody of the courses that they teach; an id means nobody to them,
or they could find out whose a pseudonym is.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from db.pool import Queries
from db.privacy import people
from events.privacy.naming import Naming
from events.privacy.pseudonyms import PREFIX, Pseudonyms

NOBODY = "-"  # no id begins so
READ_AT_ONCE = 5_000
HASHED_AT_ONCE = 500  # about 2 ms of the event loop
MOST_SEARCHED = 200_000


class People:
    """The naming of each reader, and its reverse. Without `pseudonyms` all see ids."""

    def __init__(self, queries: Queries, pseudonyms: Pseudonyms | None) -> None:
        self._queries = queries
        self._pseudonyms = pseudonyms

    def naming(self, reader_id: str, *, sees_ids: bool) -> Naming:
        return Naming(reader_id, None if sees_ids else self._pseudonyms)

    async def find(self, naming: Naming, name: str) -> str | None:
        """Returns the id of the person whom the reader names so; None if it is nobody's.

        Raises: DatabaseUnavailable, DatabaseTimeout.
        """
        if naming.shown(name) == name:  # ids are shown, or it is the reader's own
            return name
        if naming.pseudonyms is None or not name.startswith(PREFIX):
            return None
        return await self._search(naming.pseudonyms, naming.reader_id, name)

    async def _search(self, pseudonyms: Pseudonyms, reader_id: str, name: str) -> str | None:
        searched = 0
        async for page in self._pages(reader_id):
            for user_ids in _slices(page):
                found = pseudonyms.find(name, user_ids)
                if found is not None:
                    return found
                await asyncio.sleep(0)
            searched += len(page)
            if searched >= MOST_SEARCHED:
                break
        return None

    async def _pages(self, teacher_id: str) -> AsyncIterator[list[str]]:
        """Yields the people of the teacher's courses, some of them several times."""
        for course_id in await people.list_taught(self._queries, teacher_id):
            for table in people.PEOPLE_TABLES:
                page, after_id = [""] * READ_AT_ONCE, ""
                while len(page) == READ_AT_ONCE:
                    page = await people.list_people(
                        self._queries, table, course_id, after_id, READ_AT_ONCE
                    )
                    yield page
                    after_id = page[-1] if page else ""


def _slices(user_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(user_ids), HASHED_AT_ONCE):
        yield user_ids[start : start + HASHED_AT_ONCE]
