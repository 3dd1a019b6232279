"""The doctor's HTTP client: requests as players send them, and the hop that answered."""

import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDictProxy

CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 10.0, 30.0
MOST_BYTES = 2**20  # of a body; the rest is left unread
SMALL_BUFFER_BYTES = 2**16  # of a player that pauses: the kernel would take megabytes for it
SERVICE = "coursestream"
PROBLEM = "application/problem+json"
REQUEST_ID = "X-Request-ID"
DEFAULT_PORTS = {"https": 443, "http": 80}
NAMES = ("nginx", "HAProxy", "Caddy", "Apache", "cloudflare", "CloudFront", "Varnish", "Envoy")
WITH_CONTENT = (200, 201, 206)
HAPROXY_ERROR = re.compile(rb"^<html><body><h1>\d{3} [^<]+</h1>\n")


class Unanswered(Exception):
    """A request got no complete answer; the message says why."""


@dataclass(frozen=True, slots=True)
class SeenReply:
    """A response with the beginning of its body."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def is_of_service(self) -> bool:
        """True unless it is an error, a redirection or nothing, made or replaced by a proxy."""
        if self.status < 400:
            return self.status in WITH_CONTENT or REQUEST_ID in self.headers
        is_problem = self.headers.get(hdrs.CONTENT_TYPE, "").startswith(PROBLEM)
        return is_problem and (REQUEST_ID in self.headers or b'"instance"' in self.body)

    @property
    def proxies(self) -> tuple[str, ...]:
        """Names of the proxies that the headers, or the form of an error, give away."""
        fields = (*self.headers.getall(hdrs.SERVER, ()), *self.headers.getall(hdrs.VIA, ()))
        text = " ".join(fields).lower()
        found = [name for name in NAMES if name.lower() in text]
        if HAPROXY_ERROR.match(self.body):
            found.append("HAProxy")
        return tuple(dict.fromkeys(found))

    @property
    def hop(self) -> str:
        """The one that made this answer, as far as headers show."""
        return "the service" if self.is_of_service else self.proxy

    @property
    def proxy(self) -> str:
        """The one that made this answer where it cannot be the service."""
        return self.proxies[0] if self.proxies else "a proxy"


class Client:
    """A user's requests to one installation."""

    def __init__(self, url: str, token: str, context: ssl.SSLContext | bool) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._context = context
        self._session: aiohttp.ClientSession | None = None
        self._small: aiohttp.ClientSession | None = None
        self.connections = 0
        self.proxies: dict[str, None] = {}
        """Names that any answer gave away, in this order."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Client"]:
        small = aiohttp.TCPConnector(ssl=self._context, socket_factory=_small_socket)
        async with (
            self._over(aiohttp.TCPConnector(ssl=self._context)) as self._session,
            self._over(small) as self._small,
        ):
            yield self

    def _over(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_create_end.append(self._count_connection)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            auto_decompress=False,
            trace_configs=[tracing],
            skip_auto_headers=(hdrs.ACCEPT_ENCODING,),
        )

    async def ask(
        self, method: str, path: str, *, most_bytes: int = MOST_BYTES, **options: Any
    ) -> SeenReply:
        """Raises: Unanswered."""
        async with self.open(method, path, **options) as response:
            body = await _beginning(response, most_bytes)
            seen = SeenReply(response.status, response.headers, body)
            self.proxies |= dict.fromkeys(seen.proxies)
            return seen

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        is_anonymous: bool = False,
        is_held: bool = False,
        quiet_s: float = ANSWER_TIMEOUT_S,
        **options: Any,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response whose body is unread; no byte for `quiet_s` ends it. Raises: Unanswered.

        Of one that is held the kernel takes little: the others wait for this reader.
        """
        session = self._small if is_held else self._session
        assert session is not None
        sent = dict(headers or {})
        if not is_anonymous:
            sent[hdrs.AUTHORIZATION] = f"Bearer {self._token}"
        url = path if "://" in path else f"{self.url}{path}"
        with _naming_failures(method, path):
            async with session.request(
                method,
                url,
                headers=sent,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=quiet_s
                ),
                **options,
            ) as response:
                yield response

    async def _count_connection(self, *_: object) -> None:
        self.connections += 1


@contextmanager
def _naming_failures(method: str, path: str) -> Iterator[None]:
    shown, started_s = re.sub(r"/play/[^/]+", "/play/***", path), time.monotonic()
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as exc:
        reason = str(exc) or ("no byte in time" if isinstance(exc, TimeoutError) else "cut")
        after = f"after {time.monotonic() - started_s:.1f} s"
        raise Unanswered(f"{method} {shown} failed {after}: {reason}") from exc


async def _beginning(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """The body, or its beginning; the connection of a longer one is closed."""
    found = bytearray()
    async for piece in response.content.iter_any():
        found += piece
        if len(found) >= most_bytes and not response.content.at_eof():
            response.close()
            break
    return bytes(found)


def _small_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    return made
