"""A line that takes its time: passes bytes on to HOST:PORT or to a Unix socket, each that later.

`relay.py PORT TARGET BACK_MS [THERE_MS]`, a program by itself, for kernels without netem. Answers
arrive BACK_MS later, what is asked THERE_MS later. A side that does not read holds up the other
after some megabytes, as a real line would.
"""

import asyncio
import sys
from contextlib import suppress

import uvloop

READ_BYTES = 2**16
WAITING = 256  # reads on their way at once

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    """Passes bytes on in order; what comes later is not delayed by what came before."""
    now = asyncio.get_running_loop().time
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING)

    async def read() -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                await waiting.put((now() + delay_s, data))
        await waiting.put((now() + delay_s, b""))

    reading = asyncio.create_task(read())
    try:
        while True:
            due_s, data = await waiting.get()
            if due_s > now():
                await asyncio.sleep(due_s - now())
            if not data:
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        return
    finally:
        reading.cancel()
        writer.close()


async def open_target(target: str) -> Ends:
    if "/" in target:
        return await asyncio.open_unix_connection(target)
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def relay(port: int, target: str, back_s: float, there_s: float) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await open_target(target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(
            pass_on(reader, far_writer, there_s), pass_on(far_reader, writer, back_s)
        )

    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        print("listens on", server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    back_ms, there_ms = map(float, (*sys.argv[3:], "0")[:2])
    uvloop.run(relay(int(sys.argv[1]), sys.argv[2], back_ms / 1e3, there_ms / 1e3))
