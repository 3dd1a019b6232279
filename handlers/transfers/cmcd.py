"""CMCD, what players say with their requests for media (CTA-5004 and version 2, CTA-5004-B). Pure.

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

from events.insight.sessions.cmcd_sessions import MediaRequest

FIELDS = ("CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status")
NAME = b"CMCD"
MOST_LETTERS = 1024  # of each text
MOST_INTEGER = 10**9
MOST_REMEMBERED = 4096  # texts and their values: at most 8 MB
MOST_SESSION_LETTERS = 64
PICTURES = ("v", "av")
NOT_STARTED, STARTED = ("s", "d"), ("p", "k", "r", "a", "e")  # states of a player
FATAL = "f"

_PRINTABLE = rb"[\x20-\x7e]{0,1024}+"
# Neither a folded field nor one that another field begins in is cut.
_FIELD = re.compile(
    rb"\r\n(?i:CMCD-(?:Object|Request|Session|Status)):(" + _PRINTABLE + rb")(?=\r\n[^ \t])"
)
_IN_TARGET = re.compile(
    rb"([?&])CMCD=([!\x24\x25\x27-~]{0,3072}+)(?:(&)|(?= HTTP/1\.1\r\n))"  # no `"`, `#`, `&`
)
# Members as version 1 has them, and a dictionary of nothing else: read in half the time. What has
# parameters, spaces or inner lists is for the parser of structured fields.
_MEMBER_FORM = (
    r"([a-z*][a-z0-9_.*-]*+)(?:=(?:(-?[0-9]{1,15})|"
    r'("[\x20-\x21\x23-\x5b\x5d-\x7e]*+")|'
    r"([A-Za-z*][!#-\'*+.^_`|~0-9A-Za-z:/-]*+)|(\?[01])|(-?[0-9]{1,12}\.[0-9]{1,3})))?"
)
_MEMBER = re.compile(rf"{_MEMBER_FORM}(?:,|\Z)", re.ASCII)
_PLAIN = re.compile(rf"{_MEMBER_FORM}(?:,{_MEMBER_FORM})*\Z", re.ASCII)
_IN_QUERY = re.compile(r"(?:^|&)CMCD=([^&]*)")


def split(data: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Returns a request's head without CMCD, and its texts, not decoded yet."""
    texts = []
    target_end = data.find(b"\r\n")
    found = _IN_TARGET.search(data, 0, target_end + 2)
    if found is not None:
        mark, text, more = found.groups()
        data = data[: found.start()] + (mark if more else b"") + data[found.end() :]
        texts.append(_decoded(text))
    fields = _FIELD.findall(data)
    if fields:
        data = _FIELD.sub(b"", data)
    return data, (*texts, *fields)


def texts_of(query: str, headers: MultiMapping[str]) -> tuple[bytes, ...]:
    """Returns the texts of a parsed request; `query` is not decoded."""
    found = _IN_QUERY.search(query)
    in_query = [_decoded(found.group(1).encode())] if found else []
    in_fields = [headers[name].encode("latin-1", "replace") for name in FIELDS if name in headers]
    return (*in_query, *in_fields)


def _decoded(text: bytes) -> bytes:
    """A space may be a plus: dash.js writes its address as browsers write forms."""
    return unquote_to_bytes(text.replace(b"+", b" "))


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
    is_loaded = is_picture and said.get("su") is not True
    if "v" in said:  # which has to be there from version 2 on
        return _of_version_2(said, session_id, is_picture=is_picture, is_loaded=is_loaded)
    bitrate = _integer(said.get("br"))
    return MediaRequest(
        session_id=session_id,
        is_picture=is_picture,
        is_starved=said.get("bs") is True,
        has_started=is_loaded,
        bitrate=None if bitrate is None else bitrate * 1000,
        duration_ms=_integer(said.get("d")),
    )


def _of_version_2(
    said: Mapping[str, Any], session_id: str, *, is_picture: bool, is_loaded: bool
) -> MediaRequest:
    """`is_loaded`: a picture was asked for without hurry, which is all that version 1 says."""
    state, bitrate = _token(said.get("sta")), _of_pictures(said.get("br"))
    return MediaRequest(
        session_id=session_id,
        is_picture=is_picture,
        is_starved=said.get("bs") is True,
        has_started=state in STARTED or (state not in NOT_STARTED and is_loaded),
        bitrate=None if bitrate is None else bitrate * 1000,
        duration_ms=_integer(said.get("d")),
        position_ms=_integer(said.get("pt")),
        startup_ms=_integer(said.get("msd")),
        starved_ms=_total(said.get("bsd")),
        stalls=_total(said.get("bsa")),
        stalled_ms=_total(said.get("bsda")),
        dropped_frames=_integer(said.get("dfa")),
        has_error=bool(said.get("ec")) or state == FATAL,
    )


@lru_cache(MOST_REMEMBERED)
def _dictionary(text: bytes) -> Mapping[str, Any]:
    """Returns the values; of an inner list its members, each with the object type that it is of.

    Of four fields a session repeats one with each request, and segments of a quality share theirs.
    """
    if len(text) > MOST_LETTERS:
        return {}
    stripped = text.strip(b" \t")
    try:
        plain = stripped.decode("ascii")
        if _PLAIN.match(plain):
            return {name: _plain_value(*forms) for name, *forms in _MEMBER.findall(plain)}
        return _parsed(stripped)
    except ValueError:
        return {}


def _plain_value(integer: str, string: str, token: str, boolean: str, decimal: str) -> Any:
    """Returns the value of a member of which at most one form is not empty."""
    if integer:
        return int(integer)
    if string:
        return string[1:-1]
    if token:
        return Token(token)
    return Decimal(decimal) if decimal else boolean != "?0"


def _parsed(text: bytes) -> Mapping[str, Any]:
    """Raises: ValueError."""
    parsed: Any = http_sf.parse(text, tltype="dictionary")
    return {name: _value(item[0]) for name, item in parsed.items()}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [(member, next(iter(parameters), None)) for member, parameters in value]
    return value


def _of_pictures(value: Any) -> int | None:
    """Returns what is said of pictures, or, where no type is named, of the object asked for."""
    if not isinstance(value, list):
        return _integer(value)
    members = {object_type: member for member, object_type in reversed(value)}
    named = [members[one] for one in (*PICTURES, None) if one in members]
    return _integer(named[0]) if named else None


def _total(value: Any) -> int | None:
    """Returns the sum of an inner list, whatever its members are of."""
    if not isinstance(value, list):
        return _integer(value)
    counts = [_integer(member) for member, _ in value]
    return sum(one for one in counts if one is not None) if counts else None


def _token(value: Any) -> str | None:
    return str(value) if isinstance(value, Token) else None


def _integer(value: Any) -> int | None:
    if type(value) not in (int, Decimal) or not 0 <= value <= MOST_INTEGER:
        return None
    return int(value)
