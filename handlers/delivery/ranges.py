"""The plan of a response: which bytes of a representation a request gets, and the header fields.

Source: RFC 9110 section 14 (range requests), 15.3.7 (206), 15.4.5 (304) and 15.5.17 (416);
RFC 2046 section 5.1 for the multipart form. Pure: it opens no file and sends nothing, and the
bodies of 412 and 416 are written by the error middleware.

Where section 14.2 leaves a choice, a Range that is malformed, of a foreign unit, too long, of too
many parts or greedier than the file is ignored (200 and the whole file), never an error: a player
that gets all the bytes plays, a player that gets 400 does not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from aiohttp import hdrs
from multidict import MultiMapping

from events.http_dates import http_date
from handlers.delivery.conditional import (
    ETag,
    Precondition,
    Validators,
    evaluate,
    range_applies,
)
from handlers.header_values import field_value

# Every real player's Range fits in 40 characters; past this, reading it only costs.
_LONGEST_RANGE_TEXT = 4096
# A PDF reader asks for a dozen parts at most; hundreds are an attack (RFC 9110 section 17.15).
_MOST_RANGES = 16

_RANGE_SPEC = re.compile(r"(?P<first>[0-9]*)-(?P<last>[0-9]*)")
# Longer numbers lie past the end of any file; int() of them is slow, or refused by CPython.
_LONGEST_NUMBER = 18
_PAST_ANY_FILE = 10**_LONGEST_NUMBER

_NOSNIFF = ("X-Content-Type-Options", "nosniff")
# An error about this request must not be cached as a response to the next one.
_ERROR_CACHE_CONTROL = "private, no-cache"

Headers = tuple[tuple[str, str], ...]


class ByteSpan(NamedTuple):
    """The bytes from `start` up to, and without, `stop`: half-open like a slice."""

    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class RepresentationFacts:
    """The facts about the selected representation that a plan depends on.

    `etag` is opaque and strong, without quotes. `extra_headers` go with the bytes (200 and 206),
    as Content-Disposition does.
    """

    size_bytes: int
    content_type: str
    etag: str
    last_modified_s: int
    cache_control: str
    varies_by_accept: bool = False
    extra_headers: Headers = ()

    @property
    def validators(self) -> Validators:
        return Validators(ETag(self.etag), self.last_modified_s)


class NoRange(Enum):
    """Why there are no spans to send for a Range field, or for its absence."""

    IGNORED = "200 and the whole file"
    UNSATISFIABLE = "416: every range lies past the end"


class Part(NamedTuple):
    """Text to be sent literally, then a span of the file; either may be empty."""

    prefix: bytes
    span: ByteSpan

    @property
    def size_bytes(self) -> int:
        return len(self.prefix) + self.span.size_bytes


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """A decided response: status, header fields in their order, and the parts of the body.

    A plan without parts has no body: HEAD and 304, and also 412 and 416, whose body is the
    problem that the error handler writes under these headers.
    """

    status: int
    headers: Headers
    parts: tuple[Part, ...] = ()

    @property
    def body_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)


def plan(
    method: str, headers: MultiMapping[str], facts: RepresentationFacts, *, boundary: str
) -> TransferPlan:
    """Plan the response to a GET or HEAD that may see the representation.

    `boundary` separates a multipart response: fresh random text of RFC 2046's safe characters.
    """
    match evaluate(method, headers, facts.validators):
        case Precondition.FAILED:
            return TransferPlan(412, _error_headers(facts))
        case Precondition.NOT_MODIFIED:
            return TransferPlan(304, _not_modified_headers(facts))
    spans = _spans_asked(method, headers, facts)
    if spans is NoRange.IGNORED:
        return _whole(method, facts)
    if spans is NoRange.UNSATISFIABLE:
        return TransferPlan(416, _error_headers(facts, content_range(None, facts.size_bytes)))
    if len(spans) == 1:
        return _single_part(spans[0], facts)
    return _multipart(spans, facts, boundary)


def parse_range(text: str, size_bytes: int) -> tuple[ByteSpan, ...] | NoRange:
    """Read a Range field against a file of `size_bytes` (section 14.1.2, 14.2).

    Returns the satisfiable spans, clamped, in the order asked. Work is bounded whatever the text.
    """
    if len(text) > _LONGEST_RANGE_TEXT:
        return NoRange.IGNORED
    unit, equals, range_set = text.partition("=")
    if unit.lower() != "bytes" or not equals:
        return NoRange.IGNORED
    elements = [element for part in range_set.split(",") if (element := part.strip(" \t"))]
    if not 0 < len(elements) <= _MOST_RANGES:
        return NoRange.IGNORED
    spans = []
    for element in elements:
        spec = _RANGE_SPEC.fullmatch(element)
        if spec is None or _is_invalid(spec["first"], spec["last"]):
            return NoRange.IGNORED
        spans.append(_span(spec["first"], spec["last"], size_bytes))
    satisfiable = tuple(span for span in spans if span is not None)
    if not satisfiable:
        return NoRange.UNSATISFIABLE
    return NoRange.IGNORED if _is_greedy(satisfiable, size_bytes) else satisfiable


def coalesce(spans: Sequence[ByteSpan]) -> tuple[ByteSpan, ...]:
    """Merge spans that overlap or touch; a merged one stands where its first part stood."""
    merged: list[tuple[int, ByteSpan]] = []
    for place, span in sorted(enumerate(spans), key=lambda placed: placed[1].start):
        if merged and span.start <= merged[-1][1].stop:
            first_place, before = merged.pop()
            place = min(first_place, place)
            span = ByteSpan(before.start, max(before.stop, span.stop))
        merged.append((place, span))
    return tuple(span for _, span in sorted(merged, key=lambda placed: placed[0]))


def content_range(span: ByteSpan | None, size_bytes: int) -> str:
    """Write Content-Range (section 14.4), the one place where a last byte is inclusive.

    None stands for an unsatisfied range: `bytes */N`.
    """
    if span is None:
        return f"bytes */{size_bytes}"
    return f"bytes {span.start}-{span.stop - 1}/{size_bytes}"


def _spans_asked(
    method: str, headers: MultiMapping[str], facts: RepresentationFacts
) -> tuple[ByteSpan, ...] | NoRange:
    """The spans to send, coalesced. Range is defined for GET alone."""
    text = field_value(headers, hdrs.RANGE)
    if method != hdrs.METH_GET or text is None or not range_applies(headers, facts.validators):
        return NoRange.IGNORED
    spans = parse_range(text, facts.size_bytes)
    return spans if isinstance(spans, NoRange) else coalesce(spans)


def _is_invalid(first: str, last: str) -> bool:
    """True if it is `-`, or last-pos precedes first-pos: one such range voids the field."""
    if not first:
        return not last
    return bool(last) and _magnitude(last) < _magnitude(first)


def _span(first: str, last: str, size_bytes: int) -> ByteSpan | None:
    """The bytes that one valid range-spec means; None where it is unsatisfiable."""
    if not first:
        suffix_length = _number(last)
        return ByteSpan(max(0, size_bytes - suffix_length), size_bytes) if suffix_length else None
    start = _number(first)
    stop = _number(last) + 1 if last else size_bytes
    return ByteSpan(start, min(stop, size_bytes)) if start < size_bytes else None


def _is_greedy(spans: Sequence[ByteSpan], size_bytes: int) -> bool:
    """True if ranges request more than the file in total, or nothing of an empty file.

    The suffix of an empty file is satisfiable (section 14.1.2), but Content-Range cannot say it.
    """
    return size_bytes == 0 or sum(s.size_bytes for s in spans) > size_bytes


def _magnitude(digits: str) -> tuple[int, str]:
    """An order of decimal numbers of any length that converts none of them."""
    significant = digits.lstrip("0")
    return len(significant), significant


def _number(digits: str) -> int:
    length, significant = _magnitude(digits)
    return int(significant or "0") if length <= _LONGEST_NUMBER else _PAST_ANY_FILE


def _whole(method: str, facts: RepresentationFacts) -> TransferPlan:
    headers = _byte_headers(facts, facts.size_bytes, facts.content_type)
    if method == hdrs.METH_HEAD:
        return TransferPlan(200, headers)
    return TransferPlan(200, headers, (Part(b"", ByteSpan(0, facts.size_bytes)),))


def _single_part(span: ByteSpan, facts: RepresentationFacts) -> TransferPlan:
    headers = _byte_headers(
        facts, span.size_bytes, facts.content_type, content_range(span, facts.size_bytes)
    )
    return TransferPlan(206, headers, (Part(b"", span),))


def _multipart(
    spans: Sequence[ByteSpan], facts: RepresentationFacts, boundary: str
) -> TransferPlan:
    """Several spans as multipart/byteranges (section 14.6); Content-Range stands in the parts."""
    parts = tuple(_body_part(place, span, facts, boundary) for place, span in enumerate(spans))
    parts += (Part(f"\r\n--{boundary}--\r\n".encode(), ByteSpan(0, 0)),)
    length = sum(part.size_bytes for part in parts)
    content_type = f"multipart/byteranges; boundary={boundary}"
    return TransferPlan(206, _byte_headers(facts, length, content_type), parts)


def _body_part(place: int, span: ByteSpan, facts: RepresentationFacts, boundary: str) -> Part:
    head = (
        f"--{boundary}\r\n"
        f"{hdrs.CONTENT_TYPE}: {facts.content_type}\r\n"
        f"{hdrs.CONTENT_RANGE}: {content_range(span, facts.size_bytes)}\r\n"
        "\r\n"
    )
    # The CRLF before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
    return Part(f"\r\n{head}".encode() if place else head.encode(), span)


def _byte_headers(
    facts: RepresentationFacts,
    content_length: int,
    content_type: str,
    range_text: str | None = None,
) -> Headers:
    """The fields of 200 and 206: the same ones, whether If-Range was sent or not.

    With If-Range some may be left out of a 206 (section 15.3.7), but Chromium's cache merges
    what it gets, and a type that is missing under `nosniff` is no video.
    """
    return (
        (hdrs.CONTENT_TYPE, content_type),
        (hdrs.CONTENT_LENGTH, str(content_length)),
        *(((hdrs.CONTENT_RANGE, range_text),) if range_text else ()),
        (hdrs.ACCEPT_RANGES, "bytes"),
        (hdrs.ETAG, f'"{facts.etag}"'),
        (hdrs.LAST_MODIFIED, http_date(facts.last_modified_s)),
        (hdrs.CACHE_CONTROL, facts.cache_control),
        *_vary(facts),
        _NOSNIFF,
        *facts.extra_headers,
    )


def _not_modified_headers(facts: RepresentationFacts) -> Headers:
    """The fields that section 15.4.5 requires of a 304, none that describes the absent content."""
    return (
        (hdrs.ETAG, f'"{facts.etag}"'),
        (hdrs.CACHE_CONTROL, facts.cache_control),
        *_vary(facts),
        _NOSNIFF,
    )


def _error_headers(facts: RepresentationFacts, range_text: str | None = None) -> Headers:
    return (
        *(((hdrs.CONTENT_RANGE, range_text),) if range_text else ()),
        (hdrs.ACCEPT_RANGES, "bytes"),
        (hdrs.ETAG, f'"{facts.etag}"'),
        (hdrs.CACHE_CONTROL, _ERROR_CACHE_CONTROL),
        *_vary(facts),
        _NOSNIFF,
    )


def _vary(facts: RepresentationFacts) -> Headers:
    return ((hdrs.VARY, hdrs.ACCEPT),) if facts.varies_by_accept else ()
