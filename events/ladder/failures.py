"""Failures of the work on ladders, recorded in the rungs: the video stays ready without them."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from db.errors import DatabaseUnavailable, QuotaReached
from db.media import ladders, rungs
from db.media.ladders import LadderRow, PieceRow
from db.pool import Database, Transaction
from events.errors import NoLongerWanted
from events.ladder import queue
from events.ladder.rung_rows import plan_of
from events.ladder.staleness import lock_current
from events.log.video_events import append_updated
from storage.disk import SHARED_DISK
from storage.errors import FINAL, MediaInterrupted, SandboxBusy, StorageFull
from storage.ladder.pieces import remove_ladder
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LadderFailure:
    """`is_final`: another attempt would fail alike."""

    code: str
    detail: str
    is_final: bool


OVER_QUOTA = LadderFailure(
    "over-quota", "There is no space left in the storage quota.", is_final=False
)
INTERNAL = LadderFailure("internal", "The rendition could not be made.", is_final=True)


class Failures:
    """Records why rungs are not made."""

    def __init__(self, database: Database, storage: StoragePaths) -> None:
        self._database = database
        self._storage = storage

    @asynccontextmanager
    async def recorded(
        self, ladder: LadderRow, piece: PieceRow | None = None, *, is_last_attempt: bool
    ) -> AsyncIterator[None]:
        """Records the failure of the block; raises what a retry may resolve."""
        try:
            yield
        except NoLongerWanted:
            logger.info("the ladder of video %s is no longer wanted", ladder.video_id)
        except FINAL as exc:
            await self.record(ladder, piece, LadderFailure(exc.code, exc.sentence, is_final=True))
        except QuotaReached:
            await self.record(ladder, piece, OVER_QUOTA)
        except (StorageFull, MediaInterrupted, SandboxBusy) as exc:
            if not is_last_attempt:
                raise
            await self.record(ladder, piece, LadderFailure(exc.code, exc.sentence, is_final=False))
        except DatabaseUnavailable:  # no fault of the film's; what has no job gets another
            raise
        except Exception:
            if is_last_attempt:
                await self.record(ladder, piece, INTERNAL)
            raise

    async def record(
        self, ladder: LadderRow, piece: PieceRow | None, failure: LadderFailure
    ) -> None:
        """Fails the rungs that the piece is of, or the ladder that is nothing without them."""
        names = _rungs_of(ladder, piece) if piece is not None and failure.is_final else []
        logger.warning(
            "video %s gets no %s: %s (%s)",
            ladder.video_id,
            ", ".join(names) or "ladder",
            failure.detail,
            failure.code,
        )
        try:
            async with lock_current(self._database, ladder) as transaction:
                if piece is not None and names:
                    await _fail_rungs(transaction, ladder, piece, names, failure)
                else:
                    await _fail(transaction, ladder, failure)
                await append_updated(transaction, ladder.video_id)
        except NoLongerWanted:
            return
        if not names:
            await SHARED_DISK.run(remove_ladder, self._storage, ladder.work_id)


def _rungs_of(ladder: LadderRow, piece: PieceRow) -> list[str]:
    """Names of the piece's rungs; none if nothing is left to be watched without them."""
    plan = plan_of(ladder)
    copied = plan.copied
    match piece.kind:
        case "coded" if copied is not None:
            return [rung.name for rung in plan.coded]
        case "copy" if copied is not None and plan.coded:
            return [copied.name]
    return []


async def _fail(transaction: Transaction, ladder: LadderRow, failure: LadderFailure) -> None:
    """Fails all rungs that are not made; what is published stays."""
    await rungs.set_failed(transaction, ladder.video_id, failure.code, failure.detail)
    await ladders.set_failed(transaction, ladder.video_id, is_final=failure.is_final)


async def _fail_rungs(
    transaction: Transaction,
    ladder: LadderRow,
    piece: PieceRow,
    names: Sequence[str],
    failure: LadderFailure,
) -> None:
    await rungs.set_failed(transaction, ladder.video_id, failure.code, failure.detail, names)
    await ladders.drop_pieces(transaction, ladder.video_id, piece.kind)
    await queue.enqueue_next(transaction, ladder.video_id, piece.lane)
