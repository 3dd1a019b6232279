"""An event stream as a browser reads it (WHATWG HTML section 9.2.6)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PATIENCE_S = 15.0  # for what should be there at once, on a machine that does other things, too


@dataclass(frozen=True)
class Told:
    """One event: its place in the log, its type, its payload."""

    id: str
    type: str
    data: Any


@dataclass
class Stream:
    """Reads an answer block by block; `last_id` is what a reconnecting browser would send."""

    response: aiohttp.ClientResponse
    last_id: str = ""
    retries_ms: list[int] = field(default_factory=list)
    comments: int = 0
    told: list[Told] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [one.type for one in self.told]

    async def opened(self) -> None:
        """Until the stream has said how to come back: what happens from now on is told."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.retries_ms:
                assert await self._read_block()

    async def until(self, condition: Callable[["Stream"], bool]) -> list[Told]:
        """All that was told once the condition holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self):
                assert await self._read_block(), f"ended after {self.types}"
        return self.told

    async def take(self, count: int) -> list[Told]:
        """All that was told, once that is `count` events or more."""
        return await self.until(lambda stream: len(stream.told) >= count)

    async def until_type(self, event_type: str) -> list[Told]:
        return await self.until(lambda stream: event_type in stream.types)

    async def until_end(self) -> list[Told]:
        """All that was told, once the server has ended the stream in order."""
        async with asyncio.timeout(PATIENCE_S):
            while await self._read_block():
                pass
        return self.told

    async def _read_block(self) -> bool:
        """False at the end of the stream."""
        fields: dict[str, str] = {}
        while line := await self.response.content.readline():
            text = line.decode().rstrip("\n")
            if not text:
                self._take_in(fields)
                return True
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if not name:
                self.comments += 1
            elif name == "data" and name in fields:
                fields[name] += f"\n{value}"
            else:
                fields[name] = value
        assert not fields, f"cut in the middle of {fields}"
        return False

    def _take_in(self, fields: dict[str, str]) -> None:
        self.last_id = fields.get("id", self.last_id)
        if "retry" in fields:
            self.retries_ms.append(int(fields["retry"]))
        if "data" in fields:
            event_type = fields.get("event", "message")
            self.told.append(Told(self.last_id, event_type, json.loads(fields["data"])))


@asynccontextmanager
async def listening(
    session: aiohttp.ClientSession, path: str = "/api/v1/events", last_id: str | None = None
) -> AsyncIterator[Stream]:
    """A stream that was answered 200 and has begun."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.get(path, headers=headers, timeout=timeout) as response:
        assert response.status == 200, await response.text()
        stream = Stream(response)
        await stream.opened()
        yield stream
