"""Credentials to a Viewer: the bearer token of a request (RFC 6750), checked by aiohttp-jwt.

aiohttp-jwt verifies signature and claims; around it stands what it leaves open: the header is
parsed here (RFC 9110 section 11.4: the scheme is case-insensitive), `exp` and `sub` are required,
clocks may differ by a leeway, and a verified token is remembered by digest until it expires, since
verifying costs more than sending a whole range.
"""

import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec
from aiohttp import hdrs, web
from aiohttp_jwt import JWTMiddleware

from handlers.errors import InvalidToken
from handlers.messages import Identifier

MAX_TOKEN_LENGTH = 8 * 1024
REMEMBERED_TOKENS = 10_000
CLAIMS = "coursestream.claims"  # aiohttp-jwt stores what it verified under a text key
BEARER = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)
ROLES = frozenset({"admin", "service"})

# It logs a traceback for each bad token, which anybody can send by the thousand.
logging.getLogger("aiohttp_jwt").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. `expires_at` is a Unix time, leeway included."""

    user_id: str
    roles: frozenset[str]
    expires_at: float

    @property
    def is_privileged(self) -> bool:
        """Admin and service may everything, enrolled or not."""
        return not self.roles.isdisjoint(ROLES)


class _Claims(msgspec.Struct):
    """What we rely on beyond the signature; other claims are nobody's business here."""

    sub: Identifier
    exp: float
    roles: list[str] = []


class TokenVerifier:
    """Verifies bearer tokens of one key."""

    def __init__(
        self,
        key: str,
        *,
        algorithms: tuple[str, ...] = ("HS256",),
        audience: str | None = None,
        issuer: str | None = None,
        leeway_s: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._clock = clock
        self._checks: dict[str, Any] = {
            "algorithms": list(algorithms),
            "audience": audience,
            "issuer": issuer,
        }
        self._leeway_s = leeway_s
        self._middleware = JWTMiddleware(
            key, request_property=CLAIMS, token_getter=_token_of, **self._checks
        )
        self._remembered: OrderedDict[bytes, Viewer] = OrderedDict()

    async def viewer_of(self, request: web.Request) -> Viewer:
        """Raises InvalidToken."""
        token = bearer_token(request.headers)
        digest = hashlib.sha256(token.encode()).digest()
        viewer = self._remembered.get(digest)
        if viewer is None:
            viewer = self._viewer(await self._verified_claims(request, token))
            self._remember(digest, viewer)
        if viewer.expires_at <= self._clock():
            self._remembered.pop(digest, None)
            raise InvalidToken("The token has expired.")
        return viewer

    async def _verified_claims(self, request: web.Request, token: str) -> Mapping[str, Any]:
        try:
            await self._middleware(request, _nothing)
        except web.HTTPUnauthorized as exc:
            if isinstance(exc.__context__, jwt.ExpiredSignatureError | jwt.ImmatureSignatureError):
                return self._claims_within_leeway(token)
            raise InvalidToken from exc
        except (ValueError, TypeError, OverflowError, RecursionError) as exc:
            # What PyJWT lets through of strange tokens: escapes in `crit`, infinite times.
            raise InvalidToken from exc
        claims: Mapping[str, Any] = request[CLAIMS]
        return claims

    def _claims_within_leeway(self, token: str) -> Mapping[str, Any]:
        """aiohttp-jwt knows no leeway: what it found too old or too young is asked for again."""
        try:
            return jwt.decode(token, self._key, leeway=self._leeway_s, **self._checks)
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as exc:
            raise InvalidToken("The token has expired or is not valid yet.") from exc

    def _viewer(self, claims: Mapping[str, Any]) -> Viewer:
        try:
            known = msgspec.convert(claims, _Claims)
        except msgspec.ValidationError as exc:
            raise InvalidToken(f"A claim is missing or has the wrong type: {exc}.") from exc
        roles = frozenset(known.roles) & ROLES
        return Viewer(known.sub, roles, known.exp + self._leeway_s)

    def _remember(self, digest: bytes, viewer: Viewer) -> None:
        self._remembered[digest] = viewer
        if len(self._remembered) > REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)


def bearer_token(headers: Mapping[str, str]) -> str:
    """The token of `Authorization: Bearer`. Raises InvalidToken."""
    text = headers.get(hdrs.AUTHORIZATION)
    if text is None:
        raise InvalidToken("This needs `Authorization: Bearer` with a valid token.")
    match = BEARER.fullmatch(text.strip(" \t")) if len(text) <= MAX_TOKEN_LENGTH else None
    if match is None:
        raise InvalidToken("The Authorization header must be `Bearer` and one token.")
    return match[1]


async def _token_of(request: web.Request) -> str:
    return bearer_token(request.headers)


async def _nothing(request: web.Request) -> web.StreamResponse:
    return web.Response()
