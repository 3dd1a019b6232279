"""A persister whose database is in another day."""

import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from db.pool import Database
from db.progress import report_batch
from events.log.emitter import Emitter
from events.progress.persister import ProgressPersister, submit
from events.reports import ProgressReport


class Reporting:
    """Reports of any user, on any day after today."""

    def __init__(self, emitter: Emitter) -> None:
        self.day = 0
        self._emitter = emitter
        self._sequences = itertools.count()

    async def report(
        self, video_id: Any, user_id: str, *watched: tuple[float, float], **more: Any
    ) -> Any:
        return await submit(self._emitter, self.made(video_id, user_id, *watched, **more), 30)

    def made(self, video_id: Any, user_id: str, *watched: tuple[float, float], **more: Any) -> Any:
        made = ProgressReport(
            user_id=user_id,
            video_id=video_id,
            course_id="c1",
            session_id="s",
            sequence=next(self._sequences),
            position_s=0.0,
            watched=watched,
            event="progress",
            received_at=datetime.now(UTC),
        )
        return msgspec.structs.replace(made, **more)


def _ahead(reporting: Reporting, standing: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def build(row: Any) -> Any:
        found = standing(row)
        return msgspec.structs.replace(found, read_at=found.read_at + timedelta(days=reporting.day))

    return build


@pytest.fixture
async def reporting(
    database: Database, library: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Reporting]:
    emitter = Emitter()
    made = Reporting(emitter)
    monkeypatch.setattr(report_batch, "_standing", _ahead(made, report_batch._standing))
    persister = ProgressPersister(database, 0.9, named_at=lambda _: None)
    emitter.subscribe_reports(persister.on_report)
    persister.start()
    yield made
    await persister.stop()
