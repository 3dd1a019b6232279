"""aiohttp's own FileResponse on asyncio, which sends by sendfile there; a program by itself."""

import asyncio
import sys
from pathlib import Path

from aiohttp import web


def build_app(files: Path) -> web.Application:
    async def get_file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(files / request.match_info["name"])

    app = web.Application()
    app.router.add_get("/{name}", get_file)
    return app


def main() -> None:
    directory, port = sys.argv[1:]
    loop = asyncio.new_event_loop()
    app = build_app(Path(directory))
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=None, backlog=4096, loop=loop)


if __name__ == "__main__":
    main()
