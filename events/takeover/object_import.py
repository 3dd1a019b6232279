"""Import of one S3 object into the videos of the modules that show it; safe to kill anywhere.

Bytes are on disk before the ledger records them. A module's row, event, job and reference are one
transaction. A repeated run skips what is done and resumes the rest.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar
from uuid import UUID

from db import space
from db.errors import DatabaseError, QuotaReached
from db.pool import Database, Transaction
from db.space import Reservation
from db.takeover import announcements, imports
from db.takeover.imports import ImportedObject
from db.takeover.legacy import LegacyModule
from events.errors import NotTaken, deleted_video_fault
from events.media import pipeline
from events.media.served_files import media_facts
from storage.concurrency.tasks import to_its_end
from storage.disk import Disk
from storage.errors import (
    FINAL,
    MediaInterrupted,
    PartialBusy,
    SandboxBusy,
    StorageFull,
    wrap_os_errors,
)
from storage.media.facts import Examined, MediaLimits
from storage.paths import StoragePaths, original_name
from storage.receiving.partials import PartialFile, hold_partial
from storage.receiving.uploads import require_space
from storage.s3.checksums import Mismatch, Verified
from storage.s3.object_fetch import FetchControl, FetchError, fetch_part
from storage.s3.objects import Client, S3Object
from storage.s3.parts import ObjectPart, arrivals, missing_parts
from storage.s3.verification import verify_object
from storage.sandbox.children import Sandbox
from storage.videos import publish_partial, remove_video

_T = TypeVar("_T")

PART_BYTES = 8 * 1024 * 1024
IMPORTER = "import-s3"  # the uploader in events and rows
MAX_FILENAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Taken:
    """A verified object; `faults` are the refusals of modules, by module id."""

    verified: Verified
    faults: Mapping[str, NotTaken]


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """Limits of an import, the same as for uploads."""

    quota_bytes: int | None
    reserve_bytes: int
    allowed_formats: tuple[str, ...]
    media_limits: MediaLimits


class Importer:
    """Imports objects; the owner of `executor` shuts it down, after setting `shared.stopping`.

    `parallel` parts are fetched at once. The executor needs further threads: one for each object
    verified meanwhile, and spare ones, or a fetched part is recorded only after the queued fetches.
    """

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        executor: Executor,
        client: Client,
        shared: FetchControl,
        settings: ImportSettings,
        parallel: int,
    ) -> None:
        self._database = database
        self._storage = storage
        self._sandbox = sandbox
        self._disk = Disk(executor)
        self._client = client
        self._shared = shared
        self._settings = settings
        self._fetching = asyncio.Semaphore(parallel)

    async def take(self, found: S3Object, modules: Sequence[LegacyModule]) -> Taken:
        """Imports the object and makes all modules show it. Raises: NotTaken, DatabaseError."""
        with _convert_faults():
            location = found.location
            async with self._database.transaction() as transaction:
                known = await imports.begin(
                    transaction, location.bucket, location.key, found.etag, found.size_bytes
                )
            if known.refused_for is not None:
                raise NotTaken("refused", known.refused_for)
            async with (
                space.open_reservation(
                    self._database,
                    known.id,
                    quota_bytes=self._settings.quota_bytes,
                    most_bytes=found.size_bytes,
                ) as room,
                hold_partial(self._storage, known.id, self._disk) as file,
            ):
                return await self._take(found, known, file, room, modules)

    async def _take(
        self,
        found: S3Object,
        known: ImportedObject,
        file: PartialFile,
        room: Reservation,
        modules: Sequence[LegacyModule],
    ) -> Taken:
        await room.cover(found.size_bytes)
        verdict = await self._fetch_verified(found, known, file, room)
        examined = await self._examine(known, file)
        faults: dict[str, NotTaken] = {}
        for module in modules:
            is_last = module is modules[-1] and not faults
            try:
                with _convert_faults():
                    await self._enter(found, known.id, file, examined, module, is_last=is_last)
            except NotTaken as exc:
                faults[module.id] = exc
        if not faults:
            await file.remove()
        return Taken(verdict, faults)

    async def _fetch_verified(
        self, found: S3Object, known: ImportedObject, file: PartialFile, room: Reservation
    ) -> Verified:
        """Fetches the missing parts; checksums are computed as parts arrive."""
        fetched = await self._confirmed_ranges(known, file)
        parts = missing_parts(found.size_bytes, fetched, PART_BYTES)
        missing_bytes = sum(part.stop - part.start for part in parts)
        wanted_bytes = self._settings.reserve_bytes + missing_bytes
        await require_space(file.path.parent, wanted_bytes, self._disk)
        halted = threading.Event()
        arriving = arrivals(parts, found.size_bytes, halted)
        verifying = asyncio.create_task(
            self._run(verify_object, self._client, found, file.path, arriving)
        )
        try:
            await self._fetch(found, known.id, file, parts, room, halted)
            return await self._verify(known, verifying)
        finally:
            halted.set()
            await asyncio.gather(verifying, return_exceptions=True)

    async def _fetch(
        self,
        found: S3Object,
        object_id: UUID,
        file: PartialFile,
        parts: Sequence[ObjectPart],
        room: Reservation,
        halted: threading.Event,
    ) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in parts:
                    tasks.create_task(self._fetch_part(found, object_id, file, part, room, halted))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        if self._shared.stopping.is_set():
            raise NotTaken("interrupted", "run again, and it goes on where it was")

    async def _confirmed_ranges(
        self, known: ImportedObject, file: PartialFile
    ) -> tuple[tuple[int, int], ...]:
        """Returns the ranges in the ledger; none if the file is shorter than the ledger claims."""
        claimed_bytes = known.fetched[-1][1] if known.fetched else 0
        if (await self._run(os.fstat, file.descriptor)).st_size >= claimed_bytes:
            return known.fetched
        await self._forget(known.id)
        return ()

    async def _fetch_part(
        self,
        found: S3Object,
        object_id: UUID,
        file: PartialFile,
        part: ObjectPart,
        room: Reservation,
        halted: threading.Event,
    ) -> None:
        """Fetches a part and records the bytes that arrived, even after a failure."""
        client, shared = self._client, self._shared
        try:
            async with self._fetching:
                await self._run(fetch_part, client, found, file.descriptor, part, shared, halted)
        finally:
            if part.position > part.start:
                await to_its_end(self._record_part(object_id, file, part, room))

    async def _record_part(
        self, object_id: UUID, file: PartialFile, part: ObjectPart, room: Reservation
    ) -> None:
        with wrap_os_errors():
            await self._run(os.fdatasync, file.descriptor)
        async with self._database.transaction() as transaction:
            await imports.add_fetched(transaction, object_id, part.start, part.position)
        await room.cover(0)

    async def _forget(self, object_id: UUID) -> None:
        async with self._database.transaction() as transaction:
            await imports.clear_fetched(transaction, object_id)

    async def _verify(self, known: ImportedObject, verifying: Awaitable[Verified]) -> Verified:
        try:
            verdict = await verifying
        except Mismatch as exc:
            await self._forget(known.id)
            raise NotTaken("damaged", f"{exc}: run again") from exc
        async with self._database.transaction() as transaction:
            await imports.set_verified(transaction, known.id, verdict.sha256, verdict.by)
        return verdict

    async def _examine(self, known: ImportedObject, file: PartialFile) -> Examined:
        settings = self._settings
        try:
            return await self._sandbox.examine(
                file.path, settings.media_limits, settings.allowed_formats
            )
        except FINAL as exc:
            async with self._database.transaction() as transaction:
                await imports.refuse(transaction, known.id, exc.sentence)
            await file.remove()
            raise NotTaken("refused", exc.sentence) from exc

    async def _enter(
        self,
        found: S3Object,
        object_id: UUID,
        file: PartialFile,
        examined: Examined,
        module: LegacyModule,
        *,
        is_last: bool,
    ) -> None:
        async with self._database.transaction() as transaction:
            video_id = await imports.take_over(transaction, module.id, object_id)
            if video_id is None:
                raise NotTaken("taken", "another import has just taken it")
            # `take` locks the module, so no other import publishes files there.
            await self._publish(file, module.course_id, video_id, examined.source)
            try:
                await self._enter_within(transaction, found, object_id, video_id, examined)
                if is_last:
                    await imports.finish(transaction, object_id)
            except (DatabaseError, NotTaken):
                await self._run(remove_video, self._storage, module.course_id, video_id)
                raise

    async def _publish(
        self, file: PartialFile, course_id: str, video_id: UUID, extension: str
    ) -> None:
        """Publishes the file, replacing what a killed import left."""
        await self._run(remove_video, self._storage, course_id, video_id)
        name = original_name(extension)
        await self._run(publish_partial, self._storage, file.path, course_id, video_id, name)

    async def _enter_within(
        self,
        transaction: Transaction,
        found: S3Object,
        object_id: UUID,
        video_id: UUID,
        examined: Examined,
    ) -> None:
        size_bytes = found.size_bytes
        await space.reserve(  # each video counts against the quota, even those that share a file
            transaction,
            object_id,
            needed_bytes=size_bytes,
            desired_bytes=size_bytes,
            quota_bytes=self._settings.quota_bytes,
        )
        filename = filename_of(found.location.key)
        media = media_facts(examined.probe)
        if not await announcements.set_arrived(
            transaction, video_id, examined.source, media, size_bytes, filename
        ):
            raise deleted_video_fault()
        await pipeline.begin_within(transaction, video_id, object_id)

    async def _run(self, function: Callable[..., _T], *arguments: object) -> _T:
        return await self._disk.run_to_its_end(function, *arguments)


@contextmanager
def _convert_faults() -> Iterator[None]:
    """Converts errors that concern one object or module to NotTaken."""
    try:
        yield
    except FetchError as exc:
        raise NotTaken(exc.state, str(exc)) from exc
    except QuotaReached as exc:
        raise NotTaken("over-quota", "COURSESTREAM_STORAGE_QUOTA has no room for it") from exc
    except StorageFull as exc:
        raise NotTaken("no-space", exc.sentence) from exc
    except (MediaInterrupted, SandboxBusy) as exc:
        raise NotTaken("unexamined", f"{exc.sentence} Run again.") from exc
    except PartialBusy as exc:
        raise NotTaken("busy", "another import is fetching it") from exc


def filename_of(key: str) -> str:
    """Returns the download file name for an object key."""
    name = "".join(filter(str.isprintable, PurePosixPath(key).name)) or "video"
    return name.encode()[:MAX_FILENAME_BYTES].decode(errors="ignore")
