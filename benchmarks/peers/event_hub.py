"""A hub for server-sent events with aiohttp-sse, as its documentation has it."""

import asyncio
import sys
from typing import Any

from aiohttp import web
from aiohttp_sse import sse_response

BACKLOG = 16
STREAMS = web.AppKey("streams", set[asyncio.Queue[str]])


async def get_events(request: web.Request) -> Any:
    news: asyncio.Queue[str] = asyncio.Queue(BACKLOG)
    async with sse_response(request) as response:
        request.app[STREAMS].add(news)
        try:
            while response.is_connected():
                await response.send(await news.get(), event="video.updated")
        finally:
            request.app[STREAMS].discard(news)
    return response


async def publish(request: web.Request) -> web.Response:
    text = await request.text()
    for news in request.app[STREAMS]:
        if not news.full():
            news.put_nowait(text)
    return web.Response(status=202)


def main(port: int) -> None:
    app = web.Application()
    app[STREAMS] = set()
    app.add_routes([web.get("/events", get_events), web.post("/publish", publish)])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
