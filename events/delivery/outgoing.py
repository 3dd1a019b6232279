"""HTTP to the receivers of events: bounded in time and size, without redirects.

A host is resolved once per connection, every address of it is checked, and the connection goes to
one of those that were checked. Proxies of the environment are not used: they would resolve again.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult

from events.delivery.public_addresses import is_public
from events.http_dates import parse_http_date

TIMEOUT = aiohttp.ClientTimeout(total=15.0, connect=5.0)
MOST_RECEIVED_BYTES = 64 * 1024
DRAIN_S = 1.0  # of a body that drips
CONNECTIONS = 8
USER_AGENT = "coursestream"
MOST_DIGITS = 12  # of a `Retry-After`; its wish is bounded later


class PrivateAddress(OSError):
    """The host has an address that may not be called."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A receiver's response, whose body nobody reads."""

    status: int
    retry_after_s: float


class PublicResolver(AbstractResolver):
    """Resolves hosts all of whose addresses are public."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            require_public(one["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def require_public(address: str) -> None:
    """Raises: PrivateAddress."""
    if not is_public(address):
        raise PrivateAddress("a private address")


@asynccontextmanager
async def open_session(*, may_call_private: bool) -> AsyncIterator[aiohttp.ClientSession]:
    """A session of its own for each receiver, so that none waits for another's connections."""
    connector = _connector(may_call_private)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=TIMEOUT,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a small body could become a huge one
        headers={hdrs.USER_AGENT: USER_AGENT},
    ) as session:
        yield session


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]
) -> Reply:
    """Raises: OSError, aiohttp.ClientError, TimeoutError, ValueError for a URL that is none."""
    async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
        wish = response.headers.get(hdrs.RETRY_AFTER, "")
        await _drain(response)
        return Reply(response.status, retry_after_s(wish, datetime.now(UTC)))


def in_words(failure: Exception) -> str:
    """Returns why there was no response, without addresses."""
    if isinstance(failure, PrivateAddress) or isinstance(failure.__cause__, PrivateAddress):
        return "it has a private address (WEBHOOK_PRIVATE)"
    if isinstance(failure, TimeoutError):
        return "no response in time"
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(failure, aiohttp.ClientSSLError):
        return "its certificate was not accepted"
    return "no connection, or one that broke"


def _connector(may_call_private: bool) -> aiohttp.TCPConnector:
    resolver: AbstractResolver = aiohttp.ThreadedResolver()
    options: dict[str, Any] = {"limit": CONNECTIONS, "use_dns_cache": False}
    if not may_call_private:
        resolver = PublicResolver(resolver)
        options["socket_factory"] = _public_socket
    return aiohttp.TCPConnector(resolver=resolver, **options)


def _public_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Also of a URL with an address in place of a host, which is not resolved."""
    family, kind, protocol, _, place = address
    require_public(str(place[0]))
    return socket.socket(family, kind, protocol)


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Reads a short body, so that the connection is used again; any other ends it.

    The status has arrived by then: what becomes of the body makes it no failure.
    """
    try:
        async with asyncio.timeout(DRAIN_S):
            await response.content.readexactly(MOST_RECEIVED_BYTES)
    except asyncio.IncompleteReadError:
        return
    except (aiohttp.ClientError, OSError, TimeoutError):
        pass
    response.close()


def retry_after_s(text: str, now: datetime) -> float:
    """Parses `Retry-After` (RFC 9110, section 10.2.3), seconds or a date; 0 for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:MOST_DIGITS])
    at_s = parse_http_date(text, now.year)
    return 0.0 if at_s is None else max(0.0, at_s - now.timestamp())
