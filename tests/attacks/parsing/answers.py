"""The beginning of an answer, whatever follows: also streams, which have no length."""

import asyncio

from tests.harness.wire import LONGEST_WAIT_S, Wire


async def status_of(wire: Wire) -> int:
    """Of the next answer; its head is read, and no more."""
    async with asyncio.timeout(LONGEST_WAIT_S):
        head = await wire.reader.readuntil(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1])
