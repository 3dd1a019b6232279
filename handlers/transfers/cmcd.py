"""CMCD, what players say with their requests for media (CTA-5004, and keys of CTA-5004-B). Pure.

It comes as the query parameter `CMCD` or in the fields `CMCD-Object`, `-Request`, `-Session` and
`-Status`, each a dictionary of structured fields (RFC 9651). `split` takes it out of a request's
bytes, so that requests that differ in it alone are alike. What is malformed or too long is dropped
whole: it is never an error. Nothing of it decides an answer.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import http_sf
from http_sf import Token
from multidict import MultiMapping

from events.insight.cmcd_sessions import MediaRequest

FIELDS = ("CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status")
NAME = b"CMCD"
MOST_LETTERS = 1024  # of each text
MOST_INTEGER = 10**9
MOST_REMEMBERED = 4096  # texts and their values: at most 8 MB
MOST_SESSION_LETTERS = 64
PICTURES = ("v", "av")

_PRINTABLE = rb"[\x20-\x7e]{0,1024}+"
# Neither a folded field nor one that another field begins in is cut.
_FIELD = re.compile(
    rb"\r\n(?i:CMCD-(?:Object|Request|Session|Status)):(" + _PRINTABLE + rb")(?=\r\n[^ \t])"
)
_IN_TARGET = re.compile(
    rb"([?&])CMCD=([!\x24\x25\x27-~]{0,3072}+)(?:(&)|(?= HTTP/1\.1\r\n))"  # no `"`, `#`, `&`
)
_IN_QUERY = re.compile(r"(?:^|&)CMCD=([^&]*)")


def split(data: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Returns a request's head without CMCD, and its texts, not decoded yet."""
    texts = []
    target_end = data.find(b"\r\n")
    found = _IN_TARGET.search(data, 0, target_end + 2)
    if found is not None:
        mark, text, more = found.groups()
        data = data[: found.start()] + (mark if more else b"") + data[found.end() :]
        texts.append(unquote_to_bytes(text))
    fields = _FIELD.findall(data)
    if fields:
        data = _FIELD.sub(b"", data)
    return data, (*texts, *fields)


def texts_of(query: str, headers: MultiMapping[str]) -> tuple[bytes, ...]:
    """Returns the texts of a parsed request; `query` is not decoded."""
    found = _IN_QUERY.search(query)
    in_query = [unquote_to_bytes(found.group(1))] if found else []
    in_fields = [headers[name].encode("latin-1", "replace") for name in FIELDS if name in headers]
    return (*in_query, *in_fields)


def parse(texts: Iterable[bytes]) -> MediaRequest | None:
    """Returns what was said; None if none of it names a session."""
    said: dict[str, Any] = {}
    for text in texts:
        said |= _dictionary(text)
    session_id = said.get("sid")
    if not isinstance(session_id, str) or not 0 < len(session_id) <= MOST_SESSION_LETTERS:
        return None
    kind = said.get("ot")
    is_picture = isinstance(kind, Token) and str(kind) in PICTURES
    bitrate = _integer(said.get("br"))
    return MediaRequest(
        session_id=session_id,
        is_picture=is_picture,
        is_starved=said.get("bs") is True,
        is_startup=said.get("su") is True,
        bitrate=None if bitrate is None else bitrate * 1000,
        duration_ms=_integer(said.get("d")),
        startup_ms=_integer(said.get("msd")),
        starved_ms=_integer(said.get("bsd")),
        has_error="ec" in said,
    )


@lru_cache(MOST_REMEMBERED)
def _dictionary(text: bytes) -> Mapping[str, Any]:
    """Returns the values without their parameters; of an inner list the first.

    Of four fields a session repeats one with each request, and segments of a quality share theirs.
    """
    if len(text) > MOST_LETTERS:
        return {}
    try:
        parsed: Any = http_sf.parse(text.strip(b" \t"), tltype="dictionary")
    except ValueError:
        return {}
    return {name: _value(item[0]) for name, item in parsed.items()}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return value[0][0] if value else None
    return value


def _integer(value: Any) -> int | None:
    if type(value) not in (int, Decimal) or not 0 <= value <= MOST_INTEGER:
        return None
    return int(value)
