"""Per-user rate limits: playback requests per second, concurrent streams, bytes per second,
progress reports per second.

Pure: the time (of `time.monotonic`) and the number of running streams are arguments. Services are
exempt, by token and by grant: they act for many users and connections. Refusals carry the fields of
draft-ietf-httpapi-ratelimit-headers-11; successful responses do not, which the draft permits
("Performance Considerations").
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping
from weakref import WeakValueDictionary

from handlers.access.auth import SERVICE
from handlers.errors import RETRY_SOON_S, RateLimited
from handlers.token_bucket import TokenBucket

BURST = 2  # depth of a bucket, in periods of refill
# A player that was offline for days delivers its queue (64 reports at most) almost at once.
REPORT_BURST = 6
# Longer than an iteration of a busy event loop. With it, eight transfers, each a twentieth of a
# second ahead, may exceed the limit by 5 % within ten seconds.
BANDWIDTH_BURST_S = 0.1
# To have a bucket forgotten before it is full, an attacker needs this many signed identities within
# the seconds in which it refills.
MAX_USERS = 100_000
# However much other processes gave a user, or a faulty board says they did.
LONGEST_DEBT_S = 60.0


class UserBuckets:
    """Buckets of recently active users; a full bucket equals none and is dropped.

    Each new user triggers a check of two others, in constant time, so the number of buckets is
    bounded by the users active within one refill, and by `max_users`.
    """

    def __init__(self, rate_per_s: float, depth: float, max_users: int = MAX_USERS) -> None:
        self._rate_per_s = rate_per_s
        self._depth = depth
        self._max_users = max_users
        self._remembered: OrderedDict[str, TokenBucket] = OrderedDict()
        # A bucket that a transfer still uses must not be created a second time.
        self._held: WeakValueDictionary[str, TokenBucket] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._remembered)

    def of(self, user_id: str, now_s: float) -> TokenBucket:
        return self._remembered.get(user_id) or self._remember(user_id, now_s)

    def collect(self) -> dict[str, float]:
        """Returns what each user took since the last call."""
        taken = {}
        for user_id, bucket in list(self._held.items()):
            if bucket.taken:
                taken[user_id], bucket.taken = bucket.taken, 0.0
        return taken

    def charge(self, user_id: str, amount: float, now_s: float) -> None:
        """Takes from a user what another process gave."""
        self.of(user_id, now_s).charge(amount, now_s, LONGEST_DEBT_S)

    def _remember(self, user_id: str, now_s: float) -> TokenBucket:
        self._forget(now_s)
        bucket = self._held.get(user_id) or TokenBucket(self._rate_per_s, self._depth, now_s)
        self._remembered[user_id] = self._held[user_id] = bucket
        return bucket

    def _forget(self, now_s: float) -> None:
        for _ in range(min(2, len(self._remembered))):
            user_id, bucket = self._remembered.popitem(last=False)
            if bucket.level(now_s) < self._depth:
                self._remembered[user_id] = bucket  # checked again after all others
        if len(self._remembered) >= self._max_users:
            self._remembered.popitem(last=False)


class ReportLimits:
    """Limits of progress reports in this process: `reports` per `period_s`, with a burst of six
    times as many. Each accepted report is an event, so this also bounds the log's growth."""

    def __init__(self, reports: int, period_s: int, max_users: int = MAX_USERS) -> None:
        self.refused_count = 0
        depth = REPORT_BURST * reports
        self._reports = UserBuckets(reports / period_s, depth, max_users)
        self._policy = f'"reports";q={depth};w={REPORT_BURST * period_s}'

    def shared(self) -> Mapping[str, UserBuckets]:
        """The buckets that processes share, by name."""
        return {"reports": self._reports}

    def take(self, user_id: str, roles: Collection[str], now_s: float) -> float:
        """Takes one and returns 0.0, or takes nothing and returns the seconds to wait."""
        return 0.0 if is_free(roles) else self._reports.of(user_id, now_s).take(1.0, now_s)

    def require(self, user_id: str, roles: Collection[str], now_s: float) -> None:
        """Takes one report. Raises RateLimited."""
        wait_s = self.take(user_id, roles, now_s)
        if wait_s > 0.0:
            self.refused_count += 1
            raise _refusal(
                "You report more often than you may; send this report again later.",
                "reports",
                self._policy,
                wait_s,
            )


class PlayingLimits:
    """Playback limits in this process: `requests` per `period_s`, `streams` at once, per user."""

    def __init__(
        self,
        requests: int,
        period_s: int,
        streams: int,
        bandwidth_bytes_per_s: int | None = None,
        max_users: int = MAX_USERS,
    ) -> None:
        self.refused_counts = Counter({"requests": 0, "streams": 0})
        self._requests = UserBuckets(requests / period_s, BURST * requests, max_users)
        self._streams = streams
        self._bandwidth = (
            None
            if bandwidth_bytes_per_s is None
            else UserBuckets(
                bandwidth_bytes_per_s, BANDWIDTH_BURST_S * bandwidth_bytes_per_s, max_users
            )
        )
        self._policy = (
            f'"requests";q={BURST * requests};w={BURST * period_s},'
            f' "streams";q={streams};qu="concurrent-requests"'
        )

    def shared(self) -> Mapping[str, UserBuckets]:
        """The buckets that processes share, by name."""
        shared = {"requests": self._requests}
        return shared if self._bandwidth is None else shared | {"bandwidth": self._bandwidth}

    def requests_of(self, user_id: str, roles: Collection[str], now_s: float) -> TokenBucket | None:
        """Returns the user's bucket for `admit`; None for an exempt user."""
        return None if is_free(roles) else self._requests.of(user_id, now_s)

    def admit(self, requests: TokenBucket, running_streams: int, now_s: float) -> bool:
        """Checks both limits; a refusal takes nothing.

        Pass 0 `running_streams` for pictures, which do not count as streams.
        """
        return running_streams < self._streams and requests.take(1.0, now_s) == 0.0

    def require_request(self, user_id: str, roles: Collection[str], now_s: float) -> None:
        """Takes one. Raises RateLimited."""
        if is_free(roles):
            return
        wait_s = self._requests.of(user_id, now_s).take(1.0, now_s)
        if wait_s > 0.0:
            self.refused_counts["requests"] += 1
            raise _refusal("You ask more often than you may.", "requests", self._policy, wait_s)

    def require_stream(self, roles: Collection[str], running_streams: int) -> None:
        """Raises RateLimited, with a short delay: the end of a running stream is unknown."""
        if running_streams >= self._streams and not is_free(roles):
            self.refused_counts["streams"] += 1
            raise RateLimited(
                f"You have {running_streams} streams at once already.",
                retry_after_s=RETRY_SOON_S,
                headers=rate_fields(self._policy, '"streams";r=0'),
            )

    def bandwidth(self, user_id: str, roles: Collection[str], now_s: float) -> TokenBucket | None:
        """Returns the bucket of bytes shared by the user's transfers; None without a limit."""
        if self._bandwidth is None or is_free(roles):
            return None
        return self._bandwidth.of(user_id, now_s)


def is_free(roles: Collection[str]) -> bool:
    """True for services; admins are people and limited like everyone."""
    return SERVICE in roles


def rate_fields(policy: str, state: str) -> dict[str, str]:
    """Returns the header fields of a refusal."""
    return {"RateLimit-Policy": policy, "RateLimit": state}


def _refusal(detail: str, name: str, policy: str, wait_s: float) -> RateLimited:
    retry_after_s = max(1, math.ceil(wait_s))
    state = f'"{name}";r=0;t={retry_after_s}'
    return RateLimited(detail, retry_after_s=retry_after_s, headers=rate_fields(policy, state))
