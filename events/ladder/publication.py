"""Publication of a ladder: its rows and its files, in one transaction.

The rows come first: they hold off the sweep of superseded files, which may be about to remove one
of the same name. The files are flushed before, so that nobody waits long for the video's lock.

Files are named by their content, so that those of an earlier ladder, or with other captions, stay
beside the new ones: whoever plays goes on with the names that it has. They are superseded, and go
once no grant is left that may name them.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from db.media import ladders, rungs, text_tracks
from db.media.ladders import LadderRow, PieceRow
from db.media.rungs import LadderFile, MadeRung
from db.pool import Database, Transaction
from db.videos import processing
from db.videos.video import Video
from events.errors import NoLongerWanted
from events.ladder.assembly import AssembledRung, assemble_rungs
from events.ladder.options import LadderSettings
from events.ladder.playlists import ListedRung, NamedFile, write_playlists
from events.ladder.rung_rows import details_of, grid_of, made_rung, plan_of
from events.ladder.staleness import lock_current
from events.ladder.work_room import work_room
from events.log.video_events import append_updated
from events.media.scratch import scratch_directory
from storage.disk import SHARED_DISK
from storage.fragments.assembly import read_assembled
from storage.ladder.facts import LadderPlan, VideoRung
from storage.ladder.rungs import worthwhile
from storage.paths import StoragePaths, asset_name
from storage.playlists.bitrates import average_bitrate
from storage.videos import adopt_flushed, flush_files, remove_asset


class LadderPublication:
    """Joins pieces and publishes what becomes of them."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        settings: LadderSettings,
    ) -> None:
        self._database = database
        self._storage = storage
        self._settings = settings

    async def publish(self, video: Video, ladder: LadderRow, pieces: Sequence[PieceRow]) -> None:
        """Publishes the rungs of these pieces beside those that are kept.

        Raises: NoLongerWanted, QuotaReached, StorageFull, the errors of the sandbox.
        """
        needed_bytes = sum(piece.size_bytes for piece in pieces)
        async with work_room(
            self._database, self._storage, self._settings, needed_bytes
        ) as directory:
            plan = plan_of(ladder)
            assembled = await SHARED_DISK.run_to_its_end(
                assemble_rungs, self._storage, ladder.work_id, plan, pieces, directory
            )
            made = [_describe(plan, one) for one in assembled]
            kept = await self._kept(video, ladder)
            listed = _worthwhile([*(rung for rung, _ in made), *kept])
            published = {one.made.file.name for one in listed}
            media = [file for _, file in made if file.row.file_name in published]
            await self._commit(video, ladder, listed, media, directory)

    async def write_playlists(self, video: Video) -> None:
        """Writes captions and playlists again. Raises: as `publish`."""
        ladder = await ladders.get(self._database, video.id)
        if ladder is None:
            return
        async with scratch_directory(self._storage) as directory:
            made = await rungs.list_made(self._database, video.id)
            listed = [await self._read(video, one) for one in made]
            texts = await self._write(video, listed, directory)
            async with self._placed(video, ladder, texts) as transaction:
                if await rungs.list_made(transaction, video.id) != made:
                    raise NoLongerWanted
                await rungs.replace_texts(transaction, video.id, [one.row for one in texts])

    async def _commit(
        self,
        video: Video,
        ladder: LadderRow,
        listed: Sequence[ListedRung],
        media: Sequence[NamedFile],
        directory: Path,
    ) -> None:
        """Raises: NoLongerWanted, leaving no file behind."""
        texts = await self._write(video, listed, directory)
        kept = [one.made for one in listed]
        async with self._placed(video, ladder, [*media, *texts]) as transaction:
            files = [*(_file_of(one) for one in kept), *(one.row for one in texts)]
            await rungs.publish(transaction, video.id, kept, files)
            await ladders.set_ready(transaction, video.id)

    @asynccontextmanager
    async def _placed(
        self, video: Video, ladder: LadderRow, files: Sequence[NamedFile]
    ) -> AsyncIterator[Transaction]:
        """Yields the transaction that records the files, then puts them in place.

        Raises: NoLongerWanted, leaving no file behind.
        """
        await SHARED_DISK.run_to_its_end(flush_files, [file.path for file in files])
        named = [(file.path, file.row.file_name) for file in files]
        try:
            async with lock_current(self._database, ladder) as transaction:
                yield transaction
                await SHARED_DISK.run_to_its_end(
                    adopt_flushed, self._storage, named, video.course_id, video.id
                )
                await processing.touch(transaction, video.id)
                await append_updated(transaction, video.id)
        finally:
            await self._discard_unnamed(video, [name for _, name in named])

    async def _kept(self, video: Video, ladder: LadderRow) -> list[ListedRung]:
        """The published rungs that the new ones fit."""
        if ladder.published_source_sha256 != ladder.source_sha256:
            return []
        grid = grid_of(plan_of(ladder))
        made = await rungs.list_made(self._database, video.id)
        return [await self._read(video, one) for one in made if details_of(one).grid == grid]

    async def _read(self, video: Video, made: MadeRung) -> ListedRung:
        path = self._storage.asset(video.course_id, video.id, made.file.name)
        return ListedRung(made, await SHARED_DISK.run(read_assembled, path))

    async def _write(
        self, video: Video, listed: Sequence[ListedRung], directory: Path
    ) -> list[NamedFile]:
        if not listed:
            return []
        captions = await text_tracks.list_captions(self._database, video.id)
        return await SHARED_DISK.run(write_playlists, listed, captions, directory)

    async def _discard_unnamed(self, video: Video, names: Sequence[str]) -> None:
        """Removes files that no row names: they are no longer wanted."""
        async with self._database.transaction() as transaction:
            await ladders.lock(transaction, video.id)
            unnamed = {*names} - await rungs.list_file_names(transaction, video.id)
            for name in unnamed:
                await SHARED_DISK.run(remove_asset, self._storage, video.course_id, video.id, name)


def _describe(plan: LadderPlan, one: AssembledRung) -> tuple[ListedRung, NamedFile]:
    extension = "mp4" if isinstance(one.rung, VideoRung) else "m4a"
    name = asset_name(one.rung.name, one.sha256, extension)
    size_bytes = one.fragmented.size
    made = made_rung(
        plan,
        one.rung,
        file_name=name,
        size_bytes=size_bytes,
        bitrate=average_bitrate(one.fragmented),
        codecs=one.codecs,
        sha256=one.sha256,
    )
    file = LadderFile(name, "rung", size_bytes, one.sha256)
    return ListedRung(made, one.fragmented), NamedFile(one.path, file)


def _worthwhile(rungs: Sequence[ListedRung]) -> list[ListedRung]:
    """The rungs, but for those that save hardly a byte; the largest first, then the sounds."""
    videos = [(details_of(one.made).video, one) for one in rungs]
    sizes = [(video, one.fragmented.size) for video, one in videos if video is not None]
    sizes.sort(key=lambda pair: (-pair[0].short_side, pair[0].codec != "h264"))
    order = [video.name for video in worthwhile(sizes)]
    by_name = {one.made.row.name: one for one in rungs}
    sounds = sorted(one.made.row.name for one in rungs if one.made.row.kind == "sound")
    return [by_name[name] for name in (*order, *sounds)]


def _file_of(made: MadeRung) -> LadderFile:
    return LadderFile(made.file.name, "rung", made.file.size_bytes, details_of(made).sha256)
