"""Uploads of the studio that go on where they were: a cut line, a reload, a restarted browser."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Request, async_playwright, expect

from tests.browser.support.line import opened_line
from tests.browser.support.studio import DESKTOP, drop, prepare, write_film
from tests.harness.serving import Serve, call, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import CHROMIUM, FLAGS, open_chromium
from tests.programs.web_build import built_pages

FILES = 5
FILLER_BYTES = 8 * 2**20
SLOW_BYTES_S = 1.5 * 2**20
TUS = {"Tus-Resumable": "1.0.0"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    built_pages()
    with served_from(tmp_path_factory.mktemp("uploads"), made_cluster) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def films(serve: Serve) -> AsyncIterator[list[Path]]:
    """Five films, each with a name of its own, for a teacher of a course."""
    async with serve.client("root", "admin") as admin:
        for path, body in (
            ("", {"title": "Optics"}),
            ("/modules/m1", {"title": "Week 1", "position": 1}),
            ("/enrollments/tess", {"role": "instructor"}),
        ):
            await call(admin, "PUT", f"/api/v1/courses/c1{path}", json=body)
    paths = [serve.data_dir.parent / f"Lecture_{number}.mp4" for number in range(1, FILES + 1)]
    for film in paths:
        await asyncio.to_thread(write_film, film, 2, FILLER_BYTES)
    yield paths


@asynccontextmanager
async def _browser(profile: Path) -> AsyncIterator[BrowserContext]:
    """A browser that keeps what its pages keep, in that directory."""
    async with open_chromium():  # skips where there is none
        pass
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(profile), executable_path=str(CHROMIUM), args=list(FLAGS), viewport=DESKTOP
        )
        prepare(context)
        yield context
        await context.close()


async def test_five_files_go_on_where_they_were(
    serve: Serve, films: list[Path], tmp_path: Path
) -> None:
    async with opened_line(serve.port, SLOW_BYTES_S) as line:
        async with _browser(tmp_path) as context:
            sent = _offsets_sent(context)
            page = await _open(context, serve, line.url)
            await drop(page, page.get_by_role("region", name="Week 1"), films)
            await expect(page.locator(".job")).to_have_count(FILES)
            await _until_under_way(serve)

            await line.cut()
            await expect(page.get_by_text("Connection lost").first).to_be_visible()
            cut = await _exact_offsets(serve)
            sent.clear()
            await line.mend()
            await wait_until(lambda: _have_gone_on(sent, cut), within_s=60)

            before = await _offsets(serve)
            sent.clear()
            await page.reload()
            await wait_until(lambda: set(sent) & set(before), within_s=30)
            assert all(sent[one][0] >= before[one] for one in set(sent) & set(before))

        left = await _exact_offsets(serve)
        assert any(0 < one < FILLER_BYTES for one in left.values()), "all was sent too soon"
        async with _browser(tmp_path) as context:
            sent = _offsets_sent(context)
            page = await _open(context, serve, line.url)
            lessons = page.locator('.lesson[data-status="ready"]')
            await expect(lessons).to_have_count(FILES, timeout=60_000)

    assert _have_gone_on(sent, left)
    assert await _titles(serve) == [f"Lecture {number}" for number in range(1, FILES + 1)]


async def test_an_upload_waits_in_pause_and_is_taken_back_by_cancelling(
    serve: Serve, films: list[Path], tmp_path: Path
) -> None:
    async with opened_line(serve.port, SLOW_BYTES_S) as line, _browser(tmp_path) as context:
        page = await _open(context, serve, line.url)
        await drop(page, page.get_by_role("region", name="Week 1"), films[:1])
        await _until_under_way(serve)

        await page.get_by_role("button", name="Pause Lecture 1").click()
        await expect(page.locator(".job")).to_contain_text("Paused at")
        await page.get_by_role("button", name="Go on with Lecture 1").click()
        await expect(page.locator(".job")).to_have_attribute("data-state", "sending")
        await page.get_by_role("button", name="Cancel Lecture 1").click()

        await expect(page.locator(".job")).to_have_count(0)
        await wait_until(lambda: _offsets(serve), lambda offsets: not offsets)


async def test_what_is_refused_is_said_in_words(serve: Serve, tmp_path: Path) -> None:
    text, damaged = tmp_path / "notes.pdf", tmp_path / "damaged.mp4"
    text.write_bytes(b"%PDF-1.7")
    damaged.write_bytes(b"no film at all, whatever its name says" * 100)
    async with _browser(tmp_path / "profile") as context:
        page = await _open(context, serve, serve.url)

        await drop(page, page.get_by_role("region", name="Week 1"), [text, damaged])

        await expect(page.get_by_text("1 file is no video and was left out")).to_be_visible()
        await expect(page.locator(".job")).to_contain_text("Export it as MP4")
        await page.get_by_role("button", name="Clear finished").click()
        await expect(page.locator(".job")).to_have_count(0)


async def _open(context: BrowserContext, serve: Serve, url: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{url}/studio/courses/c1#token={serve.token('tess')}")
    await expect(page.get_by_role("region", name="Week 1")).to_be_visible()
    return page


async def _offsets(serve: Serve) -> dict[str, int]:
    """The offset of each open upload of the teacher, by the server's word."""
    async with serve.client("tess") as client:
        found = await call(client, "GET", "/api/v1/uploads")
    return {upload["id"]: upload["offset"] for upload in found["items"]}


async def _until_under_way(serve: Serve) -> dict[str, int]:
    def is_under_way(offsets: dict[str, int]) -> bool:
        return any(offset >= 2**20 for offset in offsets.values())

    return await wait_until(lambda: _offsets(serve), is_under_way, within_s=30)


async def _exact_offsets(serve: Serve) -> dict[str, int]:
    """The offsets where nobody sends any longer; the list's are up to a checkpoint behind."""
    exact = {}
    async with serve.client("tess") as client:
        for upload_id in await _offsets(serve):
            async with client.head(f"/api/v1/uploads/{upload_id}", headers=TUS) as answer:
                exact[upload_id] = int(answer.headers["Upload-Offset"])
    return exact


def _offsets_sent(context: BrowserContext) -> dict[str, list[int]]:
    """The offsets that the PATCH requests of each upload name, as they are made."""
    offsets: dict[str, list[int]] = {}

    def note(request: Request) -> None:
        if request.method == "PATCH":
            upload_id = request.url.rpartition("/")[2]
            offsets.setdefault(upload_id, []).append(int(request.headers["upload-offset"]))

    context.on("request", note)
    return offsets


def _have_gone_on(sent: dict[str, list[int]], before: dict[str, int]) -> bool:
    """True when each upload that was under way was sent on from the server's offset."""
    begun = {one: offset for one, offset in before.items() if 0 < offset < FILLER_BYTES}
    if not set(begun) <= set(sent):
        return False
    assert {one: sent[one][0] for one in begun} == begun
    return True


async def _titles(serve: Serve) -> list[str]:
    async with serve.client("tess") as client:
        course = await call(client, "GET", "/api/v1/courses/c1")
    return sorted(video["title"] for video in course["modules"][0]["videos"])
