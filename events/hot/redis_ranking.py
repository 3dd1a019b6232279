"""The ranking in Redis: a sorted set whose scores are halved every ten minutes.

Wiped or lying it costs a page cache that is filled in vain, or later.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from events.hot.redis_shelf import RedisShelf

HOT = "coursestream:hot"
HALVED = "coursestream:hot:halved"  # there until the next halving
HALF_LIFE_S = 600
MOST_RANKED = 1000
HOTTEST = 100
LEAST_SCORE = 3  # plays, before a video is hot

EXCHANGE = f"""
for index = 1, #ARGV, 2 do redis.call('ZINCRBY', KEYS[1], ARGV[index + 1], ARGV[index]) end
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', {HALF_LIFE_S}) then
    redis.call('ZUNIONSTORE', KEYS[1], 1, KEYS[1], 'WEIGHTS', 0.5)
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(0.5')
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{MOST_RANKED + 1})
redis.call('EXPIRE', KEYS[1], {24 * 3600})
return redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', {LEAST_SCORE}, 'LIMIT', 0, {HOTTEST})
"""


class RedisRanking:
    """On the connections of the shelf, and left alone with it."""

    def __init__(self, shelf: RedisShelf) -> None:
        self._shelf = shelf

    async def exchange(self, plays: Mapping[UUID, int]) -> Sequence[UUID] | None:
        arguments = [text for one, count in plays.items() for text in (str(one), str(count))]
        found = await self._shelf.run_script(EXCHANGE, [HOT, HALVED], arguments)
        if not isinstance(found, list):
            return None
        return [one for text in found if (one := _id_of(text))]


def _id_of(text: object) -> UUID | None:
    try:
        return UUID(text.decode()) if isinstance(text, bytes) else None
    except ValueError:
        return None
