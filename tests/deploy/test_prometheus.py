"""deploy/prometheus and deploy/grafana beside a real service: right about what fails in it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest
import yaml

from db.pool import open_database
from events.delivery.attempts import PAUSES_S
from server.postgres.embedded import EmbeddedPostgres
from storage.samples import write_clock_mp4
from tests.deploy.conftest import program
from tests.handlers.support.outage import no_database
from tests.harness.listening_socket import is_listening
from tests.harness.running import ROOT, free_port, stop, wait_for
from tests.harness.serving import Serve, call, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.service.receiving import SECRET, receiving
from tests.service.shown_metrics import RULES, panel_expressions

DEPLOYED = ROOT / "deploy" / "prometheus"
SCRAPED = "127.0.0.1:9464"
LAST_ATTEMPT = "UPDATE webhook_deliveries SET attempts = %s, due_at = now()"


@dataclass(frozen=True)
class Prometheus:
    url: str

    async def get(self, path: str, **parameters: str) -> Any:
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.get(f"/api/v1/{path}", params=parameters) as response,
        ):
            answer = await response.json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    async def firing(self) -> set[str]:
        found = await self.get("alerts")
        return {one["labels"]["alertname"] for one in found["alerts"] if one["state"] == "firing"}

    async def values(self, expression: str) -> list[float]:
        found = await self.get("query", query=expression)
        return [float(one["value"][1]) for one in found["result"]]


def is_ready(url: str) -> bool:
    """False while it answers 503 to everything."""
    try:
        with urlopen(f"{url}/-/ready", timeout=5) as response:
            return bool(response.status == 200)
    except HTTPError:
        return False


@contextmanager
def running_prometheus(directory: Path, scraped: str) -> Iterator[Prometheus]:
    """As deployed, but that it looks every second, and waits for nothing before an alert."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = (DEPLOYED / "prometheus.yml").read_text().replace("15s", "1s")
    (directory / "prometheus.yml").write_text(config.replace(SCRAPED, scraped))
    rules = yaml.safe_load(RULES.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    (directory / "rules.yml").write_text(yaml.safe_dump(rules))
    command = [
        program("prometheus"),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:

        def is_up() -> bool:
            assert process.poll() is None, (directory / "log").read_text()
            return is_listening(port) and is_ready(url)

        wait_for(is_up, "Prometheus", 20)
        yield Prometheus(url)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    directory = tmp_path_factory.mktemp("scraped")
    settings = {
        **{"METRICS_PORT": str(free_port()), "MEDIA_WORKERS": "1"},
        **{"WEBHOOK_PRIVATE": "on"},
    }
    with served_from(directory, made_cluster, **settings) as served:
        served.start()
        yield served


@pytest.fixture(scope="module")
def prometheus(scraped: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    address = f"127.0.0.1:{scraped.settings['METRICS_PORT']}"
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), address) as running:
        yield running


@pytest.fixture
def postgres(scraped: Serve) -> EmbeddedPostgres:
    return EmbeddedPostgres(scraped.data_dir)


@pytest.fixture
def its_dsn(postgres: EmbeddedPostgres) -> str:
    return postgres.dsn


@asynccontextmanager
async def alarm(prometheus: Prometheus, name: str) -> AsyncIterator[None]:
    """The alert is silent before the block, in which something fails until it fires, and silent
    again when the block has repaired it."""
    await wait_until(lambda: prometheus.values("coursestream_database_up"), lambda v: v == [1.0])
    assert name not in await prometheus.firing()
    yield
    await wait_until(prometheus.firing, lambda found: name not in found, within_s=40)


async def until_firing(prometheus: Prometheus, name: str) -> None:
    await wait_until(prometheus.firing, lambda found: name in found, within_s=40)


async def test_database_that_goes_away_fires_and_its_return_ends_it(
    prometheus: Prometheus, postgres: EmbeddedPostgres, its_dsn: str
) -> None:
    name = "CoursestreamDatabaseAway"
    async with alarm(prometheus, name), no_database(postgres, its_dsn):
        await until_firing(prometheus, name)


async def test_storage_that_goes_away_fires_and_its_return_ends_it(
    prometheus: Prometheus, scraped: Serve
) -> None:
    name, storage = "CoursestreamStorageAway", scraped.data_dir / "storage"
    async with alarm(prometheus, name):
        gone = storage.rename(storage.with_name("gone"))
        try:
            await until_firing(prometheus, name)
        finally:
            gone.rename(storage)


async def test_service_that_ends_fires_and_its_start_ends_it(
    prometheus: Prometheus, scraped: Serve
) -> None:
    name = "CoursestreamDown"
    async with alarm(prometheus, name):
        await asyncio.to_thread(stop, scraped.process)
        await until_firing(prometheus, name)
        await asyncio.to_thread(scraped.start)


async def test_dead_letter_fires_and_its_delivery_ends_it(
    prometheus: Prometheus, scraped: Serve, its_dsn: str
) -> None:
    """The receiver fails each time; the attempts of a day between its first and its last are not
    waited for."""
    name, hook = "CoursestreamDeliveriesDead", "/api/v1/webhooks/w1"
    statuses = [500]
    async with (
        alarm(prometheus, name),
        receiving(status_of=lambda _: statuses[-1]) as receiver,
        scraped.client("root", "admin") as admin,
        open_database(its_dsn, size=1) as database,
    ):
        body = {"url": receiver.url, "types": ["enrollment.changed"], "secret": SECRET}
        await call(admin, "PUT", hook, json=body)
        await call(admin, "PUT", "/api/v1/courses/c9", json={"title": "Course"})
        await call(admin, "PUT", "/api/v1/courses/c9/enrollments/ada", json={"role": "student"})
        await wait_until(lambda: receiver.refused, within_s=20)
        async with database.transaction() as transaction:
            await transaction.execute(LAST_ATTEMPT, (len(PAUSES_S),))
        await until_firing(prometheus, name)
        statuses.append(204)
        async with admin.post(f"{hook}/resend", json={}) as answer:
            assert answer.status == 202, await answer.text()
        await wait_until(lambda: receiver.accepted, within_s=20)


async def test_work_of_the_media_worker_is_told_by_the_web_process(
    prometheus: Prometheus, scraped: Serve, tmp_path: Path
) -> None:
    film = tmp_path / "clock.mp4"
    await asyncio.to_thread(write_clock_mp4, film, 1)
    await ready_video(scraped, film)
    count = "coursestream_database_media_step_seconds_count"

    for step in ("process_video", "thumbnails", "examine"):
        counted = f'{count}{{step="{step}", outcome="done"}}'
        await wait_until(partial(prometheus.values, counted), lambda seen: seen, within_s=20)


async def test_every_panel_is_answered(prometheus: Prometheus) -> None:
    await wait_until(lambda: prometheus.values("coursestream_database_up"), lambda v: v == [1.0])
    found = await asyncio.gather(*map(prometheus.values, panel_expressions()))

    assert sum(bool(values) for values in found) > len(found) / 2
