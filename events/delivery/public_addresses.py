"""Addresses that webhooks may call: those of the public Internet.

A webhook's address comes from outside, and must not reach what only this machine reaches: its own
services, its network, the metadata of a cloud (server-side request forgery). Pure.

Sources: the registries of special-purpose addresses (RFC 6890, kept in `ipaddress`); forms of IPv6
that carry an IPv4 address (RFC 4291, 3056, 4380, 6052).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import inet_aton, inet_ntoa
from urllib.parse import unquote

TRANSLATED = IPv6Network("64:ff9b::/96")
COMPATIBLE = IPv6Network("::/96")  # deprecated; some systems route them all the same
# Python 3.11 takes these, or most of them, for global.
SPECIAL = (
    IPv4Network("192.0.0.0/24"),  # protocols, RFC 6890
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, RFC 7526
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
    IPv6Network("fec0::/10"),  # site-local, RFC 3879
)
# Global by their numbers, but answered by the host of a virtual machine (Azure).
HOSTS_OF_CLOUDS = frozenset({IPv4Address("168.63.129.16")})

LOCALHOST = "localhost"  # and the names below it: always this machine (RFC 6761, section 6.3)


def is_address(text: str) -> bool:
    """True for an address in numbers, False for a name."""
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def is_private_host(host: str) -> bool:
    """True for the host of a URL that is private without being looked up: an address in any form
    that resolvers take for one (`127.1`, `0x7f.0.0.1`, `2130706433`), or `localhost`."""
    name = unquote(host).rstrip(".").lower()
    if is_address(name):
        return not is_public(name)
    if name == LOCALHOST or name.endswith(f".{LOCALHOST}"):
        return True
    try:
        return not is_public(inet_ntoa(inet_aton(name)))
    except (OSError, UnicodeError):
        return False


def is_public(text: str) -> bool:
    """False for what is no address, too."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return _is_public(inner)
    return _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    is_special = address.is_multicast or address.is_reserved or address in HOSTS_OF_CLOUDS
    return (
        address.is_global and not is_special and not any(address in network for network in SPECIAL)
    )


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Returns the IPv4 address that packets to this one end up at."""
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in TRANSLATED or address in COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
