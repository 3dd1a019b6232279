"""Metrics of the dashboard and the alerts exist in a scrape, and move when something happens."""

import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from db.media import differences
from db.upkeep import operating_figures, storage_identity
from db.upkeep.operating_figures import Standbys, WaitingChanges
from db.uploads import uploads
from db.uploads.uploads import NewUpload
from events.insight.sessions.cmcd_sessions import CmcdSessions
from events.insight.sessions.observations import Observations
from events.media.steps import MediaSteps
from events.progress.persister import ProgressPersister
from events.stream.hub import Hub
from events.upkeep.damage import PublishedFile
from handlers import keys
from server import resources
from tests.handlers.conftest import Service, StartService, furnish
from tests.handlers.support.outage import no_database
from tests.handlers.support.playing import playback
from tests.harness.wire import connected
from tests.service.listening import listening
from tests.service.queued_rows import DELIVERIES, UNFINISHED
from tests.service.shown_metrics import shown_names

# These say what there is, not what happens.
CONSTANT = {
    "coursestream_build_info",
    "coursestream_pool_size",
    "coursestream_storage_size_bytes",
}
OTHER_MACHINE = """
INSERT INTO web_processes (id, host, secrets_sha256)
SELECT gen_random_uuid(), 'elsewhere', secrets_sha256 FROM web_processes
"""
REPORT = {"session_id": "s", "sequence": 0, "position": 1, "watched": [[0, 1]], "event": "started"}

Scrape = Mapping[str, frozenset[tuple[frozenset[tuple[str, str]], float]]]


async def scrape(service: Service) -> Scrape:
    """The series of each name."""
    answer = await service.ask("svc", "GET", "/metrics")
    assert answer.status == 200
    found = defaultdict(set)
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            found[sample.name].add((frozenset(sample.labels.items()), sample.value))
    return {name: frozenset(series) for name, series in found.items()}


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The log's tail and the ledger's writer, which no key of the application has."""
    found: dict[str, Any] = {}
    for name in ("follow_tail", "follow_ledger"):
        real = getattr(resources, name)

        def follow(metrics: Any, owner: Any, real: Any = real, name: str = name) -> None:
            found[name] = owner
            real(metrics, owner)

        monkeypatch.setattr(resources, name, follow)
    return found


async def use(service: Service, mp4: Path) -> Any:
    """Upload, media work, playing with a repeated range, a report, and an address of nothing."""
    video = await service.ready_video(mp4)
    playing = await playback(service, video)
    for _ in range(2):
        await service.ask(None, "GET", playing["stream_url"], headers={"Range": "bytes=0-1023"})
    await service.ask(None, "GET", playing["stream_url"])
    assert (await service.ask("ada", "PUT", f"videos/{video['id']}/progress", REPORT)).status == 200
    await service.ask("ada", "GET", "courses/nothing")
    return playing


async def queue(service: Service) -> None:
    """Rows of all kinds of work that waits, and of what an operator has to look at."""
    database = service.app[keys.DATABASE]
    video_id = uuid4()
    for sql in (UNFINISHED, DELIVERIES, OTHER_MACHINE):
        await service.execute(sql)
    [video] = await service.rows("SELECT id FROM videos")
    async with database.transaction() as transaction:
        new = NewUpload(video_id, "tess", "c1", "m1", "Title", "a.mp4", "", 10)
        await uploads.create(transaction, new, 3600.0)
        await storage_identity.set_held_strays(transaction, 2000)
        await differences.record(transaction, video.id, "copy", ["size"])
    steps = MediaSteps(database)
    steps.note("remux", "done", 1.0)
    await steps.flush()
    service.app[keys.INSTALLATION]._courses_due_s = 0.0


def suffer(service: Service, owners: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults and crowds, counted as their owners count them; how they do is their tests' matter."""
    app, tail, ledger = service.app, owners["follow_tail"], owners["follow_ledger"]
    app[keys.METRICS].refused()
    app[keys.HUB].evicted_count += 1
    app[keys.HUB].refused_counts["user"] += 1
    app[keys.PLAYING_LIMITS].refused_counts["requests"] += 1
    app[keys.TRANSFERS].broken_counts["stalled"] += 1
    app[keys.DAMAGED_FILES].note(PublishedFile("c1", uuid4(), "source-1.mp4"))
    app[keys.SANDBOX].pool.waits.begin()
    app[keys.SANDBOX].pool.busy_count += 1
    [lane, *_] = app[keys.PERSISTER]._lanes
    lane.capped_count, lane.capped_s = 1, 2.0
    lane.health.begin(time.monotonic() - 1.0)
    tail.unknown_count += 1
    ledger.failure_count += 1
    ledger.lost_bytes += 10
    ledger._ledger.add("ada", "c1", uuid4(), "stream", 10)
    monkeypatch.setattr(ProgressPersister, "waiting_count", 3)
    monkeypatch.setattr(Hub, "waiting_count", 3)
    monkeypatch.setattr(Hub, "oldest_wait_s", 3.0)
    app[keys.CMCD_SESSIONS].dropped_count += 1
    app[keys.OBSERVATIONS].dropped_count += 1
    monkeypatch.setattr(Observations, "refusal_count", 3)
    monkeypatch.setattr(CmcdSessions, "__len__", lambda _: 3)

    async def unfolded(_: object) -> WaitingChanges:
        return WaitingChanges(3, 40.0)

    async def behind(_: object) -> Standbys:
        return Standbys(1, 40.0)

    monkeypatch.setattr(operating_figures, "read_standbys", behind)
    monkeypatch.setattr(operating_figures, "count_viewing_changes", unfolded)


async def test_every_metric_shown_exists_and_moves(
    start_service: StartService,
    owners: dict[str, Any],
    mp4: Path,
    large_mp4: Path,
    cluster: Any,
    dsn: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = await start_service()
    await furnish(service)
    scrapes = [await scrape(service)]

    await use(service, mp4)
    await queue(service)
    film = await playback(service, await service.ready_video(large_mp4))
    suffer(service, owners, monkeypatch)
    async with listening(service.student), connected(service.url) as wire:
        await wire.send(f"GET {film['stream_url']} HTTP/1.1", "Host: x")
        await wire.reader.readuntil(b"\r\n\r\n")
        scrapes += [await scrape(service), await scrape(service)]
    async with no_database(cluster, dsn):
        service.app[keys.INSTALLATION]._storage_root = large_mp4 / "gone"
        scrapes.append(await scrape(service))

    shown = shown_names()
    assert {name for name in shown if not any(name in one for one in scrapes)} == set()
    still = {name for name in shown if len({one.get(name) for one in scrapes}) == 1}
    assert still - CONSTANT == set()
