"""Keys that an issuer publishes at its JWKS URL, selected by `kid`.

Fetched periodically, and for an unknown `kid`, at most once every few seconds since anybody can
invent one. Only requests with such a token wait for the fetch, for a bounded time. A failed fetch
or an invalid answer changes nothing; a valid answer replaces all keys.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import hdrs

from handlers.access.token_keys.signing_keys import (
    MAX_KID_LENGTH,
    PUBLIC_KEY_ALGORITHMS,
    SigningKey,
    UnusableKey,
    parse_key_set,
)
from handlers.errors import Unavailable
from storage.concurrency.tasks import Periodic, end

REFRESH_INTERVAL_S = 60.0  # bounds how long a withdrawn key still works
UNKNOWN_KID_PAUSE_S = 5.0
FETCH_TIMEOUT_S = 3.0
MAX_ANSWER_BYTES = 512 * 1024  # ten times the size of twenty keys with certificates

logger = logging.getLogger(__name__)


class IssuerKeys:
    """Keeps the keys current inside `async with`."""

    algorithms = PUBLIC_KEY_ALGORITHMS

    def __init__(
        self,
        url: str,
        *,
        refresh_interval_s: float = REFRESH_INTERVAL_S,
        unknown_kid_pause_s: float = UNKNOWN_KID_PAUSE_S,
        fetch_timeout_s: float = FETCH_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._pause_s = unknown_kid_pause_s
        self._timeout = aiohttp.ClientTimeout(total=fetch_timeout_s)
        self._clock = clock
        self._schedule = Periodic("issuer keys", self._keep_up, refresh_interval_s)
        self._keys: Mapping[str | None, SigningKey] | None = None  # None: never answered
        self._held: frozenset[SigningKey] = frozenset()
        self._is_away = False
        self._ask_again_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=self._timeout,
            headers={hdrs.ACCEPT: "application/jwk-set+json, application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._fetch_once()  # before the first request needs it
        self._schedule.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._schedule.stop()
        if self._fetching is not None:
            await end(self._fetching)
        await self._session.close()

    def holds(self, key: SigningKey) -> bool:
        return key in self._held

    async def find(self, kid: str | None) -> SigningKey | None:
        """Raises Unavailable while the issuer has never answered."""
        if kid is not None and len(kid) > MAX_KID_LENGTH:
            return None
        key = self._known(kid)
        if key is None:
            await self._ask_for_unknown()
            key = self._known(kid)
        if key is None and self._keys is None:
            raise Unavailable("The keys of the tokens' issuer are not known yet.")
        return key

    def _known(self, kid: str | None) -> SigningKey | None:
        keys = self._keys or {}
        if kid is None and len(keys) == 1:  # there is no choice
            return next(iter(keys.values()))
        return keys.get(kid)

    async def _ask_for_unknown(self) -> None:
        if not self._is_fetching():
            if self._clock() < self._ask_again_at:
                return
            self._ask_again_at = self._clock() + self._pause_s
        # A cancelled caller does not cancel the fetch, which others may await.
        await asyncio.wait([self._fetch_once()])

    async def _keep_up(self) -> None:
        await asyncio.wait([self._fetch_once()])

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    def _fetch_once(self) -> asyncio.Task[None]:
        """Returns the running fetch, or starts one."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch(), name="issuer keys fetch")
        return self._fetching

    async def _fetch(self) -> None:
        try:
            self._keys = parse_key_set(await self._answer())
        except (aiohttp.ClientError, TimeoutError, OSError, UnusableKey) as exc:
            if not self._is_away:
                logger.warning(
                    "the token issuer's keys cannot be fetched: %s", str(exc) or "timed out"
                )
            self._is_away = True
            return
        held = frozenset(self._keys.values())
        if held != self._held or self._is_away:
            logger.info("the token issuer has %d usable keys", len(held))
        self._held, self._is_away = held, False

    async def _answer(self) -> bytes:
        """Raises: UnusableKey, and aiohttp's errors."""
        # A redirect would let another host decide whose tokens are valid.
        async with self._session.get(self._url, allow_redirects=False) as response:
            if response.status != 200:
                raise UnusableKey(f"status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise UnusableKey(f"more than {MAX_ANSWER_BYTES} bytes")
            return bytes(body)
