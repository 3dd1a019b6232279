"""Comparison of what is made of an upload with that upload: differences are logged and counted."""

import logging
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from db.media import differences
from db.media.differences import Made
from db.pool import Database
from events.errors import UnfaithfulMedia
from storage.errors import FINAL
from storage.formats import Container, SourceFormat
from storage.media.facts import EndPictures, Measured, MediaLimits, Prepared, Probe
from storage.remux.comparison import compare_conversion, compare_copy, compare_pictures
from storage.sandbox.children import Sandbox

logger = logging.getLogger(__name__)

# No limits: the upload was checked, and what is made of it is no larger.
MADE_HERE = MediaLimits(max_pixels=1 << 30, max_duration_s=1e9, max_streams=1 << 10)


class Fidelity:
    """Compares files, and records what differs."""

    def __init__(self, database: Database, sandbox: Sandbox, *, must_be_faithful: bool) -> None:
        """`must_be_faithful`: what differs from its upload is an error, for tests."""
        self._database = database
        self._sandbox = sandbox
        self._must_be_faithful = must_be_faithful

    async def begin(self, video_id: UUID) -> None:
        """Forgets what was found at an earlier attempt."""
        await differences.clear(self._database, video_id, differences.MADE)

    async def is_faithful_copy(self, video_id: UUID, prepared: Prepared) -> bool:
        """False where the copy must not be served. Raises: UnfaithfulMedia in tests."""
        assert prepared.upload is not None
        assert prepared.made is not None
        found = compare_copy(prepared.upload, prepared.made)
        await self._note(video_id, "copy", found)
        return not found

    async def measure_upload(
        self, video_id: UUID, path: Path, source: SourceFormat
    ) -> Measured | None:
        """Returns None where the packets cannot be counted: nothing is compared then."""
        try:
            return await self._sandbox.measure(path, source, MADE_HERE)
        except FINAL as exc:
            logger.warning("video %s cannot be compared with its upload: %s", video_id, exc)
            return None

    async def check_conversion(
        self,
        video_id: UUID,
        upload: Measured | None,
        original: tuple[Path, SourceFormat],
        made: tuple[Path, Container],
    ) -> Probe:
        """Returns what is in a conversion, which is served even where it differs.

        Raises: UnfaithfulMedia in tests, and the errors of the sandbox.
        """
        measured, found = await self._compare(video_id, upload, original, made)
        await self._note(video_id, "conversion", found)
        return measured.probe

    async def check_alternate(
        self, video_id: UUID, served: tuple[Path, Container], made: tuple[Path, Container]
    ) -> Probe:
        """Returns what is in the other format, made from the served file.

        Raises: UnfaithfulMedia where it differs, and the errors of the sandbox.
        """
        await differences.clear(self._database, video_id, ["alternate"])
        upload = await self.measure_upload(video_id, *served)
        measured, found = await self._compare(video_id, upload, served, made)
        await self._note(video_id, "alternate", found)
        if found:
            raise UnfaithfulMedia("the other format")
        return measured.probe

    async def _compare(
        self,
        video_id: UUID,
        upload: Measured | None,
        original: tuple[Path, SourceFormat],
        made: tuple[Path, Container],
    ) -> tuple[Measured, list[str]]:
        measured = await self._sandbox.measure(*made, MADE_HERE)
        if upload is None:
            return measured, []
        found = compare_conversion(upload, measured)
        ends = [await self._draw_ends(video_id, *file) for file in (original, made)]
        if ends[0] is not None and ends[1] is not None:
            found += compare_pictures(ends[0], ends[1])
        return measured, found

    async def _draw_ends(
        self, video_id: UUID, path: Path, source: SourceFormat
    ) -> EndPictures | None:
        """Returns None where no picture can be drawn."""
        try:
            return await self._sandbox.draw_ends(path, source)
        except FINAL as exc:
            logger.warning("pictures of video %s cannot be compared: %s", video_id, exc)
            return None

    async def _note(self, video_id: UUID, made: Made, found: Sequence[str]) -> None:
        """Raises: UnfaithfulMedia where nothing may differ."""
        if not found:
            return
        text = ", ".join(found)
        logger.error("the %s of video %s differs from its upload: %s", made, video_id, text)
        await differences.record(self._database, video_id, made, found)
        if self._must_be_faithful:
            raise UnfaithfulMedia(f"{made}: {text}")
