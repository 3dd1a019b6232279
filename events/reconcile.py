"""Brings files and rows together again: strays go, forgotten videos get a job.

A file that is missing is told of; replaced, or given up, only when an operator asks for it: it may
be a mount that is not there. Nothing is touched while the storage's marker is not there,
nor in a storage that belongs to another database.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from db import file_rows, jobs, storage_identity, videos
from db.advisory_locks import AdvisoryLock
from db.file_rows import Kind
from db.pool import Database, Transaction
from db.sole_owner import sole_owner
from events import log, pipeline
from events.errors import ForeignStorage
from events.periodic import Periodic
from events.snapshots import told
from events.survey import Finding, survey
from events.telling import tell_updated
from events.types import VideoFailed
from storage.errors import StorageError
from storage.inventory import remove_stray, remove_unfinished
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)

INTERVAL_S = 3600.0
STRAY_AFTER_S = 3600.0  # an upload has its file before its row, by a moment
UNFINISHED_INTERVAL_S = 20.0  # a minute late at most, said the contract
TOLD_AT_ONCE = 20
ESSENTIAL: tuple[Kind, ...] = ("original", "representation")  # without it there is no video
FORGETTING: Mapping[Kind, Callable[[Transaction, UUID], Awaitable[None]]] = {
    "alternate": file_rows.forget_alternates,
    "storyboard": file_rows.forget_storyboard,
}
LOST_CODE, LOST_DETAIL = "internal", "The video's file has been lost."


class Reconcile:
    """Looks at start and hourly, while no other process does; at unfinished files more often."""

    def __init__(
        self, database: Database, dsn: str, storage: StoragePaths, unfinished_after_s: float
    ) -> None:
        self._database = database
        self._dsn = dsn
        self._storage = storage
        self._unfinished_after_s = unfinished_after_s
        self._hourly = Periodic("reconcile", self._look, INTERVAL_S)
        self._often = Periodic("unfinished files", self._expire, UNFINISHED_INTERVAL_S)

    def start(self) -> None:
        self._hourly.start()
        self._often.start()

    async def stop(self) -> None:
        await self._often.stop()
        await self._hourly.stop()

    async def _look(self) -> None:
        try:
            async with sole_owner(self._dsn, AdvisoryLock.RECONCILE) as is_owner:
                if is_owner:
                    await reconcile(self._database, self._storage, time.time())
        except (StorageError, ForeignStorage) as exc:
            logger.error("reconcile: nothing was touched: %s", exc)

    async def _expire(self) -> None:
        before_s = time.time() - self._unfinished_after_s
        removed = await asyncio.to_thread(remove_unfinished, self._storage, before_s)
        if removed:
            logger.info("%d unfinished files have expired", len(removed))


async def reconcile(database: Database, storage: StoragePaths, now_s: float) -> list[Finding]:
    """Mend what can be mended without a person, tell the rest; returns the rest.

    Raises: StorageGone, StorageReadOnly, ForeignStorage, DatabaseError.
    """
    await require_own_storage(database, storage)
    findings = (await survey(database, storage)).findings
    by_itself = [one for one in findings if one.kind in ("stray", "stuck")]
    mended = await mend(database, storage, by_itself, now_s)
    rest = [one for one in findings if one.kind not in ("stray", "stuck")]
    for finding in mended:
        logger.warning("mended: %s %s", finding.kind, finding.path or finding.video_id)
    for finding in rest[:TOLD_AT_ONCE]:
        logger.error("%s: %s (%s)", finding.kind, finding.path, finding.detail)
    if len(rest) > TOLD_AT_ONCE:
        logger.error("... and %d more: `run_server.py check` lists them", len(rest) - TOLD_AT_ONCE)
    return rest


async def require_own_storage(database: Database, storage: StoragePaths) -> None:
    """The first storage that a database meets is its own, unless others' videos are in it.

    Raises: StorageGone, ForeignStorage.
    """
    instance_id = await asyncio.to_thread(storage.check)
    is_empty = await asyncio.to_thread(lambda: not any(storage.courses.glob("*/*")))
    async with database.transaction() as tx:
        known = await storage_identity.known(tx)
        if known is None and (is_empty or await storage_identity.has_videos(tx)):
            await storage_identity.remember(tx, instance_id)
            known = instance_id
    if known != instance_id:
        raise ForeignStorage


async def mend(
    database: Database, storage: StoragePaths, findings: Sequence[Finding], now_s: float
) -> list[Finding]:
    """Those that are mended now: old strays are gone, the stuck have jobs, what is lost is made
    again where it can be, and is failed where it cannot.

    Raises: StorageGone, StorageReadOnly, DatabaseError.
    """
    return [one for one in findings if await _is_mended(database, storage, one, now_s)]


async def _is_mended(
    database: Database, storage: StoragePaths, finding: Finding, now_s: float
) -> bool:
    if finding.kind == "stray":
        before_s = now_s - STRAY_AFTER_S
        if finding.changed_s >= before_s:
            return False
        assert finding.path is not None
        return await asyncio.to_thread(remove_stray, storage, finding.path, before_s)
    if finding.kind == "stuck":
        return await _requeue(database, finding)
    if finding.kind == "missing":
        return await _replace(database, finding)
    if finding.kind == "retryable":
        return await _retry(database, finding)
    return False


async def _requeue(database: Database, finding: Finding) -> bool:
    assert finding.video_id is not None
    async with database.transaction() as tx:
        await pipeline.enqueue(tx, finding.video_id)
    return True


async def _retry(database: Database, finding: Finding) -> bool:
    assert finding.video_id is not None
    async with database.transaction() as tx:
        if not await videos.retry(tx, finding.video_id):
            return False
        await pipeline.enqueue(tx, finding.video_id)
        await tell_updated(tx, finding.video_id)
    return True


async def _replace(database: Database, finding: Finding) -> bool:
    """False for a deleted video: restored, it would be without its file all the same."""
    assert finding.row is not None
    if finding.row.kind not in ESSENTIAL:
        return await _make_again(database, finding, finding.row.kind)
    is_begun = finding.has_original and await _begin_again(database, finding)
    return is_begun or await _give_up(database, finding)


async def _make_again(database: Database, finding: Finding, kind: Kind) -> bool:
    """From the file that is served, by one job, however much is lost."""
    assert finding.video_id is not None
    async with database.transaction() as tx:
        video = await videos.get(tx, finding.video_id)
        if video is None or video.status != "ready":
            return False
        if not await jobs.is_queued(tx, str(video.id)):
            await pipeline.enqueue(tx, video.id)
        await file_rows.forget_unmakable(tx, video.id)
        if kind in FORGETTING:  # pictures keep their rows, which tell the sizes
            await FORGETTING[kind](tx, video.id)
            await tell_updated(tx, video.id)
    return True


async def _begin_again(database: Database, finding: Finding) -> bool:
    """From the original."""
    assert finding.video_id is not None
    async with database.transaction() as tx:
        if not await file_rows.unmake(tx, finding.video_id):
            return False
        await pipeline.enqueue(tx, finding.video_id)
        await tell_updated(tx, finding.video_id)
    return True


async def _give_up(database: Database, finding: Finding) -> bool:
    assert finding.video_id is not None
    async with database.transaction() as tx:
        if not await videos.set_lost(tx, finding.video_id, LOST_CODE, LOST_DETAIL):
            return False
        video = await videos.get(tx, finding.video_id)
        assert video is not None
        await log.append(tx, [told(VideoFailed, video, video.uploaded_by)])
    return True
