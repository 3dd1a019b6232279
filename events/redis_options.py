"""Settings and failures of connections to Redis, the same for all that is kept there."""

from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

# What redis-py, and what reads its answers, raise about a server that speaks otherwise than Redis.
_FOREIGN_ANSWERS = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
FAILURES = (RedisError, OSError, TimeoutError, *_FOREIGN_ANSWERS)


def redis_options(client_name: str, timeout_s: float) -> dict[str, Any]:
    """Each round trip fails after the time-out, and is not repeated; callers bound the whole."""
    return {
        "client_name": client_name,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,  # it would read the version of redis-py from the disk
    }
