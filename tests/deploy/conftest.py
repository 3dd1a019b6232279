"""A running service for the proxies of `deploy/` to stand in front of."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from server.commands.tokens import mint_token
from storage.samples import write_clock_webm
from tests.harness.making import copy_tree
from tests.harness.running import SECRET, free_port, start, stop, wait_for
from tests.harness.serving import processed

START_TIMEOUT_S = 120.0
HEARTBEAT_S = 1


@dataclass(frozen=True)
class Upstream:
    """The service that a proxy is put in front of, with one video that is ready."""

    port: int
    output: Path
    video_id: str
    media: Path


SHARED_MEMORY = Path("/dev/shm")
ENOUGH_SHARED_MEMORY_BYTES = 3 * 1024**3  # the storage keeps one of them free


@contextmanager
def fast_directory() -> Iterator[Path]:
    """A directory in memory if there is room: no test here is about a power cut."""
    is_usable = (
        SHARED_MEMORY.is_dir()
        and not os.statvfs(SHARED_MEMORY).f_flag & os.ST_NOEXEC  # containers run from it
        and shutil.disk_usage(SHARED_MEMORY).free >= ENOUGH_SHARED_MEMORY_BYTES
    )
    parent = SHARED_MEMORY if is_usable else None
    with tempfile.TemporaryDirectory(prefix="coursestream-", dir=parent) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def upstream(made_cluster: Path) -> Iterator[Upstream]:
    with fast_directory() as directory:
        copy_tree(made_cluster, directory / "data")
        yield from _upstream(directory)


def _upstream(directory: Path) -> Iterator[Upstream]:
    output, port, media = directory / "output", free_port(), directory / "clock.webm"
    write_clock_webm(media, 2)
    process = start(
        *(directory / "data", output, port, "serve"),
        SSE_HEARTBEAT=f"{HEARTBEAT_S}s",
        LOG_FORMAT="json",
        TRUSTED_PROXIES="127.0.0.1",
    )
    try:
        wait_for(lambda: "listens on" in output.read_text(), "the address", START_TIMEOUT_S)
        video_id = asyncio.run(upload(f"http://127.0.0.1:{port}", media))
        yield Upstream(port, output, video_id, media)
    finally:
        stop(process)


async def upload(url: str, media: Path, course_id: str = "c1", module_id: str = "m1") -> str:
    """The id of a new video, once it is ready; makes course and module if need be."""
    async with admin(url) as session:
        for path, body in (
            (f"courses/{course_id}", {"title": "One"}),
            (f"courses/{course_id}/modules/{module_id}", {"title": "One", "position": 1}),
        ):
            async with session.put(f"/api/v1/{path}", json=body) as response:
                assert response.status in (200, 201)
        form = {"file": await asyncio.to_thread(media.open, "rb")}
        async with session.post(f"/api/v1/modules/{module_id}/videos", data=form) as response:
            assert response.status == 201, await response.text()
            video_id: str = (await response.json())["id"]
        assert (await processed(session, f"/api/v1/videos/{video_id}"))["status"] == "ready"
    return video_id


def admin(url: str) -> aiohttp.ClientSession:
    token = mint_token(SECRET, "root", roles=("admin",))
    return aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"})


def program(name: str) -> str:
    """Finds an installed program; CI must have it, elsewhere its tests are skipped."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have {name}")
        pytest.skip(f"{name} is not installed")
    return found
