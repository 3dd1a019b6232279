"""Figures of the whole installation: right, bounded, and none while they cannot be read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from db import jobs
from db.media.steps import StepCounts
from db.pool import Database
from db.upkeep import operating_figures
from events.exposition import Fact
from events.media.steps import BOUNDS_S, MediaSteps
from events.upkeep import installation as installation_module
from events.upkeep.installation import InstallationFigures, course_facts, step_facts
from storage.disk import SHARED_DISK
from tests.handlers.support.outage import no_database
from tests.service.queued_rows import DELIVERIES, UNFINISHED

Found = dict[str, Any]

FILES = """
INSERT INTO representations (video_id, format, file_name, mime_type, size_bytes, sha256, is_primary)
SELECT id, 'mp4', 'a.mp4', 'video/mp4', CASE course_id WHEN 'c1' THEN 10 ELSE 500 END, '', true
FROM videos;
INSERT INTO ladder_files (video_id, file_name, kind, size_bytes, sha256)
SELECT id, '720p.mp4', 'rung', 7, '' FROM videos WHERE course_id = 'c1';
UPDATE videos SET status = 'ready';
"""


@pytest.fixture
async def installation(database: Database, tmp_path: Path) -> AsyncIterator[InstallationFigures]:
    made = InstallationFigures(database, tmp_path, SHARED_DISK)
    yield made
    await made.stop()


async def run(database: Database, sql: str) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(sql)


def by_name(facts: list[Fact]) -> Found:
    """The values of each family: by the value of its one label, or the one number."""
    return {fact.name: _simple(fact.values) for fact in facts}


def _simple(values: Any) -> Any:
    if list(values) == [()]:
        return values[()]
    return {key[0] if len(key) == 1 else key: value for key, value in values.items()}


async def test_nothing_is_under_way_in_an_empty_installation(
    installation: InstallationFigures,
) -> None:
    found = by_name(await installation.database_facts())

    assert found == {
        "database_task_jobs": {},
        "database_task_oldest_seconds": {},
        "database_media_step_seconds": {},
        "database_ladders_unfinished": 0,
        "database_renditions_unfinished": {"waiting": 0, "processing": 0},
        "database_deliveries": {"waiting": 0, "dead": 0},
        "database_deliveries_oldest_seconds": 0,
        "database_uploads_open": 0,
        "database_viewing_changes": 0,
        "database_viewing_changes_oldest_seconds": 0,
        "database_standbys": 0,
        "database_standby_lag_seconds": 0,
        "database_course_bytes": {},
        "database_stored_bytes": 0,
    }


async def test_queues_are_told_with_their_age(
    database: Database, library: Any, installation: InstallationFigures
) -> None:
    async with database.transaction() as transaction:
        for number, task in enumerate(("process_video", "process_video", "make_ladder_piece")):
            await jobs.defer(transaction, task, {}, queue="media", lock=str(number))
    await run(
        database,
        "UPDATE procrastinate_events SET at = now() - interval '1 hour' * job_id;"
        "UPDATE procrastinate_jobs SET status = 'failed' WHERE task_name = 'make_ladder_piece'",
    )
    await library.video()
    await run(database, UNFINISHED)
    await run(database, DELIVERIES)

    found = by_name(await installation.database_facts())

    assert found["database_task_jobs"] == {
        ("process_video", "todo"): 2,
        ("make_ladder_piece", "failed"): 1,
    }
    assert found["database_task_oldest_seconds"] == {"process_video": pytest.approx(3600, abs=60)}
    assert found["database_ladders_unfinished"] == 1
    assert found["database_renditions_unfinished"] == {"waiting": 1, "processing": 1}
    assert found["database_deliveries"] == {"waiting": 3, "dead": 2}
    assert found["database_deliveries_oldest_seconds"] == pytest.approx(3600, abs=60)


async def test_changes_of_figures_that_wait_are_told_with_the_age_of_the_oldest(
    database: Database, installation: InstallationFigures
) -> None:
    await run(
        database,
        "INSERT INTO viewing_changes (changes, added_at) VALUES"
        " ('[]', now() - interval '1 hour'), ('[]', now() - interval '1 minute');"
        "INSERT INTO viewing_changes (changes) VALUES ('[]')",
    )

    found = by_name(await installation.database_facts())

    assert found["database_viewing_changes"] == 3
    assert found["database_viewing_changes_oldest_seconds"] == pytest.approx(3600, abs=60)


async def test_storage_is_told_by_course_and_read_again_after_a_while(
    database: Database, library: Any, installation: InstallationFigures
) -> None:
    for course_id in ("c1", "c1", "c2"):
        await library.video(course_id)
    await run(database, FILES)
    first = by_name(await installation.database_facts())
    await run(database, "DELETE FROM ladder_files")
    second = by_name(await installation.database_facts())
    installation._courses_due_s = 0.0
    await installation.database_facts()
    assert installation._reading is not None
    await installation._reading
    third = by_name(await installation.database_facts())

    assert (
        first["database_course_bytes"] == {"c1": 34, "c2": 500} == second["database_course_bytes"]
    )
    assert third["database_course_bytes"] == {"c1": 20, "c2": 500}
    assert third["database_stored_bytes"] == 520


def test_only_the_largest_courses_have_a_series() -> None:
    found = by_name(course_facts({"c1": 500, "c2": 20}, 530))

    assert found["database_course_bytes"] == {"c1": 500, "c2": 20, "": 10}
    assert found["database_stored_bytes"] == 530


async def test_durations_of_media_work_are_told(
    database: Database, installation: InstallationFigures
) -> None:
    steps = MediaSteps(database)
    steps.note("transcode", "done", 100.0)
    await steps.flush()

    found = by_name(await installation.database_facts())["database_media_step_seconds"]

    numbers = {outcome: (sum(one.counts), one.total) for (_, outcome), one in found.items()}
    assert numbers == {"done": (1, 100.0), "internal": (0, 0.0)}


def test_durations_in_another_versions_buckets_are_left_out() -> None:
    whole = [0] * (len(BOUNDS_S) + 1)

    [fact] = step_facts([StepCounts("a", "done", [1], 1.0), StepCounts("b", "done", whole, 0.0)])

    assert ("b", "done") in fact.values
    assert ("a", "done") not in fact.values


async def test_without_the_database_nothing_is_told_of_it(
    cluster: Any, dsn: str, installation: InstallationFigures
) -> None:
    async with no_database(cluster, dsn):
        assert await installation.database_facts() == []
        assert by_name(await installation.storage_facts())["storage_up"] == 1

    assert await installation.database_facts()


async def test_silent_database_holds_up_nobody(
    installation: InstallationFigures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation_module, "TIMEOUT_S", 0.01)
    monkeypatch.setattr(operating_figures, "count_jobs", lambda _: asyncio.sleep(60))

    assert await installation.database_facts() == []


async def test_storage_is_told_as_its_file_system_has_it(installation: InstallationFigures) -> None:
    found = by_name(await installation.storage_facts())

    assert 0 < found["storage_free_bytes"] < found["storage_size_bytes"]


async def test_storage_that_is_away_is_told(database: Database, tmp_path: Path) -> None:
    gone = InstallationFigures(database, tmp_path / "gone", SHARED_DISK)

    assert by_name(await gone.storage_facts()) == {"storage_up": 0}
