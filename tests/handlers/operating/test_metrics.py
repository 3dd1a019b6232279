"""`/metrics` of a running service: who may read it, and that it tells what happened."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from db import jobs
from db.errors import DatabaseUnavailable
from db.media import differences
from db.upkeep import storage_identity
from handlers import keys
from handlers.operating import metrics as metrics_module
from tests.handlers.conftest import Service, StartService
from tests.harness.running import ROOT, free_port
from tests.service.listening import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = ROOT / "docs" / "metrics.md"
MORE_TASKS = 200  # more than a service has that nobody uses; its own come and go


async def scrape(service: Service) -> Mapping[str, float]:
    """Series -> number: the name without our prefix, then the values of its labels."""
    answer = await service.ask("svc", "GET", "/metrics")
    assert answer.status == 200
    return {
        " ".join([sample.name.removeprefix("coursestream_"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("svc", "200"),
        ("root", "200"),
        ("ada", "403 not-allowed"),
        ("tess", "403 not-allowed"),
        (None, "401 invalid-token"),
    ],
)
async def test_service_and_admin_read_the_metrics(
    shared_service: Service, who: str | None, said: str
) -> None:
    assert (await shared_service.ask(who, "GET", "/metrics")).said == said


async def test_answer_is_prometheus_text_that_nobody_keeps(shared_service: Service) -> None:
    answer = await shared_service.ask("svc", "GET", "/metrics")

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_requests_are_counted_under_their_template(shared_service: Service) -> None:
    for path in ("courses/c1", "courses/c1", "courses/nothing"):
        await shared_service.ask("ada", "GET", path)
    await shared_service.ask("ada", "GET", "/no/such/address")

    found = await scrape(shared_service)

    assert found["http_requests_total GET /api/v1/courses/{course_id} 200"] == 2
    assert found["http_requests_total GET /api/v1/courses/{course_id} 403"] == 1
    assert found["http_requests_total GET none 404"] == 1
    assert found["problems_total not-enrolled"] >= 1
    assert not any("nothing" in name or "/no/such" in name for name in found)


async def test_scrape_counts_itself_as_running(shared_service: Service) -> None:
    assert (await scrape(shared_service))["http_requests_running /metrics"] == 1


async def test_grants_are_in_no_label(shared_service: Service, mp4: Path) -> None:
    video = await shared_service.ready_video(mp4)
    playback = (await shared_service.ask("ada", "POST", f"videos/{video['id']}/playback")).json
    sent = await shared_service.ask(None, "GET", playback["stream_url"])

    found = await scrape(shared_service)

    assert found["http_requests_total GET /play/{grant}/{video_id}/{asset} 200"] == 1
    assert playback["grant"] not in " ".join(found)
    assert found["sent_bytes_total stream"] == len(sent.body) == video["size"]
    assert found["transfers_running stream"] == 0
    upload = "/api/v1/modules/{module_id}/videos"
    assert found[f"http_received_bytes_total {upload}"] > mp4.stat().st_size


async def test_reports_statements_and_jobs_are_reported(shared_service: Service, mp4: Path) -> None:
    before = await scrape(shared_service)
    video = await shared_service.ready_video(mp4)
    report = {"session_id": "s", "sequence": 0, "position": 1, "watched": [], "event": "started"}
    answer = await shared_service.ask("ada", "PUT", f"videos/{video['id']}/progress", report)
    assert answer.status == 200

    found = await scrape(shared_service)

    for name in ("progress_reports_committed_total", "progress_commits_total"):
        assert found[name] == before[name] + 1
    assert found["database_queries_total"] > before["database_queries_total"]
    assert found["progress_reports_waiting"] == 0
    assert found["database_playbacks playing"] == before["database_playbacks playing"] + 1
    # No media worker takes it up here.
    assert found["database_jobs todo"] == before["database_jobs todo"] + 1
    waiting = "database_task_jobs todo process_video"
    assert found[waiting] == before.get(waiting, 0) + 1
    assert found["storage_free_bytes"] > 0
    assert "database_stored_bytes" in found


async def test_media_that_differ_from_their_upload_are_counted(shared_service: Service) -> None:
    video_id = await shared_service.video_row()
    assert (await scrape(shared_service))["database_media_differences conversion"] == 0
    database = shared_service.app[keys.DATABASE]
    await differences.record(database, UUID(video_id), "conversion", ["size"])

    found = await scrape(shared_service)
    await differences.clear(database, UUID(video_id), ["conversion"])

    assert found["database_media_differences conversion"] == 1
    assert found["database_media_differences alternate"] == 0


async def test_questions_to_a_slow_database_share_their_time(
    shared_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus gives up after ten seconds: each question may not wait its own."""
    allowed_s = 0.5

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    async def answer_in_time(*_: object) -> dict[str, int]:
        await asyncio.sleep(allowed_s / 2)
        return {"conversion": 7}

    monkeypatch.setattr(metrics_module, "QUERY_TIMEOUT_S", allowed_s)
    monkeypatch.setattr(storage_identity, "read_held_strays", hang)
    monkeypatch.setattr(differences, "count_by_made", answer_in_time)

    assert (await scrape(shared_service))["database_media_differences conversion"] != 7


async def test_event_streams_are_reported(shared_service: Service) -> None:
    async with listening(shared_service.student):
        found = await scrape(shared_service)

    assert found["event_subscribers"] == 1
    assert found["event_subscribers_evicted_total"] == 0
    assert found["events_waiting"] == 0


@pytest.mark.asyncio(loop_scope="function")
async def test_refused_event_streams_are_reported(start_service: StartService) -> None:
    service = await start_service(SSE_PER_USER="1", SSE_TOTAL="2")
    async with listening(service.client("one")), listening(service.client("two")):
        for user_id in ("one", "one", "three"):
            await service.ask(user_id, "GET", "events")
        found = await scrape(service)

    assert found["event_subscribers_refused_total user"] == 2
    assert found["event_subscribers_refused_total total"] == 1


async def test_tasks_are_reported(shared_service: Service) -> None:
    before = await scrape(shared_service)
    more = [asyncio.create_task(asyncio.sleep(60)) for _ in range(MORE_TASKS)]

    found = await scrape(shared_service)

    assert before["tasks"] < MORE_TASKS <= found["tasks"]
    for task in more:
        task.cancel()


@pytest.mark.asyncio(loop_scope="function")
async def test_own_port_tells_them_without_a_token_and_nothing_else(
    start_service: StartService,
) -> None:
    port = free_port()
    await start_service(METRICS_PORT=str(port))

    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/metrics") as response:
            assert response.status == 200
            assert "coursestream_database_up 1.0" in await response.text()
        for path in ("/", "/healthz", "/api/v1/courses"):
            async with session.get(path) as response:
                assert response.status == 404


async def test_database_that_is_away_does_not_hide_the_rest(
    shared_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: object) -> dict[str, int]:
        raise DatabaseUnavailable

    monkeypatch.setattr(jobs, "count_by_status", fail)
    found = await scrape(shared_service)

    assert found["database_up"] == 0
    assert found["event_subscribers"] == found["storage_up"] - 1 == 0
    assert "database_stored_bytes" not in found


async def test_database_that_is_silent_does_not_hold_the_rest(
    shared_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_module, "QUERY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(jobs, "count_by_status", lambda _: asyncio.sleep(60))

    assert (await scrape(shared_service))["database_up"] == 0


async def test_counting_needs_no_statement(shared_service: Service) -> None:
    await shared_service.ask(None, "GET", "/healthz")
    before = shared_service.app[keys.DATABASE].query_count
    await shared_service.ask(None, "GET", "/healthz")

    assert shared_service.app[keys.DATABASE].query_count - before <= 1  # the log's tail polls


async def test_ranges_transfers_pools_and_caches_are_reported(
    shared_service: Service, mp4: Path
) -> None:
    video = await shared_service.ready_video(mp4)
    playback = (await shared_service.ask("ada", "POST", f"videos/{video['id']}/playback")).json
    before = await scrape(shared_service)
    for _ in range(3):  # the second and the third are repeated on the connection
        sent = await shared_service.ask(
            None, "GET", playback["stream_url"], headers={"Range": "bytes=0-1023"}
        )
        assert sent.status == 206
    found = await scrape(shared_service)

    for bound in ("1024.0", "+Inf"):
        name = f"range_bytes_bucket {bound} stream"
        assert found[name] == before[name] + 3
    assert found["range_bytes_sum stream"] == before["range_bytes_sum stream"] + 3 * 1024
    assert found["transfer_duration_seconds_count stream"] >= 1
    assert found["transfer_first_byte_seconds_count stream"] >= 1
    assert found["transfers_by_state sending"] == found["transfers_by_state client"] == 0
    assert found["transfers_broken_total stalled"] == before["transfers_broken_total stalled"]
    assert found["pool_size database"] == shared_service.config.database_pool_size
    assert found["pool_waiting upload_threads"] == 0
    assert found["pool_oldest_wait_seconds media_children"] == 0
    assert found["cache_entries open_files"] >= 1
    assert found["loop_lag_seconds_count"] > 0
    assert found["event_log_lag_seconds"] < 5
    assert found["ledger_unwritten_seconds"] < 60
    assert found["progress_commit_age_seconds"] == 0


async def test_refused_reports_are_counted_by_their_limit(shared_service: Service) -> None:
    limits = shared_service.app[keys.REPORT_LIMITS]
    before = (await scrape(shared_service))["refusals_total reports"]
    limits.refused_count += 1

    assert (await scrape(shared_service))["refusals_total reports"] == before + 1


async def test_page_defines_every_metric_as_the_service_does(shared_service: Service) -> None:
    text = (await shared_service.ask("svc", "GET", "/metrics")).body.decode()
    told = {
        f"| `{name_of(family)}` | {family.type} | {family.documentation} |"
        for family in text_string_to_metric_families(text)
        if family.name.startswith("coursestream_")
    }
    defined = {line for line in PAGE.read_text().splitlines() if line.startswith("| `")}

    assert sorted(told - defined) == [], "add these rows to docs/metrics.md"
    assert sorted(defined - told) == [], "no such metric: remove these rows from docs/metrics.md"


def name_of(family: Metric) -> str:
    """As expressions name it: of a counter with its ending."""
    return f"{family.name}_total" if family.type == "counter" else family.name
