"""The line between a browser and the service: slow on the way up, and it can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.harness.running import free_port

CHUNK_BYTES = 64 * 1024


class Line:
    """Relays TCP from a port of its own. What was cut stays dead; `mend` lets new calls through."""

    def __init__(self, target_port: int, up_bytes_s: float) -> None:
        self.port = free_port()
        self._target_port, self._up_bytes_s = target_port, up_bytes_s
        self._calls: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._call, "127.0.0.1", self.port)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            try:
                up = _pump(reader, back, self._up_bytes_s)
                await asyncio.gather(up, _pump(there, writer, None))
            finally:
                back.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # either end, or the line itself
        finally:
            writer.transport.abort()
            self._calls.discard(task)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_s: float | None
) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
        if bytes_s is not None:
            await asyncio.sleep(len(chunk) / bytes_s)
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def opened_line(target_port: int, up_bytes_s: float) -> AsyncIterator[Line]:
    line = Line(target_port, up_bytes_s)
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()
