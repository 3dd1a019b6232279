"""A file larger than any buffer: memory must not grow with it."""

import asyncio
import hashlib
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.mp4.faststart import move_index_to_front
from storage.samples import write_clock_mp4
from tests.harness.running import Service
from tests.harness.serving import processed

COURSE, MODULE = "flow-large", "flow-large-1"
FILLER_BYTES = 2**30
MOST_GROWTH_BYTES = 64 * 2**20
TIMEOUT_S = 300


@pytest.fixture
def large_mp4(tmp_path: Path) -> Iterator[Path]:
    """Two seconds of video, index first, then a box of nothing that takes no room on the disk."""
    camera, large = tmp_path / "camera.mp4", tmp_path / "large.mp4"
    write_clock_mp4(camera, 2)
    move_index_to_front(camera, large)
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
    """Memory of a process by the kernel's account."""

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


@pytest.mark.parametrize("way", ["form", "tus"])
async def test_a_gibibyte_is_taken_in_bounded_memory(
    service: Service, large_mp4: Path, tidied: None, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    upload = {"form": upload_as_form, "tus": upload_by_tus}[way]
    async with service.client("root", "admin") as admin:
        await put(admin, f"courses/{COURSE}", {"title": "Large"})
        await put(admin, f"courses/{COURSE}/modules/{MODULE}", {"title": "One", "position": 1})
        memory = Memory(service.process.pid)

        answer = await asyncio.to_thread(upload, service, large_mp4)
        growth_bytes = memory.growth_bytes()
        video = await ready(admin, answer)

    with capsys.disabled():
        print(f" [{way}: web process grew by {growth_bytes / 2**20:.1f} MiB]", end="")
    assert growth_bytes < MOST_GROWTH_BYTES
    assert video["status"] == "ready"
    assert video["size"] == video["original_size"] == large_mp4.stat().st_size
    sha256 = await asyncio.to_thread(sha256_of, large_mp4)
    assert video["sha256"] == video["original_sha256"] == sha256


def upload_as_form(service: Service, file: Path) -> str:
    """Gives the Location of the video."""
    url = f"{service.url}/api/v1/modules/{MODULE}/videos"
    return by_curl(service, url, "201", "location", "--form", f"file=@{file}")


def upload_by_tus(service: Service, file: Path) -> str:
    """One creation, one PATCH; gives the Location of the video."""
    url, version = f"{service.url}/api/v1/uploads", ("--header", "Tus-Resumable: 1.0.0")
    module, name = (b64encode(text.encode()).decode() for text in (MODULE, file.name))
    metadata = f"Upload-Metadata: module_id {module},filename {name}"
    length = f"Upload-Length: {file.stat().st_size}"
    told: tuple[str, ...] = (*version, "--header", metadata, "--header", length)
    location = by_curl(service, url, "201", "location", *told, "--request", "POST")
    octets = ("--header", "Content-Type: application/offset+octet-stream")
    told = (*version, *octets, "--header", "Upload-Offset: 0", "--upload-file", str(file))
    url = f"{service.url}{location}"
    video_id = by_curl(service, url, "204", "x-video-id", *told, "--request", "PATCH")
    return f"/api/v1/videos/{video_id}"


def by_curl(service: Service, url: str, status: str, header: str, *options: str) -> str:
    """curl reads a file as it sends it; gives the value of a header of the answer."""
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--max-time", str(TIMEOUT_S)),
            *("--header", f"Authorization: Bearer {service.token('root', 'admin')}"),
            *("--output", os.devnull, "--write-out", f"%{{http_code}} %header{{{header}}}"),
            *(*options, url),
        ],
        capture_output=True,
        text=True,
    )
    found, _, value = done.stdout.partition(" ")
    assert found == status, (done.stdout, done.stderr)
    return value


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def put(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> None:
    async with session.put(f"/api/v1/{path}", json=body) as response:
        assert response.status in (200, 201), await response.text()


async def ready(session: aiohttp.ClientSession, location: str) -> Any:
    return await processed(session, location, TIMEOUT_S)
