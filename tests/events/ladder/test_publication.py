"""Superseded files that become current again while the sweep is about to remove them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from events.ladder import publication
from events.ladder.staleness import lock_current
from events.log.video_events import append_updated
from events.upkeep.ladder_sweep import sweep
from events.upkeep.survey import survey
from tests.events.ladder.studio import Studio
from tests.events.ladder.test_playlists import (
    CUES,
    HOUR_S,
    delete_captions,
    grow_older,
    playlist,
    put_captions,
)


async def _about_to_return(studio: Studio) -> UUID:
    """A video whose next playlists are those of before, which are due to be removed."""
    video_id = await studio.made()
    await put_captions(studio, video_id, "de", CUES)
    await studio.run_jobs()
    await delete_captions(studio, video_id, "de")
    await grow_older(studio, 3 * HOUR_S)
    return video_id


async def _require_whole(studio: Studio, video_id: UUID) -> None:
    assert await playlist(studio, video_id)
    assert (await survey(studio.database, studio.storage)).findings == ()


async def test_files_swept_right_before_their_publication_are_placed_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = await _about_to_return(studio)

    @asynccontextmanager
    async def swept_before(*arguments: Any) -> AsyncIterator[Any]:
        due = await studio.files(video_id)
        await sweep(studio.database, studio.storage, HOUR_S)
        assert await studio.files(video_id) < due
        async with lock_current(*arguments) as transaction:
            yield transaction

    monkeypatch.setattr(publication, "lock_current", swept_before)
    await studio.run_jobs()

    await _require_whole(studio, video_id)


async def test_files_placed_and_not_yet_committed_are_not_swept(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = await _about_to_return(studio)

    async def swept_after(*arguments: Any) -> None:
        placed = await studio.files(video_id)
        await sweep(studio.database, studio.storage, HOUR_S)
        assert await studio.files(video_id) == placed
        await append_updated(*arguments)

    monkeypatch.setattr(publication, "append_updated", swept_after)
    await studio.run_jobs()

    await _require_whole(studio, video_id)
