"""Recognition of the requests that this service's own pages make.

Browsers name a page's origin in `Origin` (Fetch standard) and its relation to the address in
`Sec-Fetch-Site` (Fetch Metadata, which only TLS and localhost have); no page can set either. Our
own origin is the scheme and host that the browser asked for: behind a trusted proxy those of
`X-Forwarded-Proto` and `-Host`.
"""

from collections.abc import Callable

from aiohttp import hdrs, web

from handlers.header_values import field_value

FORWARDED_PROTO = "X-Forwarded-Proto"
FORWARDED_HOST = "X-Forwarded-Host"
FETCH_SITE = "Sec-Fetch-Site"
OURS = "same-origin"
BY_HAND = "none"  # an address that was typed in, or a bookmark
DEFAULT_PORTS = {"https": ":443", "http": ":80"}
SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


class OwnOrigin:
    """The origin of this service as browsers see it; `trusts` judges the address of a peer."""

    def __init__(self, trusts: Callable[[str], bool]) -> None:
        self._trusts = trusts

    def is_secure(self, request: web.Request) -> bool:
        """True if the browser uses TLS."""
        return self._scheme(request) == "https"

    def is_certain(self, request: web.Request) -> bool:
        """True if the browser states that a page of this origin sent the request."""
        if field_value(request.headers, FETCH_SITE) == OURS:
            return True
        return field_value(request.headers, hdrs.ORIGIN) == self._origin(request)

    def is_possible(self, request: web.Request) -> bool:
        """True unless the browser states that a page of another origin sent the request.

        A `GET` of a page of ours carries neither field where there is no TLS.
        """
        site = field_value(request.headers, FETCH_SITE)
        if site is not None:
            return site in (OURS, BY_HAND)
        return field_value(request.headers, hdrs.ORIGIN) in (None, self._origin(request))

    def _origin(self, request: web.Request) -> str:
        """Returns scheme and host as `Origin` has them: a default port is left out."""
        scheme = self._scheme(request)
        host = self._forwarded(request, FORWARDED_HOST) or request.host
        return f"{scheme}://{host.lower().removesuffix(DEFAULT_PORTS[scheme])}"

    def _scheme(self, request: web.Request) -> str:
        forwarded = (self._forwarded(request, FORWARDED_PROTO) or "").lower()
        return forwarded if forwarded in DEFAULT_PORTS else request.scheme

    def _forwarded(self, request: web.Request, name: str) -> str | None:
        """Returns the first value, the browser's own where each proxy appends one."""
        text = field_value(request.headers, name)
        if text is None or not request.remote or not self._trusts(request.remote):
            return None
        return text.split(",", 1)[0].strip() or None
