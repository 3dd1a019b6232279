"""A course leaves S3 while its students watch: from there first, from here then, and back."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import expect

from storage.samples import write_clock_mp4
from tests.harness.running import ROOT
from tests.harness.serving import Serve, call, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_chromium, until
from tests.programs.object_store import BUCKET, ObjectStore, object_store

LENGTH_S = 8
SETTINGS = {"REPORT_INTERVAL": "1s", "THUMBNAIL_SIZES": "large:160"}
KILLED_IMPORT = ROOT / "tests" / "faults" / "kills" / "killed_import.py"


@dataclass(frozen=True)
class Moving:
    """A service, and the bucket that its lectures come from."""

    serve: Serve
    store: ObjectStore
    content: bytes
    directory: Path

    async def import_s3(self, *modules: str, killed_at: str = "") -> dict[str, Any]:
        """The report, by module; nothing of one that was killed."""
        return await asyncio.to_thread(self._import_s3, modules, killed_at)

    async def roll_back(self) -> None:
        await asyncio.to_thread(self._run, ["--rollback"])

    def files(self, video: Any) -> dict[str, int]:
        """The inode of what is served."""
        found = self.serve.data_dir.glob(f"storage/**/{video['id']}/*.mp4")
        return {path.name: path.stat().st_ino for path in found}

    def _import_s3(self, modules: tuple[str, ...], killed_at: str) -> dict[str, Any]:
        manifest, report = self.directory / "m.csv", self.directory / "report.json"
        lines = [f"{one},c1,Lecture {one},1,s3://{BUCKET}/{one}.mp4" for one in modules]
        manifest.write_text("\n".join(["id,course_id,title,position,video_url", *lines]))
        where = ["--manifest", str(manifest), "--endpoint-url", self.store.endpoint_url]
        if killed_at:
            self._kill(where, killed_at)
            return {}
        self._run([*where, "--report", str(report)])
        return {one["module_id"]: one for one in json.loads(report.read_text())}

    def _run(self, arguments: list[str]) -> str:
        program = [sys.executable, str(ROOT / "run_server.py"), "import-s3", *arguments]
        ended = subprocess.run(
            program, env=self._environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stderr + ended.stdout
        return ended.stdout

    def _kill(self, where: list[str], step: str) -> None:
        ended = subprocess.run(
            [sys.executable, str(KILLED_IMPORT)],
            cwd=ROOT,
            env=self._environ | {"PYTHONPATH": str(ROOT)},
            input=json.dumps([step, where]) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert os.WIFSIGNALED(int(ended.stdout)), ended.stderr

    @property
    def _environ(self) -> dict[str, str]:
        return os.environ | {"COURSESTREAM_DATA_DIR": str(self.serve.data_dir)}


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Moving]:
    directory = tmp_path_factory.mktemp("moving")
    write_clock_mp4(directory / "film.mp4", LENGTH_S)
    content = (directory / "film.mp4").read_bytes()
    with object_store() as store, served_from(directory, made_cluster, **SETTINGS) as serve:
        store.reset()
        for module in ("m1", "m2"):
            store.put(f"{module}.mp4", content)
        serve.start()
        yield Moving(serve, store, content, directory)


@pytest.fixture
async def student(moving: Moving) -> AsyncIterator[aiohttp.ClientSession]:
    async with moving.serve.client("ada") as session:
        yield session


async def announced(moving: Moving, student: aiohttp.ClientSession, module: str) -> Any:
    """The video of an import that was killed before it fetched a byte."""
    await moving.import_s3(module, killed_at="events.takeover.object_import:fetch_part:before")
    async with moving.serve.client("root", "admin") as admin:
        path = "/api/v1/courses/c1/enrollments/ada"
        await call(admin, "PUT", path, json={"role": "student"})
    (video,) = (await call(student, "GET", f"/api/v1/modules/{module}/videos"))["items"]
    return video


async def playing(student: aiohttp.ClientSession, video: Any, ending: str) -> Any:
    """The playback answer, once its source is that one."""
    return await wait_until(
        lambda: call(student, "POST", f"/api/v1/videos/{video['id']}/playback", json={}),
        lambda terms: terms["stream_url"].endswith(ending),
        within_s=60,
    )


async def test_a_lecture_plays_from_s3_then_from_here_and_back_and_again(
    moving: Moving, student: aiohttp.ClientSession
) -> None:
    video = await announced(moving, student, "m1")
    terms = await playing(student, video, "/in-s3")
    async with aiohttp.ClientSession(moving.serve.url) as player:
        async with player.get(terms["stream_url"]) as response:
            assert await response.read() == moving.content
        ranged = {"Range": "bytes=1000-4999"}
        async with player.get(terms["stream_url"], headers=ranged) as response:
            assert (response.status, await response.read()) == (206, moving.content[1000:5000])
    report = {
        "session_id": terms["session_id"],
        "sequence": 0,
        "position": 7.5,
        "watched": [[0, 7.5]],
        "event": "progress",
    }
    path = f"/api/v1/videos/{video['id']}/progress"
    assert (await call(student, "PUT", path, json=report))["completed"] is False

    assert (await moving.import_s3("m1"))["m1"]["detail"].startswith("sha256")
    local = await playing(student, video, ".mp4")
    assert local["duration"] == LENGTH_S
    assert (await call(student, "GET", path))["completed"] is True
    files = await asyncio.to_thread(moving.files, video)

    await moving.roll_back()
    terms = await playing(student, video, "/in-s3")
    async with (
        aiohttp.ClientSession(moving.serve.url) as player,
        player.get(terms["stream_url"]) as response,
    ):
        assert await response.read() == moving.content

    again = await moving.import_s3("m1")
    assert (again["m1"]["state"], again["m1"]["detail"]) == ("taken", "again")
    assert await asyncio.to_thread(moving.files, video) == files
    assert (await playing(student, video, ".mp4"))["completed"] is True


async def test_a_lecture_that_stands_in_s3_plays_in_a_browser(
    moving: Moving, student: aiohttp.ClientSession
) -> None:
    video = await announced(moving, student, "m2")
    async with open_chromium() as browser:
        page = await browser.new_page()
        expect.set_options(timeout=TIMEOUT_MS)
        await page.goto(f"{moving.serve.url}/watch/{video['id']}#token={moving.serve.token('ada')}")
        await until(page, f"{VIDEO}.readyState >= 2")
        assert await page.evaluate(f"{VIDEO}.duration") == pytest.approx(LENGTH_S, abs=0.1)
        await page.evaluate(f"{VIDEO}.currentTime = 4")
        await page.evaluate(f"{VIDEO}.play()")
        await until(page, f"{VIDEO}.currentTime >= 5.2")
        await page.evaluate(f"{VIDEO}.pause()")
        left_at = await page.evaluate(f"{VIDEO}.currentTime")
        await page.reload()
        await until(page, f"{VIDEO}?.readyState >= 2 && !{VIDEO}.seeking")
        assert await page.evaluate(f"{VIDEO}.currentTime") == pytest.approx(left_at, abs=0.1)

        await moving.import_s3("m2")
        await playing(student, video, ".mp4")
        await page.evaluate(f"{VIDEO}.currentTime = 2")  # with the bytes that it began with
        await until(page, f"!{VIDEO}.seeking && {VIDEO}.readyState >= 2")
        await page.evaluate(f"{VIDEO}.currentTime = {left_at}")
        await page.reload()
        await until(page, f"{VIDEO}?.readyState >= 2 && !{VIDEO}.seeking")
        assert await page.evaluate(f"{VIDEO}.currentSrc.endsWith('.mp4')")
        assert await page.evaluate(f"{VIDEO}.currentTime") == pytest.approx(left_at, abs=0.1)
        await expect(page.locator("#ratio")).to_contain_text("seen")
