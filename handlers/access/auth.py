"""Authentication: the token of a request (RFC 6750), verified by aiohttp-jwt, to a Viewer.

aiohttp-jwt verifies signature and claims. This module adds: parsing of the header (RFC 9110 section
11.4: the scheme is case-insensitive), required `exp` and `sub`, a leeway for clocks, and a cache of
verified tokens by digest, until their expiry or the withdrawal of their key: a verification costs
more than sending a whole range.
"""

import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec
from aiohttp import hdrs, web
from aiohttp_jwt import JWTMiddleware
from multidict import MultiMapping

from handlers.access.token_keys.prepared_keys import remember_prepared_keys
from handlers.access.token_keys.signing_keys import Keys, SigningKey
from handlers.errors import InvalidToken
from handlers.header_values import field_value
from handlers.messages import Identifier, in_words
from storage.concurrency.bounded_cache import BoundedCache, CacheFigures

MAX_TOKEN_LENGTH = 8 * 1024
REMEMBERED_TOKENS = 10_000
CLAIMS = "coursestream.claims"  # aiohttp-jwt stores what it verified under a text key
TOKEN = web.RequestKey("token", str)  # that the request was identified by
LONGEST_NAME = 200
BEARER = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)
ADMIN, SERVICE = "admin", "service"
ROLES = frozenset({ADMIN, SERVICE})
# PyJWT's errors, and others that it raises for malformed tokens: escapes in `crit`, infinite times.
STRANGE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)

# It logs a traceback for each bad token, which anybody can send by the thousand.
logging.getLogger("aiohttp_jwt").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The authenticated caller. `expires_at` is a Unix time, leeway included.

    `name` is what pages call the user; no right depends on it.
    """

    user_id: str
    roles: frozenset[str]
    expires_at: float
    name: str | None = None

    @property
    def is_privileged(self) -> bool:
        """True for admin and service, who have all rights without an enrolment."""
        return not self.roles.isdisjoint(ROLES)


class _Claims(msgspec.Struct):
    """The claims we use; others are ignored."""

    sub: Identifier
    exp: float
    roles: list[str] = []
    name: object = None


@dataclass(frozen=True, slots=True)
class _Verified:
    """The viewer of a verified token, and the key that verified it."""

    viewer: Viewer
    key: SigningKey


class TokenVerifier:
    """Verifies bearer tokens by the currently accepted keys."""

    def __init__(
        self,
        keys: Keys,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        leeway_s: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        remember_prepared_keys()
        self._keys = keys
        self._clock = clock
        self._claims_checked = {"audience": audience, "issuer": issuer}
        self.leeway_s = leeway_s
        self._verifiers: dict[SigningKey, _KeyVerifier] = {}
        self._remembered: BoundedCache[bytes, _Verified] = BoundedCache(REMEMBERED_TOKENS)

    def cache_figures(self) -> CacheFigures:
        return self._remembered.figures()

    async def viewer_of(self, request: web.Request) -> Viewer:
        """Verifies the token of the header. Raises InvalidToken, Unavailable."""
        return await self.viewer_of_token(request, bearer_token(request.headers))

    async def viewer_of_token(self, request: web.Request, token: str) -> Viewer:
        """Raises InvalidToken, Unavailable."""
        request[TOKEN] = token
        digest = token_digest(token)
        verified = self._remembered.get(digest)
        if verified is not None and not self._keys.holds(verified.key):
            self._remembered.count_stale()
            verified = None
        if verified is None:
            verified = await self._verified(request, token)
            self._remembered.put(digest, verified)
        if verified.viewer.expires_at <= self._clock():
            self._remembered.forget(digest)
            raise InvalidToken("The token has expired.")
        return verified.viewer

    def known(self, digest: bytes) -> Viewer | None:
        """Returns the viewer of a token's digest, if it was verified and is still valid."""
        verified = self._remembered.peek(digest)
        if verified is None or not self._keys.holds(verified.key):
            return None
        return verified.viewer if verified.viewer.expires_at > self._clock() else None

    async def _verified(self, request: web.Request, token: str) -> _Verified:
        key = await self._keys.find(_kid_of(token, self._keys.algorithms))
        if key is None:
            raise InvalidToken("No key of the issuer has the `kid` that the token names.")
        claims = await self._verifier_of(key).claims(request, token)
        return _Verified(self._viewer(claims), key)

    def _verifier_of(self, key: SigningKey) -> "_KeyVerifier":
        if key not in self._verifiers:
            held = {old: one for old, one in self._verifiers.items() if self._keys.holds(old)}
            made = _KeyVerifier(key, self.leeway_s, self._claims_checked)
            self._verifiers = {**held, key: made}
        return self._verifiers[key]

    def _viewer(self, claims: Mapping[str, Any]) -> Viewer:
        # PyJWT takes an empty `aud` for none.
        if self._claims_checked["audience"] is None and "aud" in claims:
            raise InvalidToken("The token is for another audience.")
        try:
            known = msgspec.convert(claims, _Claims)
        except msgspec.ValidationError as exc:
            raise InvalidToken(f"A claim is missing or wrong: {in_words(exc)}.") from exc
        roles = frozenset(known.roles) & ROLES
        name = _writable(known.name[:LONGEST_NAME]) if isinstance(known.name, str) else None
        return Viewer(known.sub, roles, known.exp + self.leeway_s, name)


class _KeyVerifier:
    """aiohttp-jwt's middleware for one key, the most it supports."""

    def __init__(
        self, key: SigningKey, leeway_s: float, claims_checked: Mapping[str, str | None]
    ) -> None:
        self._key = key
        self._leeway_s = leeway_s
        self._checks: dict[str, Any] = {"algorithms": [key.algorithm], **claims_checked}
        self._middleware = JWTMiddleware(
            key.text, request_property=CLAIMS, token_getter=_token_of, **self._checks
        )

    async def claims(self, request: web.Request, token: str) -> Mapping[str, Any]:
        """Raises InvalidToken."""
        try:
            await self._middleware(request, _nothing)
        except web.HTTPUnauthorized as exc:
            if isinstance(exc.__context__, jwt.ExpiredSignatureError | jwt.ImmatureSignatureError):
                return self._claims_within_leeway(token)
            raise InvalidToken from exc
        except STRANGE as exc:
            raise InvalidToken from exc
        claims: Mapping[str, Any] = request[CLAIMS]
        return claims

    def _claims_within_leeway(self, token: str) -> Mapping[str, Any]:
        """Decodes again with the leeway, which aiohttp-jwt does not support."""
        try:
            return jwt.decode(token, self._key.text, leeway=self._leeway_s, **self._checks)
        except STRANGE as exc:
            raise InvalidToken("The token has expired or is not valid yet.") from exc


def bearer_token(headers: MultiMapping[str]) -> str:
    """Returns the token of `Authorization: Bearer`. Raises InvalidToken."""
    text = field_value(headers, hdrs.AUTHORIZATION)
    if text is None:
        raise InvalidToken("This needs `Authorization: Bearer` with a valid token.")
    match = BEARER.fullmatch(text.strip(" \t")) if len(text) <= MAX_TOKEN_LENGTH else None
    if match is None:
        raise InvalidToken("The Authorization header must be `Bearer` and one token.")
    return match[1]


def token_digest(token: str) -> bytes:
    """Returns the cache key of a token."""
    return hashlib.sha256(token.encode()).digest()


def _kid_of(token: str, algorithms: frozenset[str]) -> str | None:
    """Returns the token's `kid`; other references to keys (`jku`, `jwk`, `x5u`) are ignored.
    Raises InvalidToken."""
    try:
        header = jwt.get_unverified_header(token)
        is_ours = header["alg"] in algorithms and "crit" not in header
    except (*STRANGE, KeyError) as exc:
        raise InvalidToken from exc
    if not is_ours:
        raise InvalidToken
    kid: str | None = header.get("kid")
    return kid


def _writable(text: str) -> str:
    """Replaces lone surrogates, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


async def _token_of(request: web.Request) -> str:
    return request[TOKEN]


async def _nothing(request: web.Request) -> web.StreamResponse:
    return web.Response()
