"""Erasure of one person: their grants and streams end, their rows are deleted or become nobody's.

What was under way at that moment, a report or the bytes of a transfer, may still arrive: the rows
are looked at again for two minutes. Until then the id is kept sealed.
"""

import logging
import secrets
from datetime import UTC, datetime
from uuid import UUID

from db.insight import rollups
from db.pool import Database
from db.privacy import erasures, personal_rows
from db.privacy.erasures import Erasure
from db.uploads import uploads
from db.videos import videos
from events.errors import OUTAGES
from events.insight.folding import fold_all, settle
from events.log import log
from events.log.snapshots import video_event
from events.log.types import EnrollmentChanged, VideoUpdated
from events.privacy.pseudonyms import ERASED_PREFIX, Pseudonyms
from events.privacy.sealed_people import SealedPeople
from storage.concurrency.tasks import Periodic

logger = logging.getLogger(__name__)

LOOK_S = 15.0
OVER_AFTER_S = 120.0  # reports, the ledger, uploads at their end: each is bounded by less


class Erasures:
    """Erases people, and looks again at what was erased lately."""

    def __init__(self, database: Database, pseudonyms: Pseudonyms, people: SealedPeople) -> None:
        self._database = database
        self._pseudonyms = pseudonyms
        self._people = people
        self._periodic = Periodic("erasures", self.look, LOOK_S, OUTAGES)

    def start(self) -> None:
        self._periodic.start()

    async def stop(self) -> None:
        await self._periodic.stop()

    async def erase(self, user_id: str) -> None:
        """Returns when no row shows the id.

        Raises: DatabaseError; the rest is then erased by `look`.
        """
        async with self._database.transaction() as transaction:
            await erasures.add(transaction, self._people.seal(user_id))
        await self._erase(user_id)

    async def look(self) -> None:
        """Erases what has arrived since, and forgets erasures that are over."""
        for erasure in await erasures.list_all(self._database, OVER_AFTER_S):
            await self._look_at(erasure)

    async def _look_at(self, erasure: Erasure) -> None:
        user_id = self._people.user_id_of(erasure.sealed_user_id)
        if user_id is None:
            logger.error("an erasure was sealed by another GRANT_SECRET: request it again")
        else:
            await self._erase(user_id)
        if erasure.is_over or user_id is None:
            async with self._database.transaction() as transaction:
                await erasures.delete(transaction, erasure.id)

    async def _erase(self, user_id: str) -> None:
        await self._withdraw(user_id)
        await settle(self._database)  # changes of figures that wait name their viewers
        # Another name each time: no row can have it already.
        name = ERASED_PREFIX + secrets.token_hex(8)
        has_uploaded = await personal_rows.has_uploaded(self._database, user_id)
        if has_uploaded:
            await self._rename_uploads(user_id, name)
        await self._rename_in_figures(user_id, name)
        await personal_rows.erase(self._database, user_id, name)
        if has_uploaded:
            await personal_rows.rename_in_copies(self._database, user_id, name)

    async def _rename_uploads(self, user_id: str, name: str) -> None:
        """Renames the uploader, with an event of each video: caches of its facts read anew."""
        ids: list[UUID] | None = None
        while ids is None or ids:
            async with self._database.transaction() as transaction:
                ids = await personal_rows.rename_uploads(transaction, user_id, name)
                found = [await videos.get(transaction, video_id) for video_id in ids]
                events = [video_event(VideoUpdated, video, name) for video in found if video]
                if events:
                    await log.append(transaction, events)

    async def _rename_in_figures(self, user_id: str, name: str) -> None:
        """Renames at one moment, or who counts anew would take the two for different viewers."""
        async with self._database.transaction() as transaction:
            await rollups.lock_out(transaction)
            await personal_rows.rename_progress(transaction, user_id, name)
            await fold_all(transaction)  # changes of the progress that is renamed now
            await personal_rows.rename_viewer(transaction, user_id, name)

    async def _withdraw(self, user_id: str) -> None:
        name, sealed = self._pseudonyms.after_erasure(user_id), self._people.seal(user_id)
        now = datetime.now(UTC)
        async with self._database.transaction() as transaction:
            await uploads.end_all_of_user(transaction, user_id)
            ended = await personal_rows.withdraw(transaction, user_id, name, sealed)
            events = [
                EnrollmentChanged(
                    course_id=one.course_id,
                    user_id=name,
                    occurred_at=now,
                    role=None,
                    version=one.version,
                    sealed_user_id=sealed,
                )
                for one in ended
            ]
            if events:
                await log.append(transaction, events)
