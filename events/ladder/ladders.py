"""Job bodies of the adaptive ladder: plan it, make a piece, finish it, write its playlists.

A video is ready without its ladder. Every step is repeatable: a killed worker costs the piece that
it was making.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from db.media import ladders, rungs
from db.media.ladders import LadderRow, PieceRow, State
from db.pool import Database
from db.videos import videos
from db.videos.video import Video
from events.ladder import queue, start
from events.ladder.failures import INTERNAL, Failures
from events.ladder.options import LadderSettings
from events.ladder.pieces import PieceFacts, PieceMaker, PieceSource, list_pieces
from events.ladder.publication import LadderPublication
from events.ladder.rung_rows import plan_of, planned_rows, without_made
from events.ladder.staleness import is_current, lock_current
from events.log.video_events import append_updated
from events.media.cancellation import run_while_wanted
from events.media.fidelity import MADE_HERE
from events.media.served_files import FORMATS
from storage.disk import SHARED_DISK
from storage.formats import Container
from storage.ladder.facts import LadderPlan
from storage.ladder.pieces import remove_ladder
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox

logger = logging.getLogger(__name__)


class Ladders:
    """The work on ladders; each method is the body of a job."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        settings: LadderSettings,
    ) -> None:
        self._database = database
        self._storage = storage
        self._sandbox = sandbox
        self._settings = settings
        self._failures = Failures(database, storage)
        self._pieces = PieceMaker(database, storage, sandbox, settings)
        self._publication = LadderPublication(database, storage, settings)

    async def begin(self, video_id: UUID) -> None:
        """Begins the ladder of a video that has become ready, if ladders are made."""
        if self._settings.options is not None:
            await start.begin(self._database, video_id, self._settings.options)

    async def go_on_with_stuck(self) -> None:
        """Queues unfinished ladders whose jobs ended, as in an outage of the database."""
        if self._settings.options is not None:
            await start.go_on_with_stuck(self._database, self._settings.options)

    async def plan(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        """Plans the ladder and queues its pieces. Raises: errors that a retry may resolve."""
        found, options = await self._find(video_id, "waiting"), self._settings.options
        if found is None or options is None:
            return
        ladder, video = found
        path, container = self._source(video)
        async with self._failures.recorded(ladder, is_last_attempt=is_last_attempt):
            work = self._sandbox.plan_ladder(
                path,
                container,
                options.heights,
                max_pixels=MADE_HERE.max_pixels,
                av1=options.has_av1,
            )
            plan = await run_while_wanted(work, lambda: is_current(self._database, ladder))
            await self._record_plan(ladder, plan)

    async def make_piece(self, video_id: UUID, lane: int, *, is_last_attempt: bool) -> None:
        """Makes the lane's next piece. Raises: errors that a retry may resolve."""
        taken = await self._take(video_id, lane)
        if taken is None:
            return
        ladder, piece, source = taken
        async with self._failures.recorded(ladder, piece, is_last_attempt=is_last_attempt):
            work = self._pieces.make(source, piece)
            size_bytes, facts = await run_while_wanted(
                work, lambda: is_current(self._database, ladder)
            )
            await self._record_piece(ladder, piece, size_bytes, facts)

    async def finish(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        """Joins the pieces and publishes them. Raises: errors that a retry may resolve."""
        found = await self._find(video_id, "processing")
        if found is None:
            return
        ladder, video = found
        pieces = await ladders.list_pieces(self._database, video_id)
        if not all(piece.is_ready for piece in pieces):
            return
        async with self._failures.recorded(ladder, is_last_attempt=is_last_attempt):
            await self._publication.publish(video, ladder, pieces)
            await SHARED_DISK.run(remove_ladder, self._storage, ladder.work_id)

    async def write_playlists(self, video_id: UUID) -> None:
        """Writes the playlists again, for other captions. Raises: as `finish`."""
        video = await videos.get(self._database, video_id)
        if video is not None and video.hls_file_name is not None:
            await self._publication.write_playlists(video)

    async def give_up(self, video_id: UUID) -> None:
        """Fails the ladder whose job took its workers down with it."""
        ladder = await ladders.get(self._database, video_id)
        if ladder is not None and ladder.state in ("waiting", "processing"):
            await self._failures.record(ladder, None, INTERNAL)

    async def give_up_piece(self, video_id: UUID, lane: int) -> None:
        """Like `give_up`, for the piece that the lane holds."""
        taken = await self._take(video_id, lane)
        if taken is not None:
            ladder, piece, _ = taken
            await self._failures.record(ladder, piece, INTERNAL)

    async def _find(self, video_id: UUID, state: State) -> tuple[LadderRow, Video] | None:
        """The ladder in that state and its video, unless it is of another source."""
        ladder = await ladders.get(self._database, video_id)
        video = await videos.get(self._database, video_id)
        if ladder is None or video is None or video.primary is None:
            return None
        is_found = ladder.state == state and ladder.source_sha256 == video.primary.sha256
        return (ladder, video) if is_found else None

    async def _take(
        self, video_id: UUID, lane: int
    ) -> tuple[LadderRow, PieceRow, PieceSource] | None:
        found = await self._find(video_id, "processing")
        if found is None:
            return None
        _, video = found
        async with self._database.transaction() as transaction:
            ladder = await ladders.lock(transaction, video_id)
            if ladder is None or ladder.state != "processing":
                return None
            piece = await ladders.take_piece(transaction, video_id, lane)
        if piece is None:
            return None
        path, container = self._source(video)
        return ladder, piece, PieceSource(path, container, ladder.work_id, plan_of(ladder))

    def _source(self, video: Video) -> tuple[Path, Container]:
        served = video.served_file
        path = self._storage.asset(video.course_id, video.id, served.file_name)
        return path, FORMATS[served.format]

    async def _record_plan(self, ladder: LadderRow, planned: LadderPlan) -> None:
        """Raises: NoLongerWanted."""
        video_id = ladder.video_id
        async with lock_current(self._database, ladder) as transaction:
            made = await rungs.list_made(transaction, video_id)
            plan = without_made(planned, made)
            pieces = list_pieces(plan)
            text = msgspec.json.encode(plan).decode()
            await ladders.set_planned(transaction, video_id, text, pieces)
            await rungs.set_planned(transaction, video_id, planned_rows(plan))
            if pieces:
                await queue.enqueue_lanes(transaction, video_id, len(pieces))
            else:
                await queue.enqueue_finish(transaction, video_id)
            await append_updated(transaction, video_id)

    async def _record_piece(
        self, ladder: LadderRow, piece: PieceRow, size_bytes: int, facts: Sequence[PieceFacts]
    ) -> None:
        """Raises: NoLongerWanted."""
        video_id, text = ladder.video_id, msgspec.json.encode(facts).decode()
        async with lock_current(self._database, ladder) as transaction:
            await ladders.set_piece_ready(transaction, video_id, piece, size_bytes, text)
            await queue.enqueue_next(transaction, video_id, piece.lane)
