"""The loopback listener for Prometheus, and what keeps the numbers fresh for other processes."""

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from events.metrics import Metrics
from handlers import keys
from server.config.settings import Config, load_config
from server.web.listener import ListenError
from server.web.metrics_listener import make_metrics, metrics_listener
from tests.harness.running import free_port
from tests.harness.wire import WireAnswer, connected


@pytest.fixture
def config() -> Config:
    return load_config({}, Path("/nonexistent/.env"))


async def test_port_listens_on_one_loopback_address_alone(config: Config) -> None:
    port = free_port()
    async with metrics_listener(app_with(Metrics()), replace(config, metrics_port=port)):
        assert (await answer_of(port, "GET /healthz HTTP/1.1", "Host: x")).status == 404
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.2", port)


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        pytest.param(["SECRET"], 400, "invalid-request", id="no HTTP"),
        pytest.param(["GET /metrics HTTP/1.1", "A: SECRET\0"], 400, "invalid-request", id="NUL"),
        pytest.param(["GET /SECRET HTTP/1.1", "Host: x"], 404, "not-found", id="address"),
        pytest.param(["POST /metrics HTTP/1.1", "Host: x"], 405, "method-not-allowed", id="method"),
        pytest.param(
            ["GET /metrics HTTP/1.1", "Host: x", "Expect: SECRET"],
            400,
            "invalid-request",
            id="Expect",
        ),
        pytest.param(
            ["GET /metrics HTTP/1.1", "Host: x", "Content-Encoding: gzip", "Content-Length: 9"],
            415,
            "unsupported-format",
            id="packed",
        ),
    ],
)
async def test_port_refuses_in_the_form_of_the_main_one(
    config: Config, lines: list[str], status: int, code: str
) -> None:
    port = free_port()
    async with metrics_listener(app_with(Metrics()), replace(config, metrics_port=port)):
        answer = await answer_of(port, *lines)

    assert (answer.status, answer.headers["Server"]) == (status, "coursestream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(answer.body)["type"] == f"urn:coursestream:{code}"
    assert b"SECRET" not in answer.body


async def answer_of(port: int, *lines: str) -> WireAnswer:
    async with connected(f"http://127.0.0.1:{port}") as wire:
        return await wire.ask(*lines)


async def test_port_in_use_is_reported(config: Config) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port} for metrics: in use"):
            async with metrics_listener(app_with(Metrics()), replace(config, metrics_port=port)):
                pass


async def test_alone_nothing_is_sampled_but_when_asked(config: Config) -> None:
    metrics = Metrics()
    sampled = noticing(metrics)
    async with metrics_listener(app_with(metrics), config):
        await asyncio.sleep(0)

    assert not sampled.is_set()


async def test_beside_others_the_numbers_are_kept_fresh(config: Config, tmp_path: Path) -> None:
    metrics = Metrics(shared_directory=tmp_path)
    sampled = noticing(metrics)
    async with (
        metrics_listener(app_with(metrics), config),
        asyncio.timeout(5),
    ):
        await sampled.wait()


async def test_beside_others_the_last_numbers_of_a_process_are_kept(
    config: Config, tmp_path: Path
) -> None:
    metrics = Metrics(shared_directory=tmp_path)
    sampled = noticing(metrics)
    async with metrics_listener(app_with(metrics), config):
        await sampled.wait()
        sampled.clear()

    assert sampled.is_set()


def test_shared_directory_of_the_environment_joins_processes(tmp_path: Path) -> None:
    assert make_metrics({"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}).is_shared
    assert not make_metrics({}).is_shared


def app_with(metrics: Metrics) -> web.Application:
    app = web.Application()
    app[keys.METRICS] = metrics
    return app


def noticing(metrics: Metrics) -> asyncio.Event:
    """Set once the metrics are sampled."""
    sampled = asyncio.Event()

    def notice() -> dict[str, float]:
        sampled.set()
        return {}

    read: Callable[[], dict[str, float]] = notice
    metrics.gauge("noticed", "Whether.", read)
    return sampled
