"""Proxies whose `X-Forwarded-*` are trusted (TRUSTED_PROXIES), and client addresses behind them.

Only the access log uses the addresses. `X-Forwarded-Proto` and `-Host` are read by
`handlers/access/own_origin.py`, for the session's cookie; all URLs in responses are relative.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice

from aiohttp import web

FORWARDED_FOR = "X-Forwarded-For"
MAX_HOPS = 16  # a client may send thousands of addresses that look like our proxies


class TrustedProxies:
    """Networks of proxies whose `X-Forwarded-*` are trusted."""

    def __init__(self, networks: Sequence[str] | None) -> None:
        self._networks = [ip_network(network) for network in networks or ()]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, peer: str) -> bool:
        """True for the address of a trusted proxy."""
        address = _address(peer) if self._networks else None
        return address is not None and self._trusts(address)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Returns the nearest address that is not a trusted proxy. Each proxy appends its peer, so
        everything left of an untrusted address may be forged."""
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
    """Returns the client's address, for the log."""
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
