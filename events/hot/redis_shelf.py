"""The shelf: entries of one kind in Redis 7 or Valkey 8, the newest version of each, bounded.

Nothing depends on what it says: entries are believed only if their version is the database's. It
may be wiped, hang, lie or be away; after a failure it is not asked for a second.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis

from events.hot.entries import VERSION_DIGITS, VIDEOS, Kind
from events.redis_options import FAILURES, redis_options

logger = logging.getLogger(__name__)

TIMEOUT_S = 0.1  # longer than that, and the database answers sooner
AWAY_S = 1.0  # after a failure
KEPT_S = 3600
CONNECTIONS = 4
MOST_WAITING = 256  # for one of them; beyond it there is nothing, too

# `KEYS[2]` is a sorted set of keys, by the time of the last use in ms.
# A writer that comes late, with an older version than the one there, changes nothing. Of entries
# beyond the most of their kind, those that were not used for the longest leave.
PUT = f"""
local there = redis.call('GETRANGE', KEYS[1], 0, {VERSION_DIGITS - 1})
local version = string.sub(ARGV[1], 1, {VERSION_DIGITS})
if string.match(there, '^%d+$') and #there == {VERSION_DIGITS} and there > version then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], KEYS[1])
local surplus = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if surplus > 0 then
    for index, entry in ipairs(redis.call('ZPOPMIN', KEYS[2], surplus)) do
        if index % 2 == 1 then redis.call('DEL', entry) end
    end
end
return 1
"""

_T = TypeVar("_T")


class RedisShelf:
    """`get` and `put` never fail: while Redis is away there is nothing, and nothing is kept."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S, kind: Kind[Any] = VIDEOS) -> None:
        self.failure_count = 0
        self._timeout_s = timeout_s
        self._kind = kind
        self._away_until_s = 0.0
        self._waiting_count = 0
        self._turns = asyncio.Semaphore(CONNECTIONS)  # waiting for one is no failure of Redis
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=timeout_s,
            **redis_options("coursestream-facts", timeout_s),
        )
        self._redis: Any = Redis(connection_pool=self._pool)
        self._put = self._redis.register_script(PUT)

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until_s

    async def get(self, facts_id: UUID | str) -> bytes | None:
        return await self._try(lambda: self._get(self._kind.key_of(facts_id)))

    async def put(self, facts_id: UUID | str, entry: bytes) -> bool:
        """False for an entry that is older than the one there, or was not kept."""
        return bool(await self._try(lambda: self._keep(self._kind.key_of(facts_id), entry)))

    async def run_script(self, text: str, keys: Sequence[str], arguments: Sequence[str]) -> Any:
        """The script's answer; None while Redis is away."""
        script = self._redis.register_script(text)
        return await self._try(lambda: script(keys=keys, args=arguments))

    async def close(self) -> None:
        await self._redis.aclose()
        await self._pool.aclose()

    async def _get(self, key: str) -> bytes | None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(key)
            pipeline.zadd(self._kind.kept_key, {key: _now_ms()}, xx=True)
            found = (await pipeline.execute())[0]
        return found if isinstance(found, bytes) else None

    async def _keep(self, key: str, entry: bytes) -> int:
        kind = self._kind
        arguments: list[bytes | int] = [entry, _now_ms(), KEPT_S * 1000, kind.most_entries]
        kept: int = await self._put(keys=[key, kind.kept_key], args=arguments)
        return kept

    async def _try(self, call: Callable[[], Awaitable[_T]]) -> _T | None:
        if self._waiting_count >= MOST_WAITING:
            return None
        self._waiting_count += 1
        try:
            async with self._turns:
                return None if self.is_away else await self._call(call)
        finally:
            self._waiting_count -= 1

    async def _call(self, call: Callable[[], Awaitable[_T]]) -> _T | None:
        try:
            async with asyncio.timeout(self._timeout_s):  # of all round trips together
                return await call()
        except FAILURES as exc:
            self._away_until_s = time.monotonic() + AWAY_S
            self.failure_count += 1
            logger.debug("facts are not shared for a second: %s", str(exc) or "too slow")
            return None


def _now_ms() -> int:
    return int(time.time() * 1000)
