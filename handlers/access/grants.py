"""Grants: credentials in the URL path, for elements that cannot send a header.

A grant is a JWT with its own audience, signed with its own secret. A playback grant contains all
that serving bytes needs without a database: user, video, course, the enrolment version that allowed
it, and the media types and lengths of its files.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import jwt
import msgspec

from handlers.access.auth import STRANGE
from handlers.access.signatures import compact_jws
from handlers.errors import InvalidToken
from storage.concurrency.bounded_cache import BoundedCache, CacheFigures

PLAYBACK_AUDIENCE = "coursestream:playback"
EVENTS_AUDIENCE = "coursestream:events"
MAX_GRANT_LENGTH = 4 * 1024
REMEMBERED_GRANTS = 20_000
LONGEST_TTL_S = 30 * 86400  # the configurable maximum: revocations are kept for so long
PRIVILEGED_TTL_S = 15 * 60.0  # no enrolment version can revoke it


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant bound to a user; `roles` are those of the token that requested it."""

    user_id: str
    roles: list[str] = []
    expires_at: float

    @property
    def is_privileged(self) -> bool:
        """Equals `Viewer.is_privileged` of the requesting viewer."""
        return bool(self.roles)


class PlaybackGrant(Grant, frozen=True, kw_only=True):
    """A grant for one video; `version` is the enrolment's, None for admin and service.

    `duration_s` is None until the file has been probed. `sizes_bytes` holds the lengths of the
    playable files, by the hash digits of their names; empty in grants of older versions. `rungs`
    holds length and codecs of the files of the adaptive ladder in the same way. `session_id` is
    that of the playback; empty in grants that are given without one.
    """

    video_id: UUID
    course_id: str
    version: int | None
    duration_s: float | None
    media_types: dict[str, str]
    sizes_bytes: dict[str, int] = {}
    rungs: dict[str, tuple[int, str]] = {}
    session_id: str = ""


class EventsGrant(Grant, frozen=True, kw_only=True):
    """A grant for the user's event stream; visibility is checked at each delivery."""


Kind = TypeVar("Kind", PlaybackGrant, EventsGrant)


class Grants:
    """Signs and verifies grants."""

    def __init__(self, secret: str, ttl_s: float, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._secret, self._key = secret, secret.encode()
        self._ttl_s = ttl_s
        self._remembered: BoundedCache[str, PlaybackGrant] = BoundedCache(REMEMBERED_GRANTS)

    def cache_figures(self) -> CacheFigures:
        return self._remembered.figures()

    def expiry(self, *, privileged: bool) -> float:
        """Returns the Unix time at which a grant minted now expires, in whole seconds as in JWT."""
        ttl_s = min(self._ttl_s, PRIVILEGED_TTL_S) if privileged else self._ttl_s
        return float(int(self._clock() + ttl_s))

    def mint(self, grant: Grant) -> str:
        claims: dict[str, Any] = msgspec.to_builtins(grant)
        expires_at = claims.pop("expires_at")
        claims |= {"exp": int(expires_at), "aud": _audience(type(grant))}
        return compact_jws.sign(msgspec.json.encode(claims), self._key)

    def playback(self, token: str) -> PlaybackGrant:
        """Raises InvalidToken."""
        grant = self._remembered.get(token)
        if grant is None:
            grant = self._read(token, PlaybackGrant)
            self._remembered.put(token, grant)
        if grant.expires_at <= self._clock():
            self._remembered.forget(token)
            raise InvalidToken("The grant has expired.")
        return grant

    def events(self, token: str) -> PlaybackGrant | EventsGrant:
        """Verifies a grant for `/play/{grant}/events`. Raises InvalidToken."""
        try:
            return self._read(token, EventsGrant)
        except InvalidToken:
            return self.playback(token)

    def _read(self, token: str, kind: type[Kind]) -> Kind:
        if len(token) > MAX_GRANT_LENGTH:
            raise InvalidToken("The grant is not one of ours.")
        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"], audience=_audience(kind))
            return msgspec.convert({**claims, "expires_at": claims["exp"]}, kind)
        except jwt.ExpiredSignatureError as exc:
            raise InvalidToken("The grant has expired.") from exc
        except (*STRANGE, msgspec.ValidationError, KeyError) as exc:
            raise InvalidToken("The grant is not one of ours.") from exc


def _audience(kind: type[Any]) -> str:
    return PLAYBACK_AUDIENCE if kind is PlaybackGrant else EVENTS_AUDIENCE
