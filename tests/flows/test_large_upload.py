"""A file larger than any buffer: memory must not grow with it."""

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.remux import remux_faststart
from storage.samples import write_clock_mp4
from tests.running import Service

COURSE, MODULE = "flow-large", "flow-large-1"
FILLER_BYTES = 2**30
MOST_GROWTH_BYTES = 64 * 2**20
TIMEOUT_S = 300


@pytest.fixture
def large_mp4(tmp_path: Path) -> Iterator[Path]:
    """Two seconds of video, index first, then a box of nothing that takes no room on the disk."""
    camera, large = tmp_path / "camera.mp4", tmp_path / "large.mp4"
    write_clock_mp4(camera, 2)
    remux_faststart(camera, large, "mp4")
    with large.open("r+b") as file:
        start = file.seek(0, os.SEEK_END)
        file.write(FILLER_BYTES.to_bytes(4, "big") + b"free")
        file.truncate(start + FILLER_BYTES)
    yield large
    large.unlink()


@pytest.fixture
def tidied(service: Service) -> Iterator[None]:
    """A gigabyte is too much to wait until the trash is emptied."""
    yield
    shutil.rmtree(service.data_dir / "storage" / "courses" / COURSE, ignore_errors=True)


class Memory:
    """What a process has in memory, as the kernel tells it."""

    def __init__(self, pid: int) -> None:
        self._directory = Path(f"/proc/{pid}")
        (self._directory / "clear_refs").write_text("5")  # the peak begins here
        self._before_bytes = self._read("VmRSS")

    def growth_bytes(self) -> int:
        """From the beginning to the highest point since."""
        return self._read("VmHWM") - self._before_bytes

    def _read(self, name: str) -> int:
        lines = (self._directory / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields[name].removesuffix("kB")) * 1024


async def test_a_gibibyte_is_taken_in_bounded_memory(
    service: Service, large_mp4: Path, tidied: None, capsys: pytest.CaptureFixture[str]
) -> None:
    async with service.client("root", "admin") as admin:
        await put(admin, f"courses/{COURSE}", {"title": "Large"})
        await put(admin, f"courses/{COURSE}/modules/{MODULE}", {"title": "One", "position": 1})
        memory = Memory(service.process.pid)

        answer = await asyncio.to_thread(upload_by_curl, service, large_mp4)
        growth_bytes = memory.growth_bytes()
        video = await ready(admin, answer)

    with capsys.disabled():
        print(f" [web process grew by {growth_bytes / 2**20:.1f} MiB]", end="")
    assert growth_bytes < MOST_GROWTH_BYTES
    assert video["status"] == "ready"
    assert video["size"] == video["original_size"] == large_mp4.stat().st_size
    sha256 = await asyncio.to_thread(sha256_of, large_mp4)
    assert video["sha256"] == video["original_sha256"] == sha256


def upload_by_curl(service: Service, file: Path) -> str:
    """curl reads the file as it sends it; gives the Location of the video."""
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--max-time", str(TIMEOUT_S)),
            *("--header", f"Authorization: Bearer {service.token('root', 'admin')}"),
            *("--form", f"file=@{file}", "--output", os.devnull),
            *("--write-out", "%{http_code} %header{location}"),
            f"{service.url}/api/v1/modules/{MODULE}/videos",
        ],
        capture_output=True,
        text=True,
    )
    status, _, location = done.stdout.partition(" ")
    assert status == "201", (done.stdout, done.stderr)
    return location


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def put(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> None:
    async with session.put(f"/api/v1/{path}", json=body) as response:
        assert response.status in (200, 201), await response.text()


async def ready(session: aiohttp.ClientSession, location: str) -> Any:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            async with session.get(location) as response:
                video = await response.json()
            if video["status"] != "processing":
                return video
            await asyncio.sleep(0.2)
