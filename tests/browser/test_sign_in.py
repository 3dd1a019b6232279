"""A session in Chromium: it outlives the page, no script reads it, no other origin uses it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import BrowserContext, Page

from tests.harness.running import free_port
from tests.harness.serving import Serve, call, served_from
from tests.programs.chromium import TIMEOUT_MS, open_chromium
from tests.programs.web_build import built_pages

SIGN_IN = """async (token) => (await fetch('/api/v1/session', {
    method: 'POST', headers: { Authorization: `Bearer ${token}` } })).status"""
WHO = """async () => {
    const answer = await fetch('/api/v1/session');
    return answer.status === 200 ? (await answer.json()).user_id : answer.status;
}"""
RENAME = """async () => (await fetch('/api/v1/courses/c1', {
    method: 'PUT', headers: { 'Content-Type': 'application/json' },
    body: '{"title": "Renamed"}' })).status"""
SIGN_OUT = "async () => (await fetch('/api/v1/session', { method: 'DELETE' })).status"
FIRST_EVENT = """() => new Promise((resolve) => {
    const source = new EventSource('/api/v1/events?types=enrollment.changed');
    source.onerror = () => resolve('refused');
    source.addEventListener('enrollment.changed', ({ data }) => {
        source.close();
        resolve(JSON.parse(data).user_id);
    });
    source.onopen = () => fetch('/api/v1/courses/c1/enrollments/newcomer', {
        method: 'PUT', headers: { 'Content-Type': 'application/json' },
        body: '{"role": "student"}' });
    setTimeout(() => resolve('never'), 10000);
})"""
READ_FROM_THERE = """async (url) => {
    try { return (await fetch(url, { credentials: 'include' })).status } catch { return 'hidden' }
}"""
FORM = """<!doctype html><title>Another origin</title>
<form method="post" enctype="multipart/form-data" action="{server}/api/v1/modules/m1/videos">
<input name="title" value="Forged"><button>Win</button></form>"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Visit:
    """A service, and the browser of its admin, who has signed in."""

    serve: Serve
    context: BrowserContext
    page: Page


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, made_cluster: Any) -> Iterator[Serve]:
    built_pages()
    with served_from(tmp_path_factory.mktemp("sign-in"), made_cluster) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(loop_scope="module")
async def visit(serving: Serve) -> AsyncIterator[Visit]:
    async with serving.client("root", "admin") as admin:
        for path, body in (
            ("", {"title": "Course"}),
            ("/modules/m1", {"title": "Module", "position": 1}),
        ):
            await call(admin, "PUT", f"/api/v1/courses/c1{path}", json=body)
    async with open_chromium() as browser:
        context = await browser.new_context()
        context.set_default_timeout(TIMEOUT_MS)
        page = await context.new_page()
        await page.goto(f"{serving.url}/docs")
        assert await page.evaluate(SIGN_IN, serving.token("root", "admin")) == 204
        yield Visit(serving, context, page)


@asynccontextmanager
async def another_origin(serve: Serve, host: str) -> AsyncIterator[str]:
    """The address of a page with a form that changes something here."""

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=FORM.format(server=serve.url), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, host, port).start()
    try:
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


async def test_a_session_outlives_the_page_and_no_script_reads_it(visit: Visit) -> None:
    (cookie,) = await visit.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert await visit.page.evaluate("document.cookie") == ""

    await visit.page.reload()
    other_tab = await visit.context.new_page()
    await other_tab.goto(f"{visit.serve.url}/docs")

    assert await visit.page.evaluate(WHO) == "root"
    assert await other_tab.evaluate(WHO) == "root"
    assert await other_tab.evaluate(RENAME) == 200


async def test_events_arrive_by_cookie(visit: Visit) -> None:
    assert await visit.page.evaluate(FIRST_EVENT) == "newcomer"


async def test_signing_out_ends_it_in_every_tab(visit: Visit) -> None:
    other_tab = await visit.context.new_page()
    await other_tab.goto(f"{visit.serve.url}/docs")

    assert await visit.page.evaluate(SIGN_OUT) == 204

    assert await other_tab.evaluate(WHO) == 204
    assert await visit.context.cookies() == []


@pytest.mark.parametrize(
    ("host", "refusal"),
    [
        # The port makes no other site: the browser sends the cookie.
        pytest.param("127.0.0.1", 403, id="another origin of the same site"),
        pytest.param("localhost", 401, id="another site"),
    ],
)
async def test_no_other_origin_uses_it(visit: Visit, host: str, refusal: int) -> None:
    async with another_origin(visit.serve, host) as address:
        page = await visit.context.new_page()
        await page.goto(address)
        read = await page.evaluate(READ_FROM_THERE, f"{visit.serve.url}/api/v1/courses/c1")
        async with page.expect_navigation() as sent:
            await page.get_by_role("button", name="Win").click()

    assert read == "hidden"
    response = await sent.value
    assert response is not None
    assert response.status == refusal
    assert await visit.page.evaluate(WHO) == "root"  # nor does it sign anybody out
