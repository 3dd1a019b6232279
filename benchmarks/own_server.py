"""Points the generator alone at a coursestream of one's own, on this very machine.

Its videos are found through its API with a token of somebody who may watch them. Nothing is
isolated or pinned, so figures are those of the machine as it is.
"""

import argparse
import asyncio
import socket
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from benchmarks.clients.load import Generator, Target
from benchmarks.measurement import report
from benchmarks.measurement.isolation import congestion_control
from benchmarks.measurement.rounds import Rounds
from benchmarks.measurement.workloads import WORKLOADS
from benchmarks.servers.api import call, client, path_by_bearer, path_by_grant
from benchmarks.servers.processes import allow_many_files

MOST_VIDEOS = 1000


class Refused(Exception):
    """Such a server is not asked, or has nothing to ask for."""


def http_address(text: str) -> str:
    """`http://host:port` of this machine: nobody else's server is put under load."""
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
        raise argparse.ArgumentTypeError("not like http://127.0.0.1:8080 (no TLS, no path)")
    if not is_ours(parts.hostname):
        raise argparse.ArgumentTypeError(f"{parts.hostname} is not an address of this machine")
    return f"http://{parts.hostname}:{parts.port or 80}"


def is_ours(host: str) -> bool:
    """Only one's own addresses can be bound."""
    try:
        with socket.socket() as one:
            one.bind((host, 0))
    except OSError:
        return False
    return True


def ask(options: Namespace) -> int:
    """Prints what the workloads measured. Raises: Refused, LoadError."""
    target = asyncio.run(_target(options.url, options.token, is_by_bearer=options.bearer))
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="coursestream-bench-") as directory:
        rounds = Rounds(Generator(Path(directory), None), {options.url: target})
        samples = [
            sample
            for name in options.workloads
            for sample in rounds.run(
                WORKLOADS[name], [options.url], options.rounds, options.seconds
            )
        ]
    print(f"{len(target.files)} videos; TCP under {congestion_control()}, see docs/benchmarks.md\n")
    print(report.measured_text(samples))
    return 0


async def _target(url: str, token: str, *, is_by_bearer: bool) -> Target:
    try:
        async with client(url, token) as viewer:
            videos = await _ready_videos(viewer)
            files = [await _file(viewer, video, is_by_bearer=is_by_bearer) for video in videos]
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise Refused(f"{url}: {exc}") from exc
    if not files:
        raise Refused(f"{url}: the token shows no video that is ready")
    parts = urlsplit(url)
    header = f"Authorization: Bearer {token}" if is_by_bearer else ""
    return Target(parts.port or 80, tuple(files), header, host=str(parts.hostname))


async def _ready_videos(viewer: aiohttp.ClientSession) -> list[Any]:
    """Ready videos of the first courses that the token shows."""
    found: list[Any] = []
    for course in (await call(viewer, "GET", "courses?limit=200"))["items"]:
        modules = (await call(viewer, "GET", f"courses/{course['id']}"))["modules"]
        videos = [video for module in modules for video in module["videos"]]
        found += [video for video in videos if video["status"] == "ready"]
    return found[:MOST_VIDEOS]


async def _file(
    viewer: aiohttp.ClientSession, video: Any, *, is_by_bearer: bool
) -> tuple[str, int]:
    video_id = video["id"]
    path = path_by_bearer(video_id) if is_by_bearer else await path_by_grant(viewer, video_id)
    return path, int(video["size"])
