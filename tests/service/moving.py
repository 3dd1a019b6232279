"""A lecture of S3 that is announced to a running application, and taken over when told."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.pool import Database
from db.takeover.announcements import Announcement
from db.takeover.legacy import LegacyModule
from events.takeover.announce import announce
from events.takeover.object_import import IMPORTER, Importer, ImportSettings, filename_of
from handlers import keys
from server.takeover.import_s3 import import_settings
from storage.s3.locations import Location
from storage.s3.object_fetch import FetchControl
from storage.s3.objects import look_up
from tests.programs.object_store import BUCKET, REGION, ObjectStore

OF_MODULE = "SELECT video_id FROM s3_modules WHERE module_id = %s"


@dataclass(frozen=True)
class Moving:
    """A module of a course and the object that it shows."""

    store: ObjectStore
    module: LegacyModule
    key: str

    @staticmethod
    def of(store: ObjectStore, module_id: str = "m1", key: str = "a.mp4") -> "Moving":
        url = f"s3://{BUCKET}/{key}"
        return Moving(store, LegacyModule(module_id, "c1", "A lecture", 1, url), key)

    @property
    def announcement(self) -> Announcement:
        return Announcement(
            module_id=self.module.id,
            course_id=self.module.course_id,
            title=self.module.title,
            position=self.module.position,
            video_url=self.module.video_url,
            bucket=BUCKET,
            key=self.key,
            etag="etag",
            size_bytes=1,
            endpoint_url=self.store.endpoint_url,
            region=REGION,
            filename=filename_of(self.key),
            uploaded_by=IMPORTER,
        )

    async def announce(self, database: Database) -> UUID:
        assert await announce(database, [self.announcement]) == {}
        row = await database.fetch_one(OF_MODULE, (self.module.id,))
        assert row is not None
        return UUID(str(row.video_id))

    async def take(self, service: Any) -> None:
        """Fetch it and enter it, as the command does."""
        app, settings = service.app, import_settings(service.config)
        place = Location(BUCKET, self.key)
        found = await asyncio.to_thread(look_up, self.store.client, 2**40, [place])
        with ThreadPoolExecutor(3) as executor:
            await self._importer(app, settings, executor).take(found, [self.module])

    def _importer(
        self, app: Any, settings: ImportSettings, executor: ThreadPoolExecutor
    ) -> Importer:
        return Importer(
            app[keys.DATABASE],
            app[keys.STORAGE],
            app[keys.SANDBOX],
            executor,
            self.store.client,
            FetchControl(lambda _: None),
            settings,
            1,
        )
