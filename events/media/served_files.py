"""Served files: those of a video that browsers play, in its first and in the other format.

The served file gets its row as soon as it is published, so a worker that is killed in a later step
does not lose it.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NoReturn
from uuid import UUID

from db.media import assets, ladders
from db.media.assets import RepresentationRow
from db.pool import Database
from db.upkeep import file_rows
from db.videos import processing, replacements, videos
from db.videos.replacements import Replacement
from db.videos.video import AudioTrack, MediaFacts, Video
from events.errors import NoLongerWanted, UnfaithfulMedia
from events.log.video_events import append_updated
from events.media.cancellation import run_while_wanted
from events.media.fidelity import MADE_HERE, Fidelity
from events.media.scratch import scratch_directory
from storage.conversion.transcode_limits import transcode_budget
from storage.disk import SHARED_DISK
from storage.errors import FINAL, wrap_os_errors
from storage.formats import TRAITS, Container, SourceFormat
from storage.hashes import sha256_file
from storage.media.facts import Prepared, Probe, TranscodeTask
from storage.paths import StoragePaths, asset_name, original_name
from storage.playlists.shown_text import clean_text, known_language
from storage.sandbox.children import Sandbox
from storage.videos import adopt_asset, link_asset, remove_asset

logger = logging.getLogger(__name__)

FORMATS: dict[str, Container] = {"mp4": "mp4", "webm": "webm"}
UNKNOWN_SOUND = AudioTrack(None, None, is_default=True)
# Share of making the served file; the rest is hashing it.
MADE_RATIO = 0.9

# Takes the finished share, 0 to 1; returns False once the rest is unwanted.
ReportProgress = Callable[[float], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A published file that browsers play."""

    path: Path
    media: MediaFacts
    sha256: str

    def row(self, *, is_primary: bool) -> RepresentationRow:
        """Blocks. Raises: FileMissing."""
        with wrap_os_errors():
            media, size_bytes = self.media, self.path.stat().st_size
        return RepresentationRow(
            media.container, self.path.name, media.mime_type, size_bytes, self.sha256, is_primary
        )


class ServedFiles:
    """Makes the files in the sandbox, publishes them and records their rows."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        *,
        must_be_faithful: bool = False,
    ) -> None:
        """`must_be_faithful`: what differs from its upload is an error, for tests."""
        self._fidelity = Fidelity(database, sandbox, must_be_faithful=must_be_faithful)
        self._must_be_faithful = must_be_faithful
        self._database = database
        self._storage = storage
        self._sandbox = sandbox

    async def serve(self, video: Video, report: ReportProgress) -> ServedFile:
        """Returns the served file of an earlier attempt, or makes it.

        Raises: NoLongerWanted, the errors of the sandbox, StorageError, DatabaseError.
        """
        served = video.primary
        if served is None:
            return await self._make_served(video, report)
        path, container = self._path(video, served.file_name), FORMATS[served.format]
        probe = await self._sandbox.probe(path, container, MADE_HERE)
        return ServedFile(path, media_facts(probe), served.sha256)

    async def add_alternate(self, video_id: UUID) -> None:
        """Adds the other of MP4 and WebM, without which the video is ready, too.

        A format that cannot be made is recorded and never retried.
        Raises: errors that a retry may resolve.
        """
        video = await videos.get(self._database, video_id)
        if video is None or not lacks_alternate(video):
            return
        if "alternate-format" in await assets.list_unmakable(self._database, video_id):
            return
        try:
            await self._make_alternate(video)
        except FINAL as exc:
            logger.warning("video %s keeps only its first format: %s", video_id, exc)
            await assets.record_unmakable(self._database, video_id, "alternate-format", exc.code)
        except UnfaithfulMedia:
            await assets.record_unmakable(
                self._database, video_id, "alternate-format", "unfaithful"
            )
            if self._must_be_faithful:
                raise
        except NoLongerWanted:
            logger.info("video %s was deleted while its other format was made", video_id)

    async def measure_sounds(self, video: Video) -> None:
        """Looks at the sounds of a served file that was made before they were recorded."""
        path, container = self._path(video, video.served_file.file_name), video.media.container
        try:
            probe = await self._sandbox.probe(path, container, MADE_HERE)
            tracks = [*_audio_tracks(probe)]
        except FINAL as exc:
            logger.warning("the sounds of video %s are not known: %s", video.id, exc)
            tracks = [UNKNOWN_SOUND]
        async with self._database.transaction() as transaction:
            await processing.set_audio_tracks(transaction, video.id, tracks)
            if await processing.touch(transaction, video.id):
                await append_updated(transaction, video.id)

    async def discard(self, video: Video, file_names: Sequence[str]) -> None:
        """Removes files that no row names."""
        for name in file_names:
            await SHARED_DISK.run(remove_asset, self._storage, video.course_id, video.id, name)

    async def drop_original(self, video: Video) -> None:
        """Removes the uploaded file, whichever format it has."""
        formats = [video.source_format] if video.source_format else [*FORMATS]
        await self.discard(video, [original_name(one) for one in formats])

    async def serve_replacement(
        self, video: Video, replacement: Replacement, report: ReportProgress
    ) -> ServedFile:
        """Like `serve`, for another film of the video; both play until the video is switched."""
        shown = _as_replaced(video, replacement)
        if replacement.served is not None:
            return await self.serve(shown, report)
        name = original_name(_source_format(shown), replacement.id)
        served, original_sha256 = await self._make_from(shown, name, report)
        if not await self._record_replacement(replacement, served, original_sha256):
            await self.discard_unnamed(video, [served.path.name])
            raise NoLongerWanted
        return served

    async def discard_unnamed(self, video: Video, file_names: Sequence[str]) -> None:
        """Removes those files that no row names; under the lock, so none is named meanwhile."""
        async with self._database.transaction() as transaction:
            await ladders.lock(transaction, video.id)
            rows = (await file_rows.read_videos(transaction, [video.id])).get(video.id)
            if rows is not None:
                await self.discard(
                    video, [one for one in file_names if one not in rows.current_names]
                )

    async def _make_served(self, video: Video, report: ReportProgress) -> ServedFile:
        name = original_name(_source_format(video))
        served, original_sha256 = await self._make_from(video, name, report)
        if not await self._record_served(video, served, original_sha256):
            await self._discard_unwanted(video, served)
        return served

    async def _make_from(
        self, video: Video, name: str, report: ReportProgress
    ) -> tuple[ServedFile, str]:
        """Publishes the file that is made of this original; returns the original's hash, too."""
        original = self._path(video, name)
        async with scratch_directory(self._storage) as directory:
            source, probe = await self._make_playable(video, original, directory / "made", report)
            await report(MADE_RATIO)
            served = await self._publish(video, source, "source", media_facts(probe))
        if source == original:
            return served, served.sha256
        return served, await SHARED_DISK.run(sha256_file, original)

    async def _make_playable(
        self, video: Video, original: Path, target: Path, report: ReportProgress
    ) -> tuple[Path, Probe]:
        """The original where it is in order, a copy where that is enough, else a conversion;
        returns the file and what is in it.
        """
        source = _source_format(video)
        upload = None
        await self._fidelity.begin(video.id)
        if video.media.is_playable:
            prepared = await self._copy(video, original, target, source)
            if prepared.made is not None:
                path = original if prepared.way == "as-is" else target
                return path, prepared.made.probe
            upload = prepared.upload
        upload = upload or await self._fidelity.measure_upload(video.id, original, source)
        is_steady = upload is None or upload.is_steady
        targets = (
            [FORMATS[video.media.container]] if video.media.is_playable else [*FORMATS.values()]
        )
        anew = video.media.is_playable or not is_steady
        made = await self._transcode(video, original, source, target, targets, report, anew=anew)
        probe = await self._fidelity.check_conversion(
            video.id, upload, (original, source), (target, made)
        )
        return target, probe

    async def _copy(
        self, video: Video, original: Path, target: Path, source: SourceFormat
    ) -> Prepared:
        """Puts the file in order without coding; nothing is made where that takes a conversion."""
        try:
            prepared = await self._sandbox.remux(original, target, source)
        except FINAL as exc:
            prepared = Prepared("converted", str(exc))
        logger.info("video %s is %s: %s", video.id, prepared.way, prepared.reason or "in order")
        if prepared.made is None or await self._fidelity.is_faithful_copy(video.id, prepared):
            return prepared
        return Prepared("converted", "the copy differs", prepared.upload)

    async def _make_alternate(self, video: Video) -> None:
        source_file = video.served_file
        source = self._path(video, source_file.file_name)
        targets = [container for container in FORMATS.values() if container != source_file.format]

        async def report(_: float) -> bool:
            return await videos.get(self._database, video.id) is not None

        async with scratch_directory(self._storage) as directory:
            target = directory / "made"
            source_format = FORMATS[source_file.format]
            container = await self._transcode(video, source, source_format, target, targets, report)
            probe = await self._fidelity.check_alternate(
                video.id, (source, source_format), (target, container)
            )
            served = await self._publish(video, target, "alt", media_facts(probe))
        if not await self._record_alternate(video, served):
            await self._discard_unwanted(video, served)

    async def _transcode(
        self,
        video: Video,
        source: Path,
        source_format: SourceFormat,
        target: Path,
        targets: list[Container],
        report: ReportProgress,
        *,
        anew: bool = False,
    ) -> Container:
        """Raises: NoLongerWanted once `report` returns False, and as `Sandbox.transcode`."""
        media, done_ratio = video.media, 0.0

        def note_ratio(ratio: float) -> None:
            nonlocal done_ratio
            done_ratio = ratio

        task = TranscodeTask(
            source, source_format, target, targets, media.duration_s, MADE_HERE.max_pixels, anew
        )
        facts = await SHARED_DISK.run(source.stat)
        shown = (media.width, media.height, media.duration_s, media.frame_rate)
        work = self._sandbox.transcode(task, transcode_budget(*shown, facts.st_size), note_ratio)
        return await run_while_wanted(work, lambda: report(MADE_RATIO * done_ratio))

    def _path(self, video: Video, name: str) -> Path:
        return self._storage.asset(video.course_id, video.id, name)

    async def _publish(
        self, video: Video, source: Path, kind: Literal["source", "alt"], media: MediaFacts
    ) -> ServedFile:
        sha256 = await SHARED_DISK.run(sha256_file, source)
        name = asset_name(kind, sha256, media.container)
        path = await SHARED_DISK.run(self._publish_file, video, source, name)
        return ServedFile(path, media, sha256)

    def _publish_file(self, video: Video, source: Path, name: str) -> Path:
        """Blocks."""
        if source.parent == self._storage.video_dir(video.course_id, video.id):
            return link_asset(self._storage, video.course_id, video.id, source.name, name)
        return adopt_asset(self._storage, source, video.course_id, video.id, name)

    async def _discard_unwanted(self, video: Video, served: ServedFile) -> NoReturn:
        """Removes the file of a video that was deleted meanwhile. Raises: NoLongerWanted."""
        await self.discard(video, [served.path.name])
        raise NoLongerWanted

    async def _record_served(self, video: Video, served: ServedFile, original_sha256: str) -> bool:
        """Records the served file; False when the video was deleted meanwhile."""
        row = await SHARED_DISK.run(served.row, is_primary=True)
        async with self._database.transaction() as transaction:
            if not await processing.set_served(transaction, video.id, original_sha256):
                return False
            await assets.add_representation(transaction, video.id, row)
        return True

    async def _record_replacement(
        self, replacement: Replacement, served: ServedFile, original_sha256: str
    ) -> bool:
        """Like `_record_served`. Raises: FileMissing if a file of this name has just been removed,
        which one of the same content had left over."""
        async with self._database.transaction() as transaction:
            await ladders.lock(transaction, replacement.video_id)
            row = await SHARED_DISK.run(served.row, is_primary=True)
            return await replacements.set_served(transaction, replacement.id, row, original_sha256)

    async def _record_alternate(self, video: Video, served: ServedFile) -> bool:
        """Like `_record_replacement`, for the other format; appends VideoUpdated."""
        async with self._database.transaction() as transaction:
            if not await processing.touch(transaction, video.id):
                return False
            row = await SHARED_DISK.run(served.row, is_primary=False)
            await assets.add_representation(transaction, video.id, row)
            await append_updated(transaction, video.id)
        return True


def _as_replaced(video: Video, replacement: Replacement) -> Video:
    """The video as it is to be."""
    made = (replacement.served,) if replacement.served is not None else ()
    media, source_format = replacement.media, replacement.source_format
    return replace(video, probed=media, source_format=source_format, representations=made)


def lacks_alternate(video: Video) -> bool:
    return video.status == "ready" and len(video.representations) == 1


def lacks_sounds(video: Video) -> bool:
    """True for a ready video with sound, made by a version that did not record which."""
    is_known = video.probed is None or video.probed.audio_tracks is not None
    return video.status == "ready" and not is_known and video.media.audio_codec is not None


def _source_format(video: Video) -> SourceFormat:
    """The format of the original."""
    name = video.source_format or video.media.container
    return next(known for known in TRAITS if known == name)


def media_facts(probe: Probe) -> MediaFacts:
    """Converts storage's probe to the database's facts: those floors do not import each other."""
    return MediaFacts(
        duration_s=probe.duration_s,
        width=probe.width,
        height=probe.height,
        frame_rate=probe.frame_rate,
        rotation=probe.rotation,
        container=probe.container,
        video_codec=probe.video_codec,
        audio_codec=probe.audio_codec,
        mime_type=probe.mime_type,
        is_playable=probe.is_playable_in_browsers,
        audio_tracks=tuple(_audio_tracks(probe)),
    )


def _audio_tracks(probe: Probe) -> Iterator[AudioTrack]:
    """Sounds as the file describes them: text of users, which is cleaned."""
    for number, one in enumerate(probe.audio_tracks):
        title = clean_text(one.title) or None
        yield AudioTrack(known_language(one.language), title, is_default=number == 0)
