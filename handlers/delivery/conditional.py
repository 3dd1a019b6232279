"""Decides whether a conditional request goes on, is answered 304, or fails with 412.

Source: RFC 9110 section 8.8 (validators) and 13 (conditional requests).
Pure: header fields and validators in, a decision out. It makes no headers and no responses. The
caller has checked that the request would succeed without its preconditions (section 13.2.1: 401,
403 and 404 come first).
"""

import re
import time
from dataclasses import dataclass
from enum import Enum

from aiohttp import hdrs
from multidict import MultiMapping

from events.http_dates import parse_http_date
from handlers.header_values import field_value

# entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE, one element of a list, with the empty ones before it.
# The possessive quantifiers keep a hostile list linear: nothing that matched is tried again. No
# group that may fail within has one: CPython 3.11.2 goes on from where it failed.
_LISTED_ETAG = re.compile(
    r'[ \t,]*+(?:(?P<weak>W/)?"(?P<opaque>[^\x00-\x20"\x7f]*+)"[ \t]*+(?:,|\Z))?'
)
# A hundred tags of ours. A field can have as many lines as a request, and so a megabyte.
_LONGEST_LIST_TEXT = 4096


class Precondition(Enum):
    """The results of section 13.2.2: proceed, or respond 304 or 412."""

    PROCEED = "proceed"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ETag:
    """An entity tag (section 8.8.3); `opaque` is what stands between the quotes."""

    opaque: str
    is_weak: bool = False

    def __str__(self) -> str:
        return f'{"W/" if self.is_weak else ""}"{self.opaque}"'


@dataclass(frozen=True, slots=True)
class Validators:
    """The strong validators of a representation.

    `last_modified_s` counts seconds since 1970. It is strong because a stored file never changes:
    a new version has a new name (section 8.8.2.2 wants no two versions within one second).
    """

    etag: ETag
    last_modified_s: int


def evaluate(method: str, headers: MultiMapping[str], validators: Validators) -> Precondition:
    """Take the steps of section 13.2.2 in their order, up to the one on If-Range."""
    if not _is_unchanged_as_asked(headers, validators):
        return Precondition.FAILED
    if not _is_known_to_client(method, headers, validators):
        return Precondition.PROCEED
    is_read = method in (hdrs.METH_GET, hdrs.METH_HEAD)
    return Precondition.NOT_MODIFIED if is_read else Precondition.FAILED


def range_applies(headers: MultiMapping[str], validators: Validators) -> bool:
    """True if Range applies in view of If-Range, if there is one (section 13.1.5).

    Anything but this very strong tag or this very date means that the client holds bytes of
    another version, and a range would be stitched to them.
    """
    text = field_value(headers, hdrs.IF_RANGE)
    if text is None:
        return True
    # Equal text is the strong comparison: our tag is strong, and its text has one spelling.
    is_this_tag = text == str(validators.etag)
    return is_this_tag or _parse_date_near(text, validators) == validators.last_modified_s


def parse_etags(text: str) -> tuple[ETag, ...]:
    """Read a list of entity tags; one with a fault in it, or too long, holds no tag at all."""
    tags: list[ETag] = []
    place = 0
    if len(text) > _LONGEST_LIST_TEXT:
        return ()
    while place < len(text):
        element = _LISTED_ETAG.match(text, place)
        if element is None or element.end() == place:
            return ()
        if element["opaque"] is not None:
            tags.append(ETag(element["opaque"], is_weak=element["weak"] is not None))
        place = element.end()
    return tuple(tags)


def _is_unchanged_as_asked(headers: MultiMapping[str], validators: Validators) -> bool:
    """Steps 1 and 2: If-Match, else If-Unmodified-Since."""
    if_match = field_value(headers, hdrs.IF_MATCH)
    if if_match is not None:
        return if_match.strip(" \t") == "*" or any(
            _is_strong_match(tag, validators.etag) for tag in parse_etags(if_match)
        )
    since_s = _date(headers, hdrs.IF_UNMODIFIED_SINCE, validators)
    return since_s is None or validators.last_modified_s <= since_s


def _is_known_to_client(method: str, headers: MultiMapping[str], validators: Validators) -> bool:
    """Steps 3 and 4: If-None-Match, else (for GET and HEAD) If-Modified-Since."""
    if_none_match = field_value(headers, hdrs.IF_NONE_MATCH)
    if if_none_match is not None:
        return if_none_match.strip(" \t") == "*" or any(
            _is_weak_match(tag, validators.etag) for tag in parse_etags(if_none_match)
        )
    if method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        return False
    since_s = _date(headers, hdrs.IF_MODIFIED_SINCE, validators)
    return since_s is not None and validators.last_modified_s <= since_s


def _is_strong_match(one: ETag, other: ETag) -> bool:
    return one == other and not one.is_weak


def _is_weak_match(one: ETag, other: ETag) -> bool:
    return one.opaque == other.opaque


def _date(headers: MultiMapping[str], name: str, validators: Validators) -> int | None:
    text = field_value(headers, name)
    return None if text is None else _parse_date_near(text, validators)


def _parse_date_near(text: str, validators: Validators) -> int | None:
    # The year of the file stands in for the year of the clock: they lie in the same decades,
    # and the decision stays a function of its arguments.
    return parse_http_date(text.strip(" \t"), time.gmtime(validators.last_modified_s).tm_year)
