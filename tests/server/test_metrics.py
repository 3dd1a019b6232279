"""The loopback listener for Prometheus, and what keeps the numbers fresh for other processes."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from events.metrics import Metrics
from handlers import keys
from server import metrics as metrics_module
from server.config.settings import Config, load_config
from server.metrics import make_metrics, metrics_listener
from server.web.listening import ListenError
from tests.running import free_port


@pytest.fixture
def config() -> Config:
    return load_config({}, Path("/nonexistent/.env"))


async def test_port_listens_on_the_loopback_interface_alone(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts: list[str | None] = []
    site = web.TCPSite

    def noting(runner: Any, host: str, port: int, **more: Any) -> web.TCPSite:
        hosts.append(host)
        return site(runner, host, port, **more)

    monkeypatch.setattr(metrics_module.web, "TCPSite", noting)
    async with metrics_listener(app_with(Metrics()), replace(config, metrics_port=free_port())):
        pass

    assert hosts == ["127.0.0.1"]


async def test_port_in_use_is_told(config: Config) -> None:
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
