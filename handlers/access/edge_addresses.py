"""Addresses of media: below the server's own, or at an edge, by grant or signed for a while.

Signed addresses end in steps, so that viewers who come within minutes of each other get the same
ones, and caches that keep whole addresses keep one copy for all. It decides no access.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from handlers.access.signatures.cdn_signatures import Signing

# Withdrawal takes no less than what is left of a signature; renewing it costs a request.
SIGNED_LIFE_S = 15 * 60
SIGNED_STEP_S = 5 * 60


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """The prefix of all media addresses of a video, the Unix time at which they end, and the
    cookies that they need."""

    base: str
    expires_at: float
    cookies: Mapping[str, str] = field(default_factory=dict)


class MediaAddresses:
    """Places of media; without `url` they are on this server."""

    def __init__(
        self,
        url: str = "",
        signing: Signing | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self._signing = signing
        self._clock = clock

    @property
    def origin(self) -> str:
        """The origin of the edge (RFC 6454); empty without one."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.url)) if self.url else ""

    def at_edge(self, video_id: UUID, token: str, expires_at: float) -> MediaPlace:
        """Returns the place for the bearer of a grant, the edge's if there is one."""
        if self._signing is None:
            return MediaPlace(f"{self.url}{_granted(video_id, token)}", expires_at)
        now_s = int(self._clock())
        expires_s = (now_s + SIGNED_LIFE_S) // SIGNED_STEP_S * SIGNED_STEP_S
        expires_s = min(expires_s, int(expires_at))
        signed = self._signing.sign(video_id, expires_s)
        return MediaPlace(f"{self.url}{signed.path}", expires_s, signed.cookies)

    def at_origin(self, video_id: UUID, token: str, expires_at: float) -> MediaPlace:
        """Returns the place on this server, whatever edge there is."""
        return MediaPlace(_granted(video_id, token), expires_at)

    def set_cookies(self, response: web.Response, place: MediaPlace, host: str) -> None:
        """Sets the cookies of a place on a response of this server, which is called `host`."""
        if not place.cookies:
            return
        parts = urlsplit(place.base)
        is_secure = parts.scheme == "https"
        for name, value in place.cookies.items():
            response.set_cookie(
                name,
                value,
                domain=common_domain(host, parts.hostname or ""),
                path=parts.path,
                max_age=max(0, int(place.expires_at - self._clock())),
                secure=is_secure,
                httponly=True,
                # A page of another site may frame the player. Browsers want Secure with it.
                samesite="None" if is_secure else None,
            )


def common_domain(host: str, other: str) -> str | None:
    """Returns the longest domain that two hosts share, for a cookie that both shall get.

    None where a cookie has to go without: one host alone, or nothing in common but a top level.
    """
    own = urlsplit(f"//{host}").hostname or ""
    if own == other or _is_address(own) or _is_address(other):
        return None
    shared: list[str] = []
    for one, another in zip(reversed(own.split(".")), reversed(other.split(".")), strict=False):
        if one != another:
            break
        shared.insert(0, one)
    return ".".join(shared) if len(shared) > 1 else None


def _granted(video_id: UUID, token: str) -> str:
    return f"/play/{token}/{video_id}/"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
