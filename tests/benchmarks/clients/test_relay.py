import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clients import relay

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def relayed(target: str, *delays_ms: int) -> AsyncIterator[int]:
    """Yields the port of a relay."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, relay.__file__, "0", target),
        *map(str, delays_ms),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield int((await process.stdout.readline()).split()[-1])
    finally:
        process.kill()
        await process.communicate()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1024):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize("delays_ms", [(100,), (50, 50)])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_what_is_asked_is_answered_that_later(
    kind: str, delays_ms: tuple[int, ...], tmp_path: Path
) -> None:
    now = asyncio.get_running_loop().time
    if kind == "unix":
        target = str(tmp_path / "socket")
        server = await asyncio.start_unix_server(echo, target)
    else:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, relayed(target, *delays_ms) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun_s = now()
        writer.write(b"asked")
        answer = await reader.readexactly(5)
        lasted_s = now() - begun_s
        writer.write_eof()
        rest = await reader.read()
        writer.close()

    assert (answer, rest) == (b"asked", b"")
    assert lasted_s >= 0.1


async def test_a_side_that_does_not_read_holds_up_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without that the relay would keep all that is sent in memory."""
    monkeypatch.setattr(relay, "WAITING", 2)
    source = asyncio.StreamReader(limit=relay.READ_BYTES)
    stuck = StuckWriter()
    sent = bytes(relay.READ_BYTES)
    passing = asyncio.create_task(relay.pass_on(source, stuck, 0.0))  # type: ignore[arg-type]
    for _ in range(8):
        source.feed_data(sent)
    await stuck.is_full.wait()
    await asyncio.sleep(0)
    source.feed_eof()

    passing.cancel()
    with suppress(asyncio.CancelledError):
        await passing
    assert stuck.written == 1
    assert len(await source.read()) >= 4 * relay.READ_BYTES


class StuckWriter:
    """A writer whose other side reads nothing."""

    def __init__(self) -> None:
        self.written = 0
        self.is_full = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written += 1

    async def drain(self) -> None:
        self.is_full.set()
        await asyncio.Event().wait()

    def close(self) -> None:
        pass
