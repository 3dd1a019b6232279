"""Many tabs of one viewer: one event stream, which outlives its tab; nothing is lost or doubled."""

import os
from typing import Any

from playwright.async_api import Page

from tests.harness.serving import call
from tests.harness.waiting import wait_until
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_chromium, until

# More than a browser opens connections to one host; each tab costs a second of processor time.
TABS = 20 if os.environ.get("FULL") else 9
# The streams that this page has opened, and the titles that one page told the others of.
COUNTING_EVENTS = """(viewer) => {
    globalThis.streams = [];
    globalThis.titles = [];
    globalThis.EventSource = class extends EventSource {
        constructor(...given) { super(...given); streams.push(this); }
    };
    globalThis.probe = new BroadcastChannel(`coursestream.events/${viewer}`);
    probe.onmessage = ({ data: { type, data } }) => {
        if (type === 'video.updated' && data.title.startsWith('Renamed')) titles.push(data.title);
    };
}"""


async def rename(service: Any, *titles: str) -> None:
    async with service.client("admin", "admin") as admin:
        for title in titles:
            await call(admin, "PATCH", f"/api/v1/videos/{service.videos[0]}", json={"title": title})


async def test_many_tabs_share_one_event_stream_which_outlives_its_tab(service: Any) -> None:
    titles = [f"Renamed {number}" for number in range(4)]
    async with service.client("admin", "admin") as admin:
        known = await call(admin, "GET", f"/api/v1/videos/{service.videos[0]}")
    async with open_chromium() as browser:
        context = await browser.new_context()
        context.set_default_timeout(TIMEOUT_MS)
        await context.add_init_script(f"({COUNTING_EVENTS})('{service.url}/student')")
        tabs = [await context.new_page() for _ in range(TABS)]
        for tab in tabs:
            token = service.token("student")
            await tab.goto(f"{service.url}/watch/{service.videos[0]}#token={token}")
            await until(tab, f"{VIDEO}.readyState >= 2")

        async def readers() -> list[Page]:
            return [tab for tab in tabs if await tab.evaluate("streams.length")]

        (leader,) = await wait_until(readers)
        await until(leader, "streams[0].readyState === EventSource.OPEN")
        await rename(service, *titles[:2])
        await until(leader, f"titles.includes('{titles[1]}')")
        await leader.close()
        tabs.remove(leader)
        await rename(service, *titles[2:])  # while nobody reads, or the next one has just begun

        for tab in tabs:
            await until(tab, f"titles.includes('{titles[3]}')")
        assert len(await readers()) == 1
        assert [await tab.evaluate("titles") for tab in tabs] == [titles] * len(tabs)
    await rename(service, known["title"])
