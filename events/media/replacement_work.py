"""The work on replacements: another film is made beside the one that plays, then they are switched.

The switch is one transaction: afterwards every row describes the new film, and the files of the one
before are left over (`events.upkeep.replaced_files` removes them). A replacement that fails leaves
the video as it is, and its reason with it. Each step is repeatable, as in `pipeline`.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from db.errors import DatabaseUnavailable
from db.insight import changes
from db.media import assets
from db.pool import Database, Transaction
from db.videos import replacements, videos
from db.videos.replacements import Replacement
from db.videos.video import Video
from events.errors import NoLongerWanted
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoReady, VideoUpdated
from events.log.video_events import append_processing, append_updated
from events.media.completion_recount import recount_completions
from events.media.pictures import Pictures
from events.media.scratch import scratch_directory
from events.media.served_files import ServedFile, ServedFiles
from storage.disk import SHARED_DISK
from storage.errors import FINAL, MediaInterrupted, StorageFull
from storage.media.facts import Picture
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)

# `processing_ratio` after each step, of a new video as of a replacement.
SERVED_RATIO, PICTURED_RATIO = 0.9, 0.95
INTERNAL = ("internal", "The video could not be processed.")


async def fail(database: Database, failed: Replacement, code: str, detail: str) -> None:
    """Records why the video keeps its film; nothing changes if another one came meanwhile."""
    async with database.transaction() as transaction:
        is_failed = await replacements.set_failed(transaction, failed, code, detail)
        if is_failed and await videos.get(transaction, failed.video_id) is not None:
            await append_updated(transaction, failed.video_id, failed.uploaded_by)
    logger.warning("video %s keeps its film: %s (%s)", failed.video_id, detail, code)


class ReplacementWork:
    """Makes the film that is to replace another one, and switches."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        served_files: ServedFiles,
        pictures: Pictures,
        completion_ratio: float,
    ) -> None:
        self._database = database
        self._storage = storage
        self._served_files = served_files
        self._pictures = pictures
        self._completion_ratio = completion_ratio

    async def run(self, video: Video, *, is_last_attempt: bool) -> None:
        """Replaces the video's film, or records why not; raises errors that a retry may resolve."""
        replacement = await replacements.get(self._database, video.id)
        if replacement is None:
            return
        try:
            await self._make(video, replacement)
        except NoLongerWanted:
            logger.info("the film for video %s is no longer wanted", video.id)
        except FINAL as exc:
            await fail(self._database, replacement, exc.code, exc.sentence)
        except (StorageFull, MediaInterrupted) as exc:
            if not is_last_attempt:
                raise
            await fail(self._database, replacement, exc.code, exc.sentence)
        except DatabaseUnavailable:  # no fault of the film's; what has no job gets another
            raise
        except Exception:
            if is_last_attempt:
                await fail(self._database, replacement, *INTERNAL)
            raise

    async def _make(self, video: Video, replacement: Replacement) -> None:
        """Raises: NoLongerWanted, and as `ServedFiles.serve`."""

        async def report(ratio: float) -> bool:
            return await self._report(video, replacement, ratio * SERVED_RATIO)

        await report(0.0)
        if video.status == "ready":
            await self._served_files.drop_original(video)  # if a killed worker left it
        served = await self._served_files.serve_replacement(video, replacement, report)
        shown = replace(video, probed=served.media)
        async with scratch_directory(self._storage) as directory:
            await self._report(video, replacement, SERVED_RATIO)
            made = await self._pictures.make_first(shown, served.path, directory)
            await self._report(video, replacement, PICTURED_RATIO)
            await self._switch(replacement, served, made)

    async def _switch(
        self, replacement: Replacement, served: ServedFile, made: list[Picture]
    ) -> None:
        """Raises: NoLongerWanted, changing nothing."""
        async with self._database.transaction() as transaction:
            before = await _lock(transaction, replacement)
            row = await SHARED_DISK.run(served.row, is_primary=True)
            pictures = [] if before.has_own_picture else made
            # Under the lock, so that those of the same content are not removed meanwhile.
            thumbnails = await SHARED_DISK.run(self._pictures.place, before, pictures)
            await replacements.switch(transaction, replacement, served.media)
            await assets.add_representation(transaction, before.id, row)
            await assets.add_thumbnails(transaction, before.id, thumbnails)
            await self._append(transaction, before)

    async def _append(self, transaction: Transaction, before: Video) -> None:
        """Appends the events of the switch, the completions that come of it included."""
        video = await videos.get(transaction, before.id)
        assert video is not None
        kind = VideoUpdated if before.status == "ready" else VideoReady
        completed = await recount_completions(
            transaction, video, self._completion_ratio, cuts_watched=False
        )
        if video.duration_s != before.duration_s:
            await changes.add_duration(transaction, video.id, datetime.now(UTC).date())
        switched = video_event(kind, video, video.uploaded_by)
        await log.append(transaction, [switched, *completed])

    async def _report(self, video: Video, replacement: Replacement, ratio: float) -> bool:
        """Stores the progress and publishes changed values; False once it is unwanted."""
        async with self._database.transaction() as transaction:
            before = await replacements.report(transaction, replacement.id, ratio)
            return await append_processing(
                transaction, video, replacement.uploaded_by, ratio, before
            )


async def _lock(transaction: Transaction, replacement: Replacement) -> Video:
    """Locks the video until the transaction ends. Raises: NoLongerWanted."""
    await videos.list_matching(transaction, video_id=replacement.video_id)
    # The statement that waited for the lock read the row from before it.
    video = await videos.get(transaction, replacement.video_id)
    if video is None or video.replacement is None or not video.is_being_replaced:
        raise NoLongerWanted
    if video.replacement.id != replacement.id:
        raise NoLongerWanted
    return video
