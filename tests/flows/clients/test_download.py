"""Programs that know nothing of us fetch a video: curl continues, ffmpeg opens and seeks."""

import asyncio
import hashlib
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from storage.samples import FRAME_RATE, read_frame_number
from tests.harness.running import Service

TIMEOUT_S = 60


def program(name: str) -> str:
    """Finds the program; skips the test where there is none, but never in CI."""
    path = shutil.which(name)
    if path is None:
        assert os.environ.get("CI") != "true", f"CI must have {name}"
        pytest.skip(f"{name} is not installed")
    return path


def run(name: str, *arguments: str) -> bytes:
    done = subprocess.run([program(name), *arguments], capture_output=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


async def ask(service: Service, method: str, path: str, **options: Any) -> Any:
    async with (
        service.client("student") as session,
        session.request(method, f"/api/v1/{path}", **options) as response,
    ):
        assert response.status < 300, await response.text()
        return await response.json()


@pytest.fixture(params=[0, 1], ids=["mp4", "webm"])
async def video(request: pytest.FixtureRequest, service: Service) -> Any:
    return await ask(service, "GET", f"videos/{service.videos[request.param]}")


@pytest.fixture(params=["grant", "bearer"])
async def source(request: pytest.FixtureRequest, service: Service, video: Any) -> list[str]:
    """The URL as curl takes it, with what it must be told beside it."""
    if request.param == "grant":
        playback = await ask(service, "POST", f"videos/{video['id']}/playback", json={})
        return [service.url + playback["stream_url"]]
    bearer = f"Authorization: Bearer {service.student_token}"
    return ["--header", bearer, f"{service.url}/api/v1/videos/{video['id']}/stream"]


def cut_download(source: list[str], part: Path) -> None:
    """As when the network goes away: curl is killed when it has a hundred thousand bytes."""
    with subprocess.Popen([program("curl"), "--silent", *source], stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        part.write_bytes(curl.stdout.read(100_000))
        curl.kill()


async def test_curl_continues_a_download_that_was_cut(
    video: Any, source: list[str], tmp_path: Path
) -> None:
    part = tmp_path / "part"
    await asyncio.to_thread(cut_download, source, part)
    assert part.stat().st_size == 100_000 < video["size"]

    fetched_bytes = await asyncio.to_thread(
        run, "curl", "-sSf", "-C", "-", "-o", str(part), "-w", "%{size_download}", *source
    )

    assert int(fetched_bytes) == video["size"] - 100_000
    assert hashlib.sha256(part.read_bytes()).hexdigest() == video["sha256"]


async def test_curl_in_pieces_gets_the_whole(video: Any, source: list[str], tmp_path: Path) -> None:
    middle = video["size"] // 2
    pieces = [
        await asyncio.to_thread(run, "curl", "-sSf", "-r", asked, *source)
        for asked in (f"0-{middle - 1}", f"{middle}-")
    ]

    assert hashlib.sha256(b"".join(pieces)).hexdigest() == video["sha256"]


def test_ffprobe_reads_the_stream(video: Any, source: list[str]) -> None:
    asked = ("-show_format", "-show_streams", "-of", "json")
    told = json.loads(run("ffprobe", "-v", "error", *for_ffmpeg(source), *asked))

    assert float(told["format"]["duration"]) == pytest.approx(video["duration"], abs=0.1)
    assert int(told["format"]["size"]) == video["size"]
    codecs = {stream["codec_type"]: stream["codec_name"] for stream in told["streams"]}
    assert codecs == {"video": video["video_codec"], "audio": video["audio_codec"]}


@pytest.mark.parametrize("seconds", [0, 12, 27])
def test_ffmpeg_seeks_to_the_frame(video: Any, source: list[str], seconds: int) -> None:
    where = ("-ss", str(seconds), *for_ffmpeg(source))
    one_png = ("-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-")
    picture = run("ffmpeg", "-v", "error", *where, *one_png)

    with Image.open(io.BytesIO(picture)) as image:
        assert read_frame_number(image) == pytest.approx(seconds * FRAME_RATE, abs=1)


def for_ffmpeg(source: list[str]) -> list[str]:
    *headers, url = source
    return [*(["-headers", f"{headers[1]}\r\n"] if headers else []), "-i", url]
