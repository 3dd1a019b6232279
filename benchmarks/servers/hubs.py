"""Servers measured at publishing events to many: coursestream with its database, and bare hubs.

The hubs have no users, no filters, no log, no replay; what is posted to them goes to all. Each is
given one core. coursestream's event is an instructor's change of a title, committed to PostgreSQL
with `fsync` on, which runs on another core as it would on another machine.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.servers.api import call, client
from benchmarks.servers.nginx import nginx
from benchmarks.servers.processes import CannotStart, Cores, pinned, running, wait_for_port
from benchmarks.servers.product import serving
from server.commands.tokens import mint_token

PEERS = Path(__file__).resolve().parents[1] / "peers"
NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
DEMO_TIMEOUT_S = 120.0
SECRET = "the benchmarks' own secret of thirty-two bytes"
NUMBER = "%08d"  # of the event, which listen.c fills in
DATA = json.dumps({"title": "x" * 600 + NUMBER})  # about what coursestream tells of a video

NCHAN = """
server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /events {{
        nchan_subscriber eventsource;
        nchan_channel_id all;
        nchan_subscriber_first_message newest;
    }}
    location /publish {{ nchan_publisher; nchan_channel_id all; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One that listens: where its events are, and the raw request that makes one."""

    port: int
    path: str
    publishing: str
    pids: tuple[int, ...]


Serve = Callable[[Path, int, Cores], AbstractContextManager[Stage]]


@dataclass(frozen=True, slots=True)
class Hub:
    name: str
    serve: Serve
    missing: Callable[[], str | None] = lambda: None


def coursestream(name: str, event_loop: str) -> Hub:
    @contextlib.contextmanager
    def serve(directory: Path, port: int, cores: Cores) -> Iterator[Stage]:
        log = directory / f"{name}.log"
        settings = {
            "DATA_DIR": str(directory / name),
            "PORT": str(port),
            "JWT_SECRET": SECRET,
            "EVENT_LOOP": event_loop,
            "LOG_LEVEL": "warning",
            "SSE_PER_USER": "20000",
        }
        with serving(settings, log, cores, "--demo") as process:
            path, publishing = asyncio.run(_opened(f"http://127.0.0.1:{port}"))
            yield Stage(port, path, publishing, (process.pid,))

    return Hub(name, serve)


async def _opened(url: str) -> tuple[str, str]:
    """The address of all events, and a change that makes one. An admin's stream is opened without
    asking the database, which on two cores has no core of its own.
    """
    token = mint_token(SECRET, "bench-admin", roles=["admin"], ttl_s=12 * 3600.0)
    async with client(url, token) as admin:
        video = await _demo_video(admin)
        events_url = (await call(admin, "POST", "events/grant", json={}))["events_url"]
    body, path = json.dumps({"title": f"Title {NUMBER}"}), f"/api/v1/videos/{video['id']}"
    return events_url, _request("PATCH", path, body, f"Authorization: Bearer {token}")


async def _demo_video(admin: aiohttp.ClientSession) -> Any:
    """Once it is ready."""
    async with asyncio.timeout(DEMO_TIMEOUT_S):
        while True:
            with contextlib.suppress(aiohttp.ClientResponseError):  # no course yet
                modules = (await call(admin, "GET", "courses/demo"))["modules"]
                videos = [video for module in modules for video in module["videos"]]
                if videos and all(video["status"] == "ready" for video in videos):
                    return videos[0]
            await asyncio.sleep(0.2)


def program(
    name: str, command: Callable[[Path, int], list[str]], missing: Callable[[], str | None]
) -> Hub:
    @contextlib.contextmanager
    def serve(directory: Path, port: int, cores: Cores) -> Iterator[Stage]:
        log = directory / f"{name}.log"
        with running(pinned(cores.server, command(directory, port)), log) as process:
            wait_for_port(process, port, log)
            yield Stage(port, "/events", _request("POST", "/publish", DATA), (process.pid,))

    return Hub(name, serve, missing)


@contextlib.contextmanager
def nchan(directory: Path, port: int, cores: Cores) -> Iterator[Stage]:
    http, modules = NCHAN.format(port=port), f"load_module {NCHAN_MODULE};"
    with nginx(directory / "nchan", http, port, cores.server, modules=modules) as pids:
        yield Stage(port, "/events", _request("POST", "/publish", DATA), pids)


def _go(directory: Path, port: int) -> list[str]:
    """Raises: CannotStart with what the compiler says."""
    built = directory / "event_hub"
    environ = os.environ | {"GOCACHE": str(directory / "go-cache")}
    command = ["go", "build", "-o", str(built), str(PEERS / "event_hub.go")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotStart(done.stderr)
    return [str(built), str(port)]


def _aiohttp_sse(directory: Path, port: int) -> list[str]:
    return [sys.executable, str(PEERS / "event_hub.py"), str(port)]


def _request(method: str, path: str, body: str, *headers: str) -> str:
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    size = len(body % 0)
    return "\r\n".join([*head, f"Content-Length: {size}", *headers, "", body])


HUBS = (
    coursestream("coursestream", "uvloop"),
    coursestream("coursestream-asyncio", "asyncio"),
    program("go", _go, lambda: None if shutil.which("go") else "`go` is not installed"),
    Hub(
        "nchan",
        nchan,
        lambda: None if NCHAN_MODULE.exists() else "Debian's libnginx-mod-nchan is not installed",
    ),
    program(
        "aiohttp-sse",
        _aiohttp_sse,
        lambda: None if importlib.util.find_spec("aiohttp_sse") else "aiohttp-sse is not installed",
    ),
)
