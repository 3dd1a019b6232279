"""Parser of header values with parameters: Content-Type, Content-Disposition.

Source: RFC 9110 sections 5.6 (tokens, quoted strings, parameters) and 8.3 (media types), RFC 8187
(`name*=`), RFC 7578 (forms). Pure, and linear in the length of the text: all quantifiers are
possessive. The standard library's `email` parser, which aiohttp's `request.content_type` uses,
takes quadratic time, on the event loop.

Lenient: a value that is neither token nor quoted string ends at the next semicolon, an unterminated
quoted string at the end of the text. Callers validate the values.
"""

import re
from collections.abc import Mapping
from itertools import count, takewhile
from urllib.parse import unquote_to_bytes

from aiohttp import hdrs
from multidict import MultiMapping

OCTET_STREAM = "application/octet-stream"  # where there is no Content-Type (RFC 9110 section 8.3)
MAX_PARAMETERS = 32  # a form's part has three; further ones are ignored
MAX_EXTENDED_LENGTH = 1024  # only 255 bytes of a file name are kept
MAX_CODING_LENGTH = 64
MAX_HOST_LENGTH = 1024

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_MEDIA_TYPE = re.compile(rf"[ \t]*+({_TOKEN}/{_TOKEN})[ \t]*+(?:;|\Z)")
_PARAMETER = re.compile(
    r";(?P<name>[^=;]*+)"
    r'(?:=[ \t]*+(?:"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*)[^;]*+|(?P<plain>[^;]*+)))?',
    re.DOTALL,
)
# RFC 3986 section 3.2.2, and RFC 6874: an address of IPv6 may have a zone.
_HOST = re.compile(
    r"(?:\[[0-9A-Za-z:.]++(?:%[0-9A-Za-z._~-]++)?\]"
    r"|(?:[0-9A-Za-z._~!$&'*+(),;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*+)?"
)
_LATIN_1 = frozenset({"iso-8859-1", "latin-1", "us-ascii"})


def field_value(headers: MultiMapping[str], name: str) -> str | None:
    """Joins the lines of one field (RFC 9110 section 5.3); None where there is no such field.

    Of a field that is no list two lines make one value that is malformed: which of them a proxy
    has gone by nobody knows.
    """
    lines = headers.getall(name, None)
    return None if lines is None else ", ".join(lines)


def is_host(text: str) -> bool:
    """True for the value of a Host field, which may be empty (RFC 9110 section 7.2)."""
    return len(text) <= MAX_HOST_LENGTH and _HOST.fullmatch(text) is not None


def content_type(headers: MultiMapping[str]) -> str:
    """Returns the media type of a body, in lower case and without parameters."""
    return media_type(headers.get(hdrs.CONTENT_TYPE, OCTET_STREAM))


def is_packed(headers: MultiMapping[str]) -> bool:
    """True if Content-Encoding (RFC 9110 section 8.4) names any coding but identity."""
    lines = headers.getall(hdrs.CONTENT_ENCODING, ())
    return any(
        len(line) > MAX_CODING_LENGTH or line.strip(" \t").lower() not in ("", "identity")
        for line in lines
    )


def has_unknown_coding(headers: MultiMapping[str]) -> bool:
    """True if Transfer-Encoding (RFC 9112 section 6.1) names any coding but chunked."""
    lines = headers.getall(hdrs.TRANSFER_ENCODING, ())
    return any(line.strip(" \t").lower() != "chunked" for line in lines)


def media_type(text: str) -> str:
    """Returns `type/subtype` in lower case; empty if the text does not begin with one."""
    match = _MEDIA_TYPE.match(text)
    return "" if match is None else match[1].lower()


def parameters(text: str) -> dict[str, str]:
    """Returns the parameters by lower-case name; the first of a repeated name wins."""
    found: dict[str, str] = {}
    place = text.find(";")
    for _ in range(MAX_PARAMETERS):
        match = _PARAMETER.match(text, place) if place >= 0 else None
        if match is None:
            break
        if (value := _value(match)) is not None:
            found.setdefault(match["name"].strip(" \t").lower(), value)
        place = match.end()
    return found


def text_parameter(found: Mapping[str, str], name: str) -> str | None:
    """Returns a parameter, also one written as `name*=UTF-8''…` (RFC 8187) or in pieces `name*0=`
    (RFC 2231 section 3), as mail programs do."""
    if (extended := found.get(f"{name}*")) is not None:
        return _extended_value(extended)
    if name in found:
        return found[name]
    pieces = (found.get(f"{name}*{number}") for number in count())
    return "".join(takewhile(bool, pieces)) or None  # type: ignore[arg-type]


def _value(match: re.Match[str]) -> str | None:
    """Returns None for a name without a value."""
    if (quoted := match["quoted"]) is not None:
        return _unescaped(quoted)
    plain: str | None = match["plain"]
    return None if plain is None else plain.strip(" \t")


def _unescaped(quoted: str) -> str:
    """Unescapes quotes and backslashes; other backslashes stay, since browsers do not escape those
    of a file name (WHATWG HTML section 4.10.22.8)."""
    return "\\".join(piece.replace('\\"', '"') for piece in quoted.split("\\\\"))


def _extended_value(text: str) -> str:
    """Decodes a `charset'language'value`; unknown charsets are read as UTF-8."""
    charset, quote, encoded = text.partition("'")
    if not quote:
        return text
    value = encoded.partition("'")[2][:MAX_EXTENDED_LENGTH]
    octets = unquote_to_bytes(value.encode("utf-8", "replace"))
    return octets.decode("latin-1" if charset.lower() in _LATIN_1 else "utf-8", "replace")
