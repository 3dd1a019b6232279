"""Conversions and copies beside FFmpeg's own decoding of the original, in a real browser."""

import asyncio
import base64
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Browser

from storage.formats import Container
from tests.programs.chromium import open_chromium
from tests.programs.lip_sync import DURATION_S, IN_STEP_S, lags, write_pulses
from tests.storage.films.transcoding import Workbench

FILMS: dict[str, tuple[str, str, str, Container, dict[str, float]]] = {
    "both-anew": ("mpegts", "mpeg2video", "mp2", "mp4", {"late_s": 40}),
    "sound-anew": ("matroska", "libx264", "ac3", "mp4", {}),
    "sound-begins-late": ("matroska", "libx264", "aac", "mp4", {"sound_from_s": 0.7}),
    "in-a-webm": ("matroska", "libvpx", "flac", "webm", {}),
}
ADD = """async ([type, bytes]) => {
    const video = document.createElement('video');
    const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    video.src = URL.createObjectURL(new Blob([content], { type }));
    document.body.append(video);
    await new Promise((resolve) => video.addEventListener('canplaythrough', resolve));
}"""


@pytest.fixture
def pairs(tmp_path: Path, bench: Workbench) -> list[tuple[str, str]]:
    """Of each film FFmpeg's decoding and what is served, as type and content in Base64."""
    made = []
    for name, (muxer, video, audio, target, places) in FILMS.items():
        source = write_pulses(tmp_path / name, muxer, video, audio, **places)
        bench.make(source, target, duration_s=DURATION_S)
        for path, kind in ((decoded(source), "mp4"), (bench.target, target)):
            made.append((f"video/{kind}", base64.b64encode(path.read_bytes()).decode()))
    return made


@pytest.mark.alone
@pytest.mark.asyncio
async def test_beeps_are_heard_with_their_flashes(pairs: list[tuple[str, str]]) -> None:
    async with open_chromium() as browser:
        found = await asyncio.gather(*(_lag(browser, film) for film in pairs))

    away = {name: found[2 * place + 1] - found[2 * place] for place, name in enumerate(FILMS)}
    assert away == pytest.approx(dict.fromkeys(FILMS, 0), abs=IN_STEP_S)


async def _lag(browser: Browser, film: tuple[str, str]) -> float:
    page = await browser.new_page()
    await page.evaluate(ADD, film)
    (lag,) = await lags(page, "video")
    return lag


def decoded(source: Path) -> Path:
    """The film as FFmpeg's command line decodes it, without loss that matters here."""
    path = source.with_suffix(".mp4")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source)]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-movflags", "+faststart"]
    subprocess.run([*command, *coding, str(path)], check=True, timeout=60)
    return path
