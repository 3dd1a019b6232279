"""Who is at the far end: `X-Forwarded-For` is believed from TRUSTED_PROXIES and from nobody else.

Only the access log asks. Every address that the service hands out is relative to it, so that
`X-Forwarded-Proto` and `X-Forwarded-Host` have nothing to decide and are not read.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice

from aiohttp import web

FORWARDED_FOR = "X-Forwarded-For"
MAX_HOPS = 16  # what a stranger sends may be a thousand addresses of our proxies


class TrustedProxies:
    """The networks whose proxies tell the truth about who called them."""

    def __init__(self, networks: Sequence[str] | None) -> None:
        self._networks = [ip_network(network) for network in networks or ()]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The nearest address that is no trusted proxy's. Each proxy appends whom it saw, so that
        what stands left of a stranger's address is the stranger's invention."""
        nearest = _address(peer)
        for text in islice(_nearest_first(forwarded_for), MAX_HOPS):
            if nearest is None or not self._trusts(nearest):
                break
            hop = _address(text)
            if hop is None:
                break
            nearest = hop
        return peer if nearest is None else str(nearest)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


PROXIES = web.AppKey("trusted_proxies", TrustedProxies)


def client_of(request: web.Request) -> str | None:
    """The client's address, for the log."""
    proxies, peer = request.app.get(PROXIES), request.remote
    if not proxies or not peer:
        return peer
    return proxies.client(peer, request.headers.getall(FORWARDED_FOR, ()))


def _nearest_first(forwarded_for: Sequence[str]) -> Iterator[str]:
    for line in reversed(forwarded_for):
        yield from reversed(line.split(","))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    # An IPv4 client of an IPv6 socket.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
