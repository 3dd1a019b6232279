"""Clients of tus that others wrote: killed at random and resumed, the server killed under them."""

import asyncio
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.hashes import sha256_file
from tests.handlers.uploads.tusing import VERSION, metadata, patching, send
from tests.harness.serving import Serve, call, processed, until_silent, write_large_mp4
from tests.harness.waiting import wait_until
from tests.programs.npm import installed

HERE = Path(__file__).parent
TUS_JS = "tus-js-client@4.3.1"
IS_FULL = os.environ.get("FULL") == "1"
RUN_TIMEOUT_S = 120
FILLER_BYTES = (256 if IS_FULL else 24) * 2**20
CLIENT_KILLS, SERVER_KILLS = (20, 8) if IS_FULL else (3, 1)

Command = Callable[[str, str, Path, Path], list[str]]


@pytest.fixture(scope="session")
def tus_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installs tus-js-client; skips the test where that fails, but never in CI."""
    return installed(tmp_path_factory.mktemp("tus-js"), TUS_JS)


@pytest.fixture(params=["tuspy", "tus-js-client"])
def client(request: pytest.FixtureRequest) -> Command:
    """A function that builds the command line of a client."""
    if request.param == "tuspy":
        script = str(HERE / "tuspy_upload.py")
        return lambda url, token, file, memory: [
            *(sys.executable, script, url, token, str(file), str(memory))
        ]
    modules = str(request.getfixturevalue("tus_js"))
    node, script = str(shutil.which("node")), str(HERE / "tus_js_upload.cjs")
    return lambda url, token, file, memory: [
        *(node, script, modules, url, token, str(file), str(memory))
    ]


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    filler = random.Random(20261122).randbytes(FILLER_BYTES)
    return write_large_mp4(tmp_path_factory.mktemp("lecture"), filler)


async def test_client_killed_at_random_goes_on_and_loses_nothing(
    serve: Serve, client: Command, lecture: Path, tmp_path: Path
) -> None:
    await asyncio.to_thread(serve.start)
    async with serve.client("root", "admin") as admin:
        await furnish(admin)
    command = client(
        f"{serve.url}/api/v1/uploads", serve.token("root", "admin"), lecture, tmp_path / "memory"
    )
    chance = random.Random(7)
    deaths = ["client"] * CLIENT_KILLS + ["server"] * SERVER_KILLS
    chance.shuffle(deaths)

    for who in deaths:
        before = stored_bytes(serve)
        process = await started(command, tmp_path / "output")
        await until_more(serve, process, before + chance.randrange(FILLER_BYTES // 20))
        if who == "server":
            serve.process.kill()
            await asyncio.to_thread(serve.process.wait)
            await process.wait()
            await asyncio.to_thread(serve.start)
        else:
            process.kill()
            await process.wait()
    last = await started(command, tmp_path / "output")
    async with asyncio.timeout(RUN_TIMEOUT_S):
        assert await last.wait() == 0, (tmp_path / "output").read_text()[-2000:]

    async with serve.client("root", "admin") as admin:
        video = await ready(admin)
    assert video["original_filename"] == "lecture.mp4"
    assert video["original_size"] == lecture.stat().st_size
    assert video["original_sha256"] == await asyncio.to_thread(sha256_file, lecture)


async def test_stop_that_cannot_wait_keeps_what_arrived(serve: Serve) -> None:
    await asyncio.to_thread(serve.start)
    async with serve.client("root", "admin") as admin:
        await furnish(admin)
        headers = {"Upload-Length": str(2**30), "Upload-Metadata": metadata(), **VERSION}
        async with admin.post("/api/v1/uploads", headers=headers) as response:
            location = response.headers["Location"]
    token = serve.token("root", "admin")
    async with patching(serve.url, token, location, 0, 2**30) as wire:
        await send(wire, bytes(3 * 2**20 + 7))
        await wait_until(lambda: stored_bytes(serve) >= 3 * 2**20, within_s=RUN_TIMEOUT_S)
        serve.process.terminate()
        await until_silent(serve, "/healthz")
        serve.process.terminate()
        assert await asyncio.to_thread(serve.process.wait, RUN_TIMEOUT_S) == 0

    await asyncio.to_thread(serve.start)
    async with (
        serve.client("root", "admin") as admin,
        admin.head(location, headers=VERSION) as response,
    ):
        assert response.headers["Upload-Offset"] == str(3 * 2**20 + 7)


async def furnish(admin: aiohttp.ClientSession) -> None:
    await call(admin, "PUT", "/api/v1/courses/c1", json={"title": "Course"})
    module = {"title": "Module", "position": 1}
    await call(admin, "PUT", "/api/v1/courses/c1/modules/m1", json=module)


async def started(command: list[str], output: Path) -> asyncio.subprocess.Process:
    with output.open("ab") as file:
        return await asyncio.create_subprocess_exec(*command, stdout=file, stderr=file)


async def until_more(serve: Serve, process: asyncio.subprocess.Process, size: int) -> None:
    """Until so much is stored, while the client is at work."""
    await wait_until(
        lambda: process.returncode is not None or stored_bytes(serve) > size, within_s=RUN_TIMEOUT_S
    )
    assert process.returncode is None, "it ended before its time"


def stored_bytes(serve: Serve) -> int:
    """Of the one upload there is."""
    unfinished = serve.data_dir / "storage" / "tmp"
    return sum(path.stat().st_size for path in unfinished.glob("*.part"))


async def ready(admin: aiohttp.ClientSession) -> Any:
    """The one video that there is."""
    (video,) = (await call(admin, "GET", "/api/v1/modules/m1/videos"))["items"]
    video = await processed(admin, f"/api/v1/videos/{video['id']}", RUN_TIMEOUT_S)
    assert video["status"] == "ready"
    return video
