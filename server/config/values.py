"""Rules that parse a setting's text into a value. Pure; a refusal is a ValueError.

A rule describes in words what it allows, for fault messages. Variables and meanings are defined in
`server.config.settings`.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import psycopg2
from jwt.algorithms import HMACAlgorithm
from psycopg2.extensions import parse_dsn

SIZE_UNITS = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
DURATION_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_DURATION_S = 100 * 366 * 86400  # a century: date arithmetic stays in range
MIN_SECRET_BYTES = 32  # RFC 7518 s. 3.2: an HS256 key is at least as long as its hash
SERVED_PATHS = {"api", "docs", "embed", "media", "play", "static", "watch", "web"}
RESERVED_PICTURE_NAMES = {"source", "alt", "storyboard", "original"}  # other files of a video


class Secret:
    """A text that only `reveal()` returns; its repr is redacted."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "'***'"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` per `period_s`."""

    count: int
    period_s: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A parser of a setting; `allowed` completes the sentence "allowed is ..."."""

    parse: Callable[[str], Any]
    allowed: str
    is_secret: bool = False


def text() -> Rule:
    return Rule(_text, "a text without control characters")


def host() -> Rule:
    """An address that is bound, with the zone of an IPv6 one (RFC 4007), or a name."""

    def parse(value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?", value):
            raise ValueError
        return value

    return Rule(parse, "an address, of IPv6 without brackets, or a name")


def path() -> Rule:
    return Rule(lambda value: Path(_text(value)).expanduser().absolute(), "a path")


def integer(low: int, high: int) -> Rule:
    def parse(value: str) -> int:
        return _between(low, _whole_number(value), high)

    return Rule(parse, f"a whole number from {low} to {high}")


def ratio() -> Rule:
    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]?\.?[0-9]{1,9}", value) or not 0 < float(value) <= 1:
            raise ValueError
        return float(value)

    return Rule(parse, "a number above 0 and up to 1")


def size(low: int = 1) -> Rule:
    def parse(value: str) -> int:
        number, unit = _number_and_unit(value)
        return _between(low, number * SIZE_UNITS[unit], 2**63 - 1)

    allowed = "a number of bytes, or one with KiB, MiB, GiB or TiB"
    return Rule(parse, allowed + (f", at least {low} bytes" if low > 1 else ""))


def duration(low_s: int = 1, high_s: int = MAX_DURATION_S) -> Rule:
    def parse(value: str) -> int:
        if value == "0":  # of any unit
            return _between(low_s, 0, high_s)
        number, unit = _number_and_unit(value)
        return _between(low_s, number * DURATION_UNITS_S[unit], high_s)

    allowed = "a duration like 90s, 15m, 24h or 7d"
    if high_s < MAX_DURATION_S:
        allowed += f", from {low_s}s to {high_s}s"
    return Rule(parse, allowed)


def choice(*values: str) -> Rule:
    def parse(value: str) -> str:
        if value not in values:
            raise ValueError
        return value

    return Rule(parse, f"one of {', '.join(values)}")


def switch() -> Rule:
    return Rule(lambda value: choice("on", "off").parse(value) == "on", "on or off")


def several(*values: str) -> Rule:
    """One or more of the values, separated by commas, each once, in the given order."""

    def parse(value: str) -> tuple[str, ...]:
        found = _items(value)
        if not set(found) <= set(values) or len(set(found)) < len(found):
            raise ValueError
        return found

    return Rule(parse, f"one or more of {', '.join(values)}, with commas between")


def secret() -> Rule:
    def parse(value: str) -> Secret:
        if len(value.encode()) < MIN_SECRET_BYTES:
            raise ValueError
        return Secret(value)

    return Rule(parse, f"{MIN_SECRET_BYTES} bytes or more", is_secret=True)


def header_secret() -> Rule:
    """A secret that is sent as the value of a header field."""
    by_length = secret()

    def parse(value: str) -> Secret:
        if not re.fullmatch(r"[!-~][ -~]*[!-~]", value):
            raise ValueError
        found: Secret = by_length.parse(value)
        return found

    return Rule(parse, f"{by_length.allowed} of ASCII, without blanks around", is_secret=True)


def token_secret() -> Rule:
    """An HMAC secret; a public key is refused, since its readers could sign tokens with it."""
    by_length = secret()

    def parse(value: str) -> Secret:
        try:
            HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(value)
        except jwt.InvalidKeyError:
            raise ValueError from None
        found: Secret = by_length.parse(value)
        return found

    allowed = f"{by_length.allowed}, no PEM, SSH or JWK key"
    return Rule(parse, allowed, is_secret=True)


def secret_url(*schemes: str) -> Rule:
    """A URL that may carry a password."""

    def parse(value: str) -> Secret:
        return Secret(_url(value, schemes))

    return Rule(parse, f"a URL that begins with {_either(schemes)}", is_secret=True)


def database_url() -> Rule:
    """A URL that libpq accepts; its own errors would quote parts of a password, which it takes for
    a host, a port or a database where a character is not encoded."""
    by_scheme = secret_url("postgresql", "postgres")

    def parse(value: str) -> Secret:
        try:
            parts = parse_dsn(value)
        except psycopg2.Error:
            raise ValueError from None
        hosts, addresses = (parts.get(name, "").split(",") for name in ("host", "hostaddr"))
        ports = parts.get("port", "").split(",")
        are_clean = "@" not in "".join(hosts) + urlsplit(value).path
        are_as_many = len(hosts) == len(addresses) or not (parts.keys() >= {"host", "hostaddr"})
        if not are_clean or not are_as_many or not all(map(_is_port, filter(None, ports))):
            raise ValueError
        if len(ports) not in (1, max(len(hosts), len(addresses))):
            raise ValueError
        found: Secret = by_scheme.parse(value)
        return found

    allowed = f"{by_scheme.allowed}, in which a password's @, : and / are encoded (%40, %3A, %2F)"
    return Rule(parse, f"{allowed}, with a port for each host or one for all", is_secret=True)


def _is_port(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}", text)) and 0 < int(text) < 65536


def redis_url() -> Rule:
    """A URL that redis-py accepts; `/1` at its end is a database's number."""
    by_scheme = secret_url("redis", "rediss")

    def parse(value: str) -> Secret:
        parts = urlsplit(_url(value, ("redis", "rediss")))
        if not parts.hostname or not re.fullmatch(r"/?[0-9]{0,4}", parts.path) or parts.query:
            raise ValueError
        if not _has_port(value):
            raise ValueError
        found: Secret = by_scheme.parse(value)
        return found

    return Rule(parse, f"{by_scheme.allowed}, without a query", is_secret=True)


def url(*schemes: str) -> Rule:
    """A URL with a host and without a password, which would not be redacted."""

    def parse(value: str) -> str:
        parts = urlsplit(_url(value, schemes))
        if not parts.hostname or "@" in parts.netloc or not _has_port(value):
            raise ValueError
        return value

    allowed = f"a URL that begins with {_either(schemes)}, with a host and without a password"
    return Rule(parse, allowed, is_secret=True)


def base_url() -> Rule:
    """A URL that paths are appended to; without a slash at its end."""
    by_scheme = url("https", "http")

    def parse(value: str) -> str:
        found: str = by_scheme.parse(value)
        # Other characters would end an address in a header, a page's policy or a cookie.
        if not re.fullmatch(r"https?://[A-Za-z0-9.:_/~\[\]-]+", found):
            raise ValueError
        return found.rstrip("/")

    return Rule(parse, f"{by_scheme.allowed}, without a query", is_secret=True)


def page_url() -> Rule:
    """The URL of a page, which a link may name as it is."""
    by_scheme = url("https", "http")

    def parse(value: str) -> str:
        found: str = by_scheme.parse(value)
        if not re.fullmatch(r"[!-~]+", found):
            raise ValueError
        return found

    return Rule(parse, by_scheme.allowed, is_secret=True)


def location() -> Rule:
    """A location of nginx, of which no part is a path of this service."""

    def parse(value: str) -> str:
        parts = value.strip("/").split("/")
        is_clean = all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part) for part in parts)
        if value != f"/{'/'.join(parts)}/" or not is_clean or parts[0] in SERVED_PATHS:
            raise ValueError
        return value

    served = ", ".join(sorted(SERVED_PATHS))
    return Rule(
        parse,
        "a path like /internal/ of letters, digits, - and _, with a slash at both ends, not below"
        f" {served}",
    )


def origins() -> Rule:
    def parse(value: str) -> tuple[str, ...]:
        return tuple(_origin(item) for item in _items(value))

    return Rule(
        parse, "origins like https://example.org, without a path, with commas between; no wildcard"
    )


def networks() -> Rule:
    def parse(value: str) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(item)) for item in _items(value))

    return Rule(parse, "networks like 10.0.0.0/8, with commas between")


def rate() -> Rule:
    def parse(value: str) -> Rate:
        number, _, unit = value.partition("/")
        period_s = {"second": 1, "minute": 60, "hour": 3600}[unit]
        return Rate(_between(1, _whole_number(number), 10**6), period_s)

    return Rule(parse, "a rate like 50/second or 600/minute")


def picture_sizes() -> Rule:
    def parse(value: str) -> tuple[tuple[str, int], ...]:
        pairs = tuple(_picture_size(item) for item in _items(value))
        if len({name for name, _ in pairs}) < len(pairs) or len(pairs) > 8:
            raise ValueError
        return pairs

    reserved = ", ".join(sorted(RESERVED_PICTURE_NAMES))
    return Rule(
        parse,
        "up to 8 name:width pairs with commas between, a name of a-z, 0-9 and _ (32 at most, none"
        f" of {reserved}), a width from 16 to 4096",
    )


def renditions() -> Rule:
    """`none`, `auto`, or heights in pixels, the largest first."""

    def parse(value: str) -> tuple[int, ...] | str:
        if value in ("none", "auto"):
            return value
        heights = [_between(96, _whole_number(item), 4320) for item in _items(value)]
        if any(height % 2 for height in heights) or not len({*heights}) == len(heights) <= 8:
            raise ValueError
        return tuple(sorted(heights, reverse=True))

    return Rule(parse, "none, auto, or up to 8 even heights from 96 to 4320 with commas between")


def _picture_size(item: str) -> tuple[str, int]:
    name, _, width = item.partition(":")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name) or name in RESERVED_PICTURE_NAMES:
        raise ValueError
    return name, _between(16, _whole_number(width), 4096)


def _text(value: str) -> str:
    if not value.isprintable():
        raise ValueError
    return value


def _whole_number(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise ValueError
    return int(value)


def _between(low: int, number: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError
    return number


def _number_and_unit(value: str) -> tuple[int, str]:
    match = re.fullmatch(r"([0-9]{1,15}) ?([A-Za-z]*)", value)
    if match is None:
        raise ValueError
    return int(match[1]), match[2]


def _items(value: str) -> tuple[str, ...]:
    items = tuple(item.strip() for item in value.split(","))
    if not all(items):
        raise ValueError
    return items


def _url(value: str, schemes: tuple[str, ...]) -> str:
    parts = urlsplit(_text(value))
    if parts.scheme not in schemes:
        raise ValueError
    return value


def _has_port(url: str) -> bool:
    """True if the port is a number, or there is none. Raises ValueError for a number too large."""
    return urlsplit(url).port != 0


def _origin(value: str) -> str:
    """Normalises to the form that browsers send (RFC 6454 section 6.2), for a byte comparison."""
    parts = urlsplit(_url(value.lower(), ("http", "https")))
    port = parts.port  # ValueError if it is none
    if not re.fullmatch(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", parts.netloc.removesuffix(f":{port}")):
        raise ValueError
    if value.lower() != f"{parts.scheme}://{parts.netloc}":
        raise ValueError
    is_default = port == {"http": 80, "https": 443}[parts.scheme]
    return value.lower().removesuffix(f":{port}") if is_default else value.lower()


def _either(schemes: tuple[str, ...]) -> str:
    return " or ".join(f"{scheme}://" for scheme in schemes)
