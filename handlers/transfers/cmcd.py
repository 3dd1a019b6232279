"""CMCD, what players say with their requests for media (CTA-5004 and version 2, CTA-5004-B). Pure.

It comes as the query parameter `CMCD` or in the fields `CMCD-Object`, `-Request`, `-Session` and
`-Status`, each a dictionary of structured fields (RFC 9651). `split` takes it out of a request's
bytes, so that requests that differ in it alone are alike. What is malformed or too long is dropped
whole: it is never an error. Nothing of it decides an answer.
"""

import re
from collections.abc import Mapping, Sequence
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
_PICTURES = (b"v", b"av")
NOT_STARTED, STARTED = ("s", "d"), ("p", "k", "r", "a", "e")  # states of a player
FATAL = "f"
# That are looked at.
KEYS = frozenset(
    ("br", "bs", "bsa", "bsd", "bsda", "d", "dfa", "ec", "msd", "ot", "pt", "sid", "sta", "su", "v")
)

_DIGITS = frozenset("-0123456789")
_PRINTABLE = rb"[\x20-\x7e]{0,1024}+"
# Neither a folded field nor one that another field begins in is cut.
_FIELD = re.compile(
    rb"\r\n(?i:CMCD-(?:Object|Request|Session|Status)):(" + _PRINTABLE + rb")(?=\r\n[^ \t])"
)
# Each is written by browsers for a character of every query; none makes a new escape of its rest.
_USUAL_ESCAPES = ((b"+", b" "), (b"%3D", b"="), (b"%2C", b","), (b"%22", b'"'), (b"%3B", b";"))
_IN_TARGET = re.compile(
    rb"([?&])CMCD=([!\x24\x25\x27-~]{0,3072}+)(?:(&)|(?= HTTP/1\.1\r\n))"  # no `"`, `#`, `&`
)
# The forms of members that players write, and a dictionary of nothing else: read in a fraction of
# the time. What has other parameters or spaces is for the parser of structured fields.
_KEY = r"[a-z*][a-z0-9_.*-]*+"
_BARE = (
    r"-?[0-9]{1,12}\.[0-9]{1,3}|-?[0-9]{1,15}|"
    r'"[\x20-\x21\x23-\x5b\x5d-\x7e]*+"|[A-Za-z*][!#-\'*+.^_`|~0-9A-Za-z:/-]*+|\?[01]'
)
_ITEM_FORM = rf"(?:{_BARE})(?:;{_KEY})?"
_VALUE_FORM = rf"{_BARE}|\((?:{_ITEM_FORM}(?: {_ITEM_FORM})*)?\)"
_PLAIN = re.compile(
    rf"{_KEY}(?:=(?:{_VALUE_FORM}))?(?:,{_KEY}(?:=(?:{_VALUE_FORM}))?)*\Z", re.ASCII
)
_MEMBER = re.compile(rf"({_KEY})(?:=({_VALUE_FORM}))?(?:,|\Z)", re.ASCII)
_ITEM = re.compile(rf"({_BARE})(?:;({_KEY}))?(?: |\Z)", re.ASCII)
_INTEGER = rb"-?[0-9]{1,15}"
_CHARACTER = rb"[\x20-\x21\x23-\x5b\x5d-\x7e]"
_STRING = rb'"' + _CHARACTER + rb'*+"'
_TOKEN = rb"[A-Za-z*][!#-'*+.^_`|~0-9A-Za-z:/-]*+"
_DECIMAL = rb"-?[0-9]{1,12}(?:\.[0-9]{1,3})?"


def _perhaps(key: bytes, form: bytes) -> bytes:
    return rb"(?:" + key + rb"=" + form + rb",)?"


# The keys of version 1 in alphabetical order, as players write them: read in a tenth of the time.
_USUAL = re.compile(
    _perhaps(b"bl", _INTEGER)
    + _perhaps(b"br", rb"([0-9]{1,15})")
    + rb"(bs,)?"
    + _perhaps(b"cid", _STRING)
    + _perhaps(b"d", rb"([0-9]{1,15})")
    + _perhaps(b"mtp", _INTEGER)
    + _perhaps(b"nor", _STRING)
    + _perhaps(b"nrr", _STRING)
    + _perhaps(b"ot", b"(" + _TOKEN + b")")
    + _perhaps(b"pr", _DECIMAL)
    + _perhaps(b"rtp", _INTEGER)
    + _perhaps(b"sf", _TOKEN)
    + rb'sid="('
    + _CHARACTER
    + rb'{1,%d}+)"' % MOST_SESSION_LETTERS
    + rb"(?:,st="
    + _TOKEN
    + rb")?(,su)?(?:,tb="
    + _INTEGER
    + rb")?\Z"
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
        texts.append(_decoded(text))
    rest, *fields = _FIELD.split(data)
    if fields:
        data = b"".join((rest, *fields[1::2]))
        texts += fields[::2]
    return data, tuple(texts)


def texts_of(query: str, headers: MultiMapping[str]) -> tuple[bytes, ...]:
    """Returns the texts of a parsed request; `query` is not decoded."""
    found = _IN_QUERY.search(query)
    in_query = [_decoded(found.group(1).encode())] if found else []
    in_fields = [headers[name].encode("latin-1", "replace") for name in FIELDS if name in headers]
    return (*in_query, *in_fields)


def _decoded(text: bytes) -> bytes:
    """A space may be a plus: dash.js writes its address as browsers write forms."""
    for escape, character in _USUAL_ESCAPES:
        text = text.replace(escape, character)
    return unquote_to_bytes(text) if b"%" in text else text


def parse(texts: Sequence[bytes]) -> MediaRequest | None:
    """Returns what was said; None if none of it names a session."""
    if len(texts) == 1 and len(texts[0]) <= MOST_LETTERS:
        usual = _USUAL.match(texts[0])
        if usual is not None:
            return _usual_request(*usual.groups())
    return _request(texts)


def _usual_request(
    bitrate: bytes | None,
    starved: bytes | None,
    duration_ms: bytes | None,
    kind: bytes | None,
    session_id: bytes,
    startup: bytes | None,
) -> MediaRequest:
    is_picture = kind in _PICTURES
    kilobits = _within(bitrate)
    return MediaRequest(
        session_id=session_id.decode("ascii"),
        is_picture=is_picture,
        is_starved=starved is not None,
        has_started=is_picture and startup is None,
        bitrate=None if kilobits is None else kilobits * 1000,
        duration_ms=_within(duration_ms),
    )


def _within(digits: bytes | None) -> int | None:
    return None if digits is None else _integer(int(digits))


def _request(texts: Sequence[bytes]) -> MediaRequest | None:
    """Returns what was said in any form."""
    read = _dictionary if len(texts) == 1 else _remembered
    said: dict[str, Any] = {}
    for text in texts:
        said |= read(text)
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


def _dictionary(text: bytes) -> Mapping[str, Any]:
    """Returns the values of `KEYS`; of an inner list its members, each with the object type that
    it is of."""
    if len(text) > MOST_LETTERS:
        return {}
    stripped = text.strip(b" \t")
    try:
        plain = stripped.decode("ascii")
        if _PLAIN.match(plain):
            members = _MEMBER.findall(plain)
            return {name: _plain_value(form) for name, form in members if name in KEYS}
        return _parsed(stripped)
    except ValueError:
        return {}


# Of four fields a session repeats one with each request, and segments of a quality share theirs.
_remembered = lru_cache(MOST_REMEMBERED)(_dictionary)


def _plain_value(form: str) -> Any:
    """Returns the value of a member of that form; of an inner list see `_dictionary`."""
    if form.startswith("("):
        return [(_bare_value(item), of or None) for item, of in _ITEM.findall(form[1:-1])]
    return _bare_value(form)


def _bare_value(form: str) -> Any:
    first = form[:1]
    if first == '"':
        return form[1:-1]
    if first in _DIGITS:
        return Decimal(form) if "." in form else int(form)
    return form != "?0" if first in ("", "?") else Token(form)


def _parsed(text: bytes) -> Mapping[str, Any]:
    """Raises: ValueError."""
    parsed: Any = http_sf.parse(text, tltype="dictionary")
    return {name: _value(item[0]) for name, item in parsed.items() if name in KEYS}


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
