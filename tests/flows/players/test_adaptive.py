"""Adaptive playing from the upload to four players, with media workers killed on the way."""

import asyncio
import base64
import io
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import m3u8
import pytest
import pytest_asyncio
from mpegdash.parser import MPEGDASHParser
from PIL import Image
from playwright.async_api import Page

from storage.samples import FRAME_RATE, read_frame_number, write_clock_mp4
from tests.flows.players.players import site_of_players
from tests.harness.serving import Serve, call, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import open_chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTHS, DURATION_S = {180: 320, 96: 170}, 100
# The job of a killed worker is taken up after its heartbeats have been missing for 30 s.
LADDER_TIMEOUT_S = 240
# Frames about the beginning, the border of the pieces, and the end.
FRAMES = (1003, 1, 1499, 1500, 1501, 2490)


@dataclass(frozen=True)
class Lesson:
    """A video with its ladder, played by `ada`."""

    serve: Serve
    video: Any
    playback: Any

    def url(self, path: str) -> str:
        return urljoin(self.serve.url, path)


@pytest.fixture(scope="module")
def page_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def serving(
    tmp_path_factory: pytest.TempPathFactory, made_cluster: Path, page_port: int
) -> Iterator[Serve]:
    settings = {
        "RENDITIONS": ",".join(map(str, WIDTHS)),
        "MEDIA_WORKERS": "2",
        "STREAM_RATE_LIMIT": "1000/second",  # every segment is fetched, as fast as it goes
        "CORS_ORIGINS": f"http://127.0.0.1:{page_port}",
    }
    with served_from(tmp_path_factory.mktemp("adaptive"), made_cluster, **settings) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lesson(serving: Serve, tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """Made while both media workers are killed in the middle of a piece."""
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    await asyncio.to_thread(write_clock_mp4, film, DURATION_S, (320, 180))
    video = await ready_video(serving, film)
    unfinished = serving.data_dir / "storage" / "tmp"
    await wait_until(lambda: [*unfinished.glob("*.work/v96.mp4")], within_s=LADDER_TIMEOUT_S)
    for pid in await serving.workers():
        os.kill(pid, signal.SIGKILL)
    async with serving.client("ada") as ada:
        path = f"/api/v1/videos/{video['id']}"
        video = await wait_until(
            lambda: call(ada, "GET", path), is_finished, within_s=LADDER_TIMEOUT_S
        )
        playback = await call(ada, "POST", f"{path}/playback", json={})
    return Lesson(serving, video, playback)


def is_finished(video: Any) -> bool:
    states = {one["state"] for one in video["renditions"]}
    return bool(states) and states <= {"ready", "failed"}


async def test_killed_workers_cost_only_time(lesson: Lesson) -> None:
    told = [(one["height"], one["width"], one["state"]) for one in lesson.video["renditions"]]

    assert told == [(height, width, "ready") for height, width in WIDTHS.items()]
    assert "was left by a worker that died" in lesson.serve.log()
    assert lesson.video["status"] == "ready"
    assert [one["height"] for one in lesson.playback["sizes"]] == [*WIDTHS, None]


async def test_each_segment_of_each_playlist_is_a_range_of_its_file(lesson: Lesson) -> None:
    async with aiohttp.ClientSession() as session:
        url = lesson.url(lesson.playback["hls_url"])
        master = m3u8.loads(await text(session, url), uri=url)
        addresses = [one.absolute_uri for one in (*master.playlists, *master.iframe_playlists)]
        addresses += [one.absolute_uri for one in master.media]
        for address in {*addresses}:
            await require_segments(session, address)

    assert {one.stream_info.resolution for one in master.playlists if one.stream_info.resolution}
    assert [one.type for one in master.media] == ["AUDIO"]


async def text(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def require_segments(session: aiohttp.ClientSession, url: str) -> None:
    """Fetches every range that a media playlist names; they last as long as the film."""
    playlist = m3u8.loads(await text(session, url), uri=url)
    for segment in playlist.segments:
        size, offset = map(int, segment.byterange.split("@"))
        header = {"Range": f"bytes={offset}-{offset + size - 1}"}
        async with session.get(segment.absolute_uri, headers=header) as response:
            content = await response.read()
        assert (response.status, len(content)) == (206, size)
        assert content[4:8] == b"moof"
    total_s = sum(segment.duration for segment in playlist.segments)
    assert total_s == pytest.approx(DURATION_S, abs=0.1)


async def test_the_manifest_names_indexes_of_the_same_files(lesson: Lesson) -> None:
    async with aiohttp.ClientSession() as session:
        url = lesson.url(lesson.playback["dash_url"])
        manifest = MPEGDASHParser.parse(await text(session, url))
        for group in manifest.periods[0].adaptation_sets:
            for one in group.representations:
                (base,), (segments,) = one.base_urls, one.segment_bases
                header = {"Range": f"bytes={segments.index_range}"}
                address = urljoin(url, base.base_url_value)
                async with session.get(address, headers=header) as response:
                    assert response.status == 206
                    assert (await response.read())[4:8] == b"sidx"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(page_port: int, player_modules: Path) -> AsyncIterator[str]:
    """The page of the players, of another origin than the service."""
    async with site_of_players(player_modules, page_port) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def page(pages: str) -> AsyncIterator[Page]:
    async with open_chromium() as browser:
        page = await browser.new_page()
        await page.goto(pages)
        yield page


@pytest.mark.parametrize("player", ["hls", "dash", "shaka", "shaka on dash", "native"])
async def test_each_seek_shows_the_picture_of_its_second(
    page: Page, lesson: Lesson, player: str
) -> None:
    addresses = [lesson.url(lesson.playback[name]) for name in ("hls_url", "dash_url")]
    duration_s = await page.evaluate("(given) => load(...given)", [player, *addresses])
    shown = [read(await page.evaluate("shownAt", (n + 0.5) / FRAME_RATE)) for n in FRAMES]

    assert await page.evaluate("faults") == []
    assert duration_s == pytest.approx(DURATION_S, abs=0.1)
    assert shown == [*FRAMES]


def read(url: str) -> int:
    """The number of the frame in a data URL."""
    png = base64.b64decode(url.partition(",")[2])
    return read_frame_number(Image.open(io.BytesIO(png)))
