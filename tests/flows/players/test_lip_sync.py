"""The ladder's sound against its pictures in players of others, beside the film as it was sent."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.flows.players.players import site_of_players
from tests.flows.players.test_adaptive import LADDER_TIMEOUT_S, is_finished
from tests.harness.running import free_port
from tests.harness.serving import Serve, call, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import open_chromium
from tests.programs.lip_sync import IN_STEP_S, lags, write_pulses

PLAYERS = ["hls", "dash", "shaka", "native"]

pytestmark = [pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def site_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def serving(
    tmp_path_factory: pytest.TempPathFactory, made_cluster: Path, site_port: int
) -> Iterator[Serve]:
    settings = {"RENDITIONS": "180,96", "CORS_ORIGINS": f"http://127.0.0.1:{site_port}"}
    with served_from(tmp_path_factory.mktemp("in_step"), made_cluster, **settings) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def playback(serving: Serve, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = tmp_path_factory.mktemp("film") / "film.mp4"
    film = await asyncio.to_thread(write_pulses, made, "mp4", "libx264", "aac", sound_from_s=0.7)
    path = f"/api/v1/videos/{(await ready_video(serving, film))['id']}"
    async with serving.client("ada") as ada:
        await wait_until(lambda: call(ada, "GET", path), is_finished, within_s=LADDER_TIMEOUT_S)
        return await call(ada, "POST", f"{path}/playback", json={})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(site_port: int, player_modules: Path) -> AsyncIterator[str]:
    async with site_of_players(player_modules, site_port) as url:
        yield url


async def test_each_player_is_in_step(serving: Serve, playback: Any, site: str) -> None:
    names = ("stream_url", "hls_url", "dash_url")
    film, hls, dash = (urljoin(serving.url, playback[name]) for name in names)
    async with open_chromium() as browser:
        ladders = (_lag(browser, site, name, hls, dash) for name in PLAYERS)
        sent, *found = await asyncio.gather(_lag(browser, site, "native", film, film), *ladders)

    away = {name: lag - sent for name, lag in zip(PLAYERS, found, strict=True)}
    assert away == pytest.approx(dict.fromkeys(PLAYERS, 0), abs=IN_STEP_S)


async def _lag(browser: Browser, site: str, *loaded: str) -> float:
    page = await browser.new_page()
    await page.goto(site)
    await page.evaluate("(given) => load(...given)", loaded)
    (lag,) = await lags(page, "video")
    assert await page.evaluate("faults") == []
    await page.close()
    return lag
