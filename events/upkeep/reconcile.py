"""Reconciles files with rows: moves strays to the trash, queues videos that have no job.

A missing file is only logged, and replaced or given up when an operator asks for it: a mount may be
missing. Many strays may belong to another database: more of them than a crash leaves behind stay in
place until an operator has checked. Nothing is touched without the storage's marker, or in a
storage that belongs to another database.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from db import jobs
from db.advisory_locks import AdvisoryLock
from db.media import ladders
from db.pool import Database, Transaction
from db.processes import clock
from db.upkeep import file_rows, storage_identity
from db.upkeep.file_rows import Kind
from db.upkeep.sole_owner import try_sole_ownership
from db.videos import processing, replacements, videos
from events.errors import OUTAGES, ForeignStorage
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoFailed
from events.log.video_events import append_updated
from events.media import pipeline
from events.media.replacement_work import fail
from events.upkeep.pairing import require_pair
from events.upkeep.survey import Finding, Survey, survey
from storage.concurrency.tasks import Periodic
from storage.disk import SHARED_DISK
from storage.errors import StorageError
from storage.paths import StoragePaths
from storage.upkeep.inventory import remove_unfinished
from storage.upkeep.trash import move_to_trash, new_batch_name
from storage.videos import remove_asset

logger = logging.getLogger(__name__)

INTERVAL_S = 3600.0
STRAY_AFTER_S = 3600.0  # an upload's file exists shortly before its row
UNFINISHED_INTERVAL_S = 20.0  # the contract allows at most a minute's delay
LOGGED_AT_ONCE = 20
# Beyond either, a sweep leaves all strays alone; a single file may always go.
MOST_STRAYS, MOST_STRAYS_RATIO = 10, 0.05
ESSENTIAL: tuple[Kind, ...] = ("original", "representation")  # nothing plays without them
FORGETTING: Mapping[Kind, Callable[[Transaction, UUID], Awaitable[None]]] = {
    "alternate": file_rows.clear_alternates,
    "storyboard": file_rows.clear_storyboard,
    "ladder": file_rows.clear_ladder,
}
DAMAGED = ("missing", "size-differs", "hash-differs")
LOST_CODE, LOST_DETAIL = "internal", "The video's file has been lost."


class Reconcile:
    """Runs at start and hourly, in one process at a time; checks unfinished files more often."""

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
            async with try_sole_ownership(self._dsn, AdvisoryLock.RECONCILE) as is_owner:
                if is_owner:
                    now_s = await safe_now_s(self._database)
                    await reconcile(self._database, self._storage, now_s)
        except (StorageError, ForeignStorage) as exc:
            logger.error("reconcile: nothing was touched: %s", exc)

    async def _expire(self) -> None:
        await require_pair(self._database, self._storage)
        before_s = await safe_now_s(self._database) - self._unfinished_after_s
        removed = await SHARED_DISK.run(remove_unfinished, self._storage, before_s)
        if removed:
            logger.info("%d unfinished files have expired", len(removed))


async def safe_now_s(database: Database) -> float:
    """Returns the earlier of our and the database's Unix time: a fast clock must not make files
    look old."""
    return min(time.time(), (await clock.now(database)).timestamp())


async def reconcile(database: Database, storage: StoragePaths, now_s: float) -> list[Finding]:
    """Mends what needs no operator; logs and returns the rest.

    Raises: StorageGone, StorageReadOnly, ForeignStorage, DatabaseError.
    """
    await require_pair(database, storage)
    found = await survey(database, storage)
    is_held = holds_strays(found)
    kinds = ("stuck",) if is_held else ("stuck", "stray")
    by_itself = [one for one in found.findings if one.kind in kinds]
    mended = await mend(database, storage, by_itself, now_s)
    async with database.transaction() as transaction:
        await storage_identity.set_held_strays(transaction, found.stray_files if is_held else 0)
    rest = [one for one in found.findings if one.kind not in kinds]
    _log(found, mended, rest)
    return rest


def holds_strays(found: Survey) -> bool:
    """True if there are more strays than a sweep moves by itself."""
    most = min(MOST_STRAYS, max(1, MOST_STRAYS_RATIO * found.files))
    return found.stray_files > most


def describe_held_strays(found: Survey) -> str:
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
            describe_held_strays(found),
        )
    others = [one for one in rest if one.kind != "stray"]
    for finding in others[:LOGGED_AT_ONCE]:
        logger.error("%s: %s (%s)", finding.kind, finding.path, finding.detail)
    if len(others) > LOGGED_AT_ONCE:
        logger.error(
            "... and %d more: `run_server.py check` lists them", len(others) - LOGGED_AT_ONCE
        )


async def mend(
    database: Database, storage: StoragePaths, findings: Sequence[Finding], now_s: float
) -> list[Finding]:
    """Mends findings and returns those mended: old strays go to the trash, stuck videos are
    queued, lost or damaged files are made again where possible. Otherwise a video with a lost file
    fails, and a damaged file is left to the operator, who may have a backup.

    Raises: ForeignStorage, StorageGone, StorageReadOnly, DatabaseError.
    """
    if not findings:
        return []
    await require_pair(database, storage)  # the survey may have taken long
    batch = new_batch_name(await clock.now(database))
    return [one for one in findings if await _mend_one(database, storage, one, now_s, batch)]


async def _mend_one(
    database: Database, storage: StoragePaths, finding: Finding, now_s: float, batch: str
) -> bool:
    if finding.kind == "stray":
        before_s = now_s - STRAY_AFTER_S
        if finding.changed_s >= before_s:
            return False
        assert finding.path is not None
        return await SHARED_DISK.run(move_to_trash, storage, finding.path, before_s, batch)
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
    """Queues a video's damaged files to be made again, giving up nothing; True if all are queued.

    Raises: StorageGone, StorageReadOnly, DatabaseError.
    """
    essential = [one for one in findings if one.row is not None and one.row.kind in ESSENTIAL]
    # Other files are made from the served one, so a damaged one comes first.
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
        if not await processing.retry(transaction, finding.video_id):
            return False
        await pipeline.enqueue(transaction, finding.video_id)
        await append_updated(transaction, finding.video_id)
    return True


async def _replace(database: Database, storage: StoragePaths, finding: Finding) -> bool:
    """Returns False for a deleted video: its file would be missing after a restore, too."""
    assert finding.row is not None
    if finding.row.kind == "superseded":
        return await _forget_superseded(database, finding.video_id, finding.row.name)
    if finding.row.kind == "replacement":
        return await _give_up_replacement(database, finding)
    if finding.row.kind in ESSENTIAL:
        return finding.has_original and await _begin_again(database, finding)
    is_queued = await _make_again(database, finding, finding.row.kind)
    if is_queued and finding.kind == "hash-differs" and finding.row.kind == "thumbnail":
        # The worker checks only its length, which is right.
        await SHARED_DISK.run(_remove, storage, finding, finding.row.name)
    return is_queued


async def _forget_superseded(database: Database, video_id: UUID | None, name: str) -> bool:
    """Deletes the row of a file that is kept only for who began to play it."""
    assert video_id is not None
    async with database.transaction() as transaction:
        await file_rows.delete_superseded(transaction, video_id, name)
    return True


async def _give_up_replacement(database: Database, finding: Finding) -> bool:
    """Ends the replacement whose file is damaged: the video keeps the film that it has."""
    assert finding.video_id is not None
    replacement = await replacements.get(database, finding.video_id)
    if replacement is None:
        return False
    await fail(database, replacement, LOST_CODE, LOST_DETAIL)
    return True


def _remove(storage: StoragePaths, finding: Finding, name: str) -> None:
    assert finding.video_id is not None
    remove_asset(storage, finding.course_id, finding.video_id, name)


async def _make_again(database: Database, finding: Finding, kind: Kind) -> bool:
    """Queues one job that makes the lost files again from the served one."""
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        video = await videos.get(transaction, finding.video_id)
        if video is None or video.status != "ready":
            return False
        if not await jobs.is_queued(transaction, str(video.id)):
            await pipeline.enqueue(transaction, video.id)
        await file_rows.clear_unmakable(transaction, video.id)
        if kind in FORGETTING:  # pictures keep their rows, which hold the sizes
            await FORGETTING[kind](transaction, video.id)
            await append_updated(transaction, video.id)
    return True


async def _begin_again(database: Database, finding: Finding) -> bool:
    """Queues the whole processing again, from the original."""
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        if not await file_rows.reset_to_original(transaction, finding.video_id):
            return False
        await ladders.abandon(transaction, [finding.video_id])
        await pipeline.enqueue(transaction, finding.video_id)
        await append_updated(transaction, finding.video_id)
    return True


async def _give_up(database: Database, finding: Finding) -> bool:
    assert finding.video_id is not None
    async with database.transaction() as transaction:
        if not await processing.set_lost(transaction, finding.video_id, LOST_CODE, LOST_DETAIL):
            return False
        video = await videos.get(transaction, finding.video_id)
        assert video is not None
        await log.append(transaction, [video_event(VideoFailed, video, video.uploaded_by)])
    return True
