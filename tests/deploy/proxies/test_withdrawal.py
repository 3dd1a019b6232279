"""Bytes that still reach a viewer behind a proxy after a withdrawal."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.deploy.conftest import Upstream, fast_directory
from tests.deploy.proxies.configured.debian_haproxy import running_haproxy
from tests.deploy.proxies.configured.nginx_nodes import running_nginx_nodes
from tests.deploy.proxies.configured.nginx_proxy import running_nginx
from tests.harness.own_network import in_own_network
from tests.harness.running import ROOT, free_port
from tests.harness.serving import Serve, call, ready_video, served_from, write_large_mp4
from tests.harness.waiting import wait_until
from tests.harness.wire import connected

MIB = 2**20
# docs/several-machines.md has what was measured; without the settings in deploy/ it is 2 to 24 MiB.
MOST_BYTES = {"nginx": 2 * MIB, "nginx for nodes": 2 * MIB, "HAProxy": 1.5 * MIB}
SYSCTL = re.compile(r"^net\.ipv4\.(\S+) = (.+)$", re.MULTILINE)
READ_FIRST_BYTES = MIB
OWN_BYTES = 16 * 1024  # of the viewer, who reads slowly
QUIET_S = 0.25  # a transfer that sends nothing for that long has filled all there is
RUNNING = re.compile(r'^coursestream_transfers_running\{purpose="stream"\} (\S+)$', re.MULTILINE)
SENT = re.compile(r'^coursestream_sent_bytes_total\{purpose="stream"\} (\S+)$', re.MULTILINE)


def test_what_arrives_after_a_withdrawal_is_bounded(made_cluster: Path, tmp_path: Path) -> None:
    sysctls = dict(SYSCTL.findall((ROOT / "deploy" / "proxy-sysctl.conf").read_text()))

    arrived = in_own_network(lambda: _measure_all(made_cluster, tmp_path), **sysctls)

    assert arrived.keys() == MOST_BYTES.keys()
    assert {name: count for name, count in arrived.items() if count > MOST_BYTES[name]} == {}


def _measure_all(cluster: Path, directory: Path) -> dict[str, int]:
    """Bytes that arrived, by the name of the proxy."""
    with fast_directory() as fast, served_from(fast, cluster) as serve:
        film = write_large_mp4(fast)
        serve.start()
        video = asyncio.run(ready_video(serve, film))
        arrived = {}
        for name in MOST_BYTES:
            with _proxy(name, serve, directory) as url:
                arrived[name] = asyncio.run(_withdraw_while_reading(serve, video, url))
        return arrived


@contextmanager
def _proxy(name: str, serve: Serve, directory: Path) -> Iterator[str]:
    own = directory / name.replace(" ", "-")
    own.mkdir()
    if name == "HAProxy":
        with running_haproxy(own, [serve.port]) as haproxy:
            yield haproxy.url
    elif name == "nginx":
        with running_nginx(Upstream(serve.port, serve.output, "", own), own, free_port()) as nginx:
            yield nginx.url
    else:
        with running_nginx_nodes(own, [serve.port] * 3) as url:
            yield url


async def _withdraw_while_reading(serve: Serve, video: Any, url: str) -> int:
    """Bytes that arrive after all buffers were full, and the viewer was withdrawn."""
    async with serve.client("root", "admin") as admin, serve.client("ada") as ada:
        enrollment = "/api/v1/courses/c1/enrollments/ada"
        await call(admin, "PUT", enrollment, json={"role": "student"})
        played = await call(ada, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
        async with connected(url, buffer_bytes=OWN_BYTES, receive_buffer_bytes=OWN_BYTES) as wire:
            await wire.send(f"GET {played['stream_url']} HTTP/1.1", "Host: courses.example.org")
            assert (await wire.head()).status == 200
            await wire.reader.readexactly(READ_FIRST_BYTES)
            await _until_full(serve)
            async with admin.delete(enrollment) as response:
                assert response.status == 204
            await wait_until(lambda: _figure(serve, RUNNING), lambda running: running == 0)
            return len(await wire.rest())


async def _until_full(serve: Serve) -> None:
    """Returns once the service sends nothing any more."""
    before = 0.0

    async def has_grown() -> bool:
        nonlocal before
        await asyncio.sleep(QUIET_S)
        earlier, before = before, await _figure(serve, SENT)
        return before > earlier

    await wait_until(has_grown, lambda is_grown: not is_grown)


async def _figure(serve: Serve, pattern: re.Pattern[str]) -> float:
    async with serve.client("root", "admin") as admin, admin.get("/metrics") as response:
        found = pattern.search(await response.text())
        assert found is not None
        return float(found[1])
