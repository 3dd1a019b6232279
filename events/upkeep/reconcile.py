"""Brings files and rows together again: strays go to the trash, forgotten videos get a job.

A file that is missing is told of; replaced, or given up, only when an operator asks for it: it may
be a mount that is not there. So may many strays be another database's: more than a crash leaves
behind stay where they are until an operator has looked. Nothing is touched while the storage's
marker is not there, nor in a storage that belongs to another database.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from db import jobs, videos
from db.advisory_locks import AdvisoryLock
from db.pool import Database, Transaction
from db.upkeep import file_rows, storage_identity, trash_clock
from db.upkeep.file_rows import Kind
from db.upkeep.sole_owner import sole_owner
from events.errors import OUTAGES, ForeignStorage
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoFailed
from events.log.video_events import append_updated
from events.media import pipeline
from events.upkeep.pairing import require_pair
from events.upkeep.survey import Finding, Survey, survey
from storage.errors import StorageError
from storage.inventory import remove_unfinished
from storage.paths import StoragePaths
from storage.tasks import Periodic
from storage.trash import move_to_trash, new_batch
from storage.videos import remove_asset

logger = logging.getLogger(__name__)

INTERVAL_S = 3600.0
STRAY_AFTER_S = 3600.0  # an upload has its file before its row, by a moment
UNFINISHED_INTERVAL_S = 20.0  # a minute late at most, said the contract
TOLD_AT_ONCE = 20
# Past either of them a sweep leaves all strays alone; a single file may go however few there are.
MOST_STRAYS, MOST_STRAYS_RATIO = 10, 0.05
ESSENTIAL: tuple[Kind, ...] = ("original", "representation")  # without it there is no video
FORGETTING: Mapping[Kind, Callable[[Transaction, UUID], Awaitable[None]]] = {
    "alternate": file_rows.forget_alternates,
    "storyboard": file_rows.forget_storyboard,
}
DAMAGED = ("missing", "size-differs", "hash-differs")
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
        self._hourly = Periodic("reconcile", self._look, INTERVAL_S, OUTAGES)
        self._often = Periodic("unfinished files", self._expire, UNFINISHED_INTERVAL_S, OUTAGES)

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
                    now_s = await safe_now_s(self._database)
                    await reconcile(self._database, self._storage, now_s)
        except (StorageError, ForeignStorage) as exc:
            logger.error("reconcile: nothing was touched: %s", exc)

    async def _expire(self) -> None:
        await require_pair(self._database, self._storage)
        before_s = await safe_now_s(self._database) - self._unfinished_after_s
        removed = await asyncio.to_thread(remove_unfinished, self._storage, before_s)
        if removed:
            logger.info("%d unfinished files have expired", len(removed))


async def safe_now_s(database: Database) -> float:
    """Unix time by whichever of our clock and the database's is behind: one that is ahead makes
    nothing look old."""
    return min(time.time(), (await trash_clock.now(database)).timestamp())


async def reconcile(database: Database, storage: StoragePaths, now_s: float) -> list[Finding]:
    """Mend what can be mended without a person, tell the rest; returns the rest.

    Raises: StorageGone, StorageReadOnly, ForeignStorage, DatabaseError.
    """
    await require_pair(database, storage)
    found = await survey(database, storage)
    is_held = holds_strays(found)
    kinds = ("stuck",) if is_held else ("stuck", "stray")
    by_itself = [one for one in found.findings if one.kind in kinds]
    mended = await mend(database, storage, by_itself, now_s)
    async with database.transaction() as transaction:
        await storage_identity.note_held_strays(transaction, found.stray_files if is_held else 0)
    rest = [one for one in found.findings if one.kind not in kinds]
    _log(found, mended, rest)
    return rest


def holds_strays(found: Survey) -> bool:
    """Whether there are more files without a row than a sweep moves by itself."""
    most = min(MOST_STRAYS, max(1, MOST_STRAYS_RATIO * found.files))
    return found.stray_files > most


def held_in_words(found: Survey) -> str:
    return (
        f"{found.stray_files} of {found.files} files have no row, more than a sweep moves to the"
        f" trash by itself ({MOST_STRAYS}, or {MOST_STRAYS_RATIO:.0%}), and all of them stay"
    )


def _log(found: Survey, mended: Sequence[Finding], rest: Sequence[Finding]) -> None:
    for finding in mended:
        logger.warning("mended: %s %s", finding.kind, finding.path or finding.video_id)
    if holds_strays(found):
        logger.error(
            "reconcile: %s; `run_server.py check` lists them, `check --repair` moves them",
            held_in_words(found),
        )
    others = [one for one in rest if one.kind != "stray"]
    for finding in others[:TOLD_AT_ONCE]:
        logger.error("%s: %s (%s)", finding.kind, finding.path, finding.detail)
    if len(others) > TOLD_AT_ONCE:
        logger.error(
            "... and %d more: `run_server.py check` lists them", len(others) - TOLD_AT_ONCE
        )


async def mend(
    database: Database, storage: StoragePaths, findings: Sequence[Finding], now_s: float
) -> list[Finding]:
    """Those that are mended now: old strays are in the trash, the stuck have jobs, what is lost or
    damaged is made again where it can be; where it cannot, what is lost is failed, and what is
    damaged is left to a person, who may have it elsewhere.

    Raises: ForeignStorage, StorageGone, StorageReadOnly, DatabaseError.
    """
    if not findings:
        return []
    await require_pair(database, storage)  # looking may have taken long
    batch = new_batch(await trash_clock.now(database))
    return [one for one in findings if await _is_mended(database, storage, one, now_s, batch)]


async def _is_mended(
    database: Database, storage: StoragePaths, finding: Finding, now_s: float, batch: str
) -> bool:
    if finding.kind == "stray":
        before_s = now_s - STRAY_AFTER_S
        if finding.changed_s >= before_s:
            return False
        assert finding.path is not None
        return await asyncio.to_thread(move_to_trash, storage, finding.path, before_s, batch)
    if finding.kind == "stuck":
        return await _requeue(database, finding)
    if finding.kind == "retryable":
        return await _retry(database, finding)
    if finding.kind in DAMAGED:
        is_begun = await _replace(database, storage, finding)
        return is_begun or (_is_lost(finding) and await _give_up(database, finding))
    return False


async def make_again(
    database: Database, storage: StoragePaths, findings: Sequence[Finding]
) -> bool:
    """Have what is damaged of a video made again, giving nothing up; whether all of it is.

    Raises: StorageGone, StorageReadOnly, DatabaseError.
    """
    essential = [one for one in findings if one.row is not None and one.row.kind in ESSENTIAL]
    # Nothing can be made of a served file that is damaged itself.
    meant = [one for one in essential or findings if one.kind in DAMAGED]
    return all([await _replace(database, storage, one) for one in meant])


def _is_lost(finding: Finding) -> bool:
    is_essential = finding.row is not None and finding.row.kind in ESSENTIAL
    return finding.kind == "missing" and is_essential


async def _requeue(database: Database, finding: Finding) -> bool:
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        await pipeline.enqueue(transaction, finding.video_id)
    return True


async def _retry(database: Database, finding: Finding) -> bool:
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        if not await videos.retry(transaction, finding.video_id):
            return False
        await pipeline.enqueue(transaction, finding.video_id)
        await append_updated(transaction, finding.video_id)
    return True


async def _replace(database: Database, storage: StoragePaths, finding: Finding) -> bool:
    """False for a deleted video: restored, it would be without its file all the same."""
    assert finding.row is not None
    if finding.row.kind in ESSENTIAL:
        return finding.has_original and await _begin_again(database, finding)
    is_queued = await _make_again(database, finding, finding.row.kind)
    if is_queued and finding.kind == "hash-differs" and finding.row.kind == "thumbnail":
        # By its length it would be taken for what it should be.
        await asyncio.to_thread(_remove, storage, finding, finding.row.name)
    return is_queued


def _remove(storage: StoragePaths, finding: Finding, name: str) -> None:
    assert finding.video_id is not None
    remove_asset(storage, finding.course_id, finding.video_id, name)


async def _make_again(database: Database, finding: Finding, kind: Kind) -> bool:
    """From the file that is served, by one job, however much is lost."""
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        video = await videos.get(transaction, finding.video_id)
        if video is None or video.status != "ready":
            return False
        if not await jobs.is_queued(transaction, str(video.id)):
            await pipeline.enqueue(transaction, video.id)
        await file_rows.forget_unmakable(transaction, video.id)
        if kind in FORGETTING:  # pictures keep their rows, which tell the sizes
            await FORGETTING[kind](transaction, video.id)
            await append_updated(transaction, video.id)
    return True


async def _begin_again(database: Database, finding: Finding) -> bool:
    """From the original."""
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        if not await file_rows.unmake(transaction, finding.video_id):
            return False
        await pipeline.enqueue(transaction, finding.video_id)
        await append_updated(transaction, finding.video_id)
    return True


async def _give_up(database: Database, finding: Finding) -> bool:
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        if not await videos.set_lost(transaction, finding.video_id, LOST_CODE, LOST_DETAIL):
            return False
        video = await videos.get(transaction, finding.video_id)
        assert video is not None
        await log.append(transaction, [video_event(VideoFailed, video, video.uploaded_by)])
    return True
