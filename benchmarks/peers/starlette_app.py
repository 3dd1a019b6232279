"""Starlette's FileResponse, for uvicorn and granian to run; the directory is in the environment."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

FILES = os.environ.get("BENCH_FILES", ".")


async def get_file(request: Request) -> FileResponse:
    return FileResponse(os.path.join(FILES, request.path_params["name"]))


app = Starlette(routes=[Route("/{name}", get_file)])
