"""The page with the players of others, served from another origin than the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

PLAYERS = ("hls.js@1.7.4", "dashjs@5.2.1", "shaka-player@5.2.12")
HERE = Path(__file__).parent


@asynccontextmanager
async def site_of_players(modules: Path, port: int) -> AsyncIterator[str]:
    """The address of the page."""
    app = web.Application()
    app.router.add_static("/modules", modules)
    app.router.add_static("/", HERE)
    async with running_site(app, port) as url:
        yield f"{url}/adaptive_page.html"


@asynccontextmanager
async def running_site(app: web.Application, port: int) -> AsyncIterator[str]:
    """The address of a site of the test's own, another origin than the service's."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
