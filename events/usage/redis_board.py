"""The board in Redis 7 or Valkey 8: a key for each process, which expires, and a set of their ids.

A cluster (`CLUSTER`) is not supported: the keys are read together.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from events.errors import BoardUnavailable
from events.redis_options import FAILURES, redis_options
from events.usage.board import LEASE_S

PREFIX = "coursestream:usage:"
PROCESSES = "coursestream:processes"
# Well within a lease, so that a slow answer is found out before the own posting expires.
TIMEOUT_S = 1.0
MAX_PROCESSES = 1024


class RedisBoard:
    """Two round trips for an exchange. Connects at the first, and again after a failure.

    `timeout_s` bounds the whole of a call, connecting included.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._redis: Any = Redis.from_url(
            url, max_connections=2, **redis_options("coursestream", timeout_s)
        )

    async def exchange(self, process_id: str, posting: bytes) -> Mapping[str, bytes]:
        async with self._bounded():
            return await self._exchange(process_id, posting)

    async def remove(self, process_id: str) -> None:
        async with self._bounded(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.delete(PREFIX + process_id)
            pipeline.srem(PROCESSES, process_id)
            await pipeline.execute()

    async def close(self) -> None:
        await self._redis.aclose()

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """One time-out for all round trips. Raises: BoardUnavailable."""
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except FAILURES as exc:
            raise BoardUnavailable(str(exc) or f"no answer in {self._timeout_s:g} s") from exc

    async def _exchange(self, process_id: str, posting: bytes) -> dict[str, bytes]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(PREFIX + process_id, posting, px=int(LEASE_S * 1000))
            pipeline.sadd(PROCESSES, process_id)
            pipeline.smembers(PROCESSES)
            members = (await pipeline.execute())[-1]
        others = sorted({one.decode() for one in members} - {process_id})[:MAX_PROCESSES]
        if not others:
            return {}
        found = await self._redis.mget([PREFIX + other for other in others])
        postings = dict(zip(others, found, strict=True))
        await self._forget([other for other, one in postings.items() if one is None])
        return {other: one for other, one in postings.items() if isinstance(one, bytes)}

    async def _forget(self, expired: list[str]) -> None:
        if expired:
            await self._redis.srem(PROCESSES, *expired)
