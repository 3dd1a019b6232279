"""Pictures of conversions at ten places in a real browser, beside FFmpeg's own decoding of the
original: each tells its number."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from PIL import Image

from storage.formats import Container
from storage.samples import read_frame_number
from tests.films.clock_films import RATE, write_clock
from tests.programs.chromium import open_chromium
from tests.storage.films.test_cut_in_chromium import LOOK
from tests.storage.films.transcoding import Workbench

FRAMES = 150
PLACES_S = [0.02, 0.5, 1.1, 1.94, 2.02, 3.3, 4.06, 4.7, 5.5, 5.94]
SOURCES: dict[str, tuple[str, str, Container]] = {
    "transport-stream": ("mpegts", "mpeg2video", "mp4"),
    "program-stream": ("vob", "mpeg2video", "mp4"),
    "copied": ("mpegts", "libx264", "mp4"),
    "avi": ("avi", "mjpeg", "mp4"),
    "windows-media": ("asf", "wmv2", "mp4"),
    "flash": ("flv", "flv1", "mp4"),
    "hevc": ("matroska", "libx265", "webm"),
}


@dataclass(frozen=True)
class Conversion:
    name: str
    content: str
    """In Base64."""
    decoded: list[tuple[float, int]]
    """The time and the number of each picture of the original, as FFmpeg decodes it."""

    def expected(self) -> list[int]:
        begin_s = self.decoded[0][0]
        return [
            [number for time_s, number in self.decoded if time_s - begin_s <= place_s][-1]
            for place_s in PLACES_S
        ]


@pytest.fixture
def conversions(tmp_path: Path, bench: Workbench) -> list[Conversion]:
    made = []
    for name, (muxer, codec, target) in SOURCES.items():
        source = write_clock(tmp_path / name, codec, FRAMES, muxer)
        bench.make(source, target, duration_s=FRAMES / RATE)
        content = base64.b64encode(bench.target.read_bytes()).decode()
        made.append(Conversion(name, content, _decoded(source)))
    return made


@pytest.mark.asyncio
async def test_each_place_shows_the_picture_of_the_original(conversions: list[Conversion]) -> None:
    shown = {}
    async with open_chromium() as browser:
        page = await browser.new_page()
        for one in conversions:
            _, pictures = await page.evaluate(LOOK, [one.content, PLACES_S])
            shown[one.name] = [_number(base64.b64decode(picture)) for picture in pictures]

    assert shown == {one.name: one.expected() for one in conversions}


def _decoded(source: Path) -> list[tuple[float, int]]:
    with av.open(str(source)) as media:
        frames = media.decode(video=0)
        return [(frame.time, read_frame_number(frame.to_image())) for frame in frames]


def _number(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as image:
        return read_frame_number(image)
