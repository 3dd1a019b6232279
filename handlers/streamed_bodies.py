"""Response bodies sent piece by piece as they are made, so that their size costs no memory.

A client that takes no byte for `WRITE_TIMEOUT_S` is given up, and with it what makes the pieces.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import hdrs, web

WRITE_TIMEOUT_S = 30.0


async def send_pieces(
    request: web.Request, response: web.StreamResponse, pieces: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    """Sends all pieces, to HEAD none; a fault before the first one is answered like any other.

    Raises: ConnectionResetError for a client that does not read, and as `pieces`.
    """
    async with aclosing(pieces):
        first = await anext(pieces, b"")
        if request.method == hdrs.METH_HEAD:
            return response
        await response.prepare(request)
        await _write(request, response, first)
        async for piece in pieces:
            await _write(request, response, piece)
        await response.write_eof()
    return response


async def _write(request: web.Request, response: web.StreamResponse, piece: bytes) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await response.write(piece)
    except TimeoutError as exc:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client takes no bytes") from exc
