"""A relay to a Unix socket that keeps each answer for some milliseconds, a program by itself.

`python -m benchmarks.relay PORT SOCKET MILLISECONDS`: a database that is as far away, or as slow.
"""

import asyncio
import sys
from collections.abc import Callable

import uvloop

PIECE_BYTES = 64 * 1024


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    """In order; what comes later is not delayed by what came before."""
    loop = asyncio.get_running_loop()

    def later(call: Callable[..., None], *arguments: bytes) -> None:
        if delay_s:
            loop.call_later(delay_s, call, *arguments)
        else:
            call(*arguments)

    try:
        while piece := await reader.read(PIECE_BYTES):
            later(writer.write, piece)
    except OSError:
        pass
    finally:
        later(writer.close)


async def relay(port: int, socket: str, delay_s: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(socket)
        await asyncio.gather(
            pass_on(reader, there_writer, 0.0), pass_on(there_reader, writer, delay_s)
        )

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(relay(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]) / 1e3))
