"""A line that takes its time: `relay.py PORT HOST PORT DELAY_S` passes bytes on, each that later.

For kernels without netem.
"""

import asyncio
import sys
from contextlib import suppress

READ_BYTES, WAITING = 2**16, 256


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
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
            await asyncio.sleep(max(0.0, due_s - now()))
            if not data:
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        return
    finally:
        reading.cancel()
        writer.close()


async def relay(port: int, host: str, far_port: int, delay_s: float) -> None:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, far_port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(
            pass_on(reader, far_writer, delay_s), pass_on(far_reader, writer, delay_s)
        )

    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        print("listens", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
