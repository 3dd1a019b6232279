"""Answers repeat range requests on the connection, bypassing aiohttp.

Players, downloaders and load testers repeat a request with only the digits of Range changed. What
permitted the first response is checked again each time (`Permit`). Any other difference takes the
full path, which decides and is remembered anew. So no entry expires, and no HTTP is parsed here: a
request is recognized by all its bytes without the digits and without CMCD, which decides nothing.

Never remembered: other methods and versions, bodies, Expect, Upgrade, preconditions, several
ranges, suffixes; If-Range only with the very ETag.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aiohttp import HttpVersion11, hdrs, web

from handlers.connection.shortcuts.answers import Admission, AnswerBatch, ShortcutAnswer
from handlers.connection.shortcuts.known_requests import (
    KNOWN_REQUESTS,
    MOST_HEAD_BYTES,
    fill,
    head_template,
)
from handlers.delivery import head
from handlers.delivery.head import DateText
from handlers.delivery.open_files import OpenFile, OpenFiles, Representation
from handlers.delivery.output.pump import PumpSettings
from handlers.delivery.ranges import ByteSpan, Part, TransferPlan
from handlers.transfers import cmcd
from handlers.transfers.media_measurer import MediaMeasurer
from storage.concurrency.bounded_cache import BoundedCache, CacheFigures

# As every client writes it. No file size has more than 15 digits.
_BEFORE_DIGITS = b"ange: bytes="
_RANGE = re.compile(rb"\r\n[Rr]" + _BEFORE_DIGITS + rb"([0-9]{1,15})-([0-9]{0,15})\r\n")
_END_OF_HEAD = b"\r\n\r\n"
_NEVER_REMEMBERED = (
    hdrs.CONTENT_LENGTH,
    hdrs.EXPECT,
    hdrs.IF_MATCH,
    hdrs.IF_MODIFIED_SINCE,
    hdrs.IF_NONE_MATCH,
    hdrs.IF_UNMODIFIED_SINCE,
    hdrs.TRANSFER_ENCODING,
    hdrs.UPGRADE,
)
# Beside those of every known response.
_HOLES: dict[str, str] = {
    hdrs.CONTENT_RANGE: "bytes %(first)s-%(last)s/%(size)s",
    hdrs.CACHE_CONTROL: "%(cache_control)s",
}


class Permit(Protocol):
    """The reason why a response was permitted."""

    @property
    def claim(self) -> Admission: ...

    def holds(self) -> bool:
        """True if it still permits one, as far as is known without a database query."""
        ...

    def cache_control(self) -> str: ...


class CachedDecision(NamedTuple):
    """Facts that a response depends on, beside the bytes of its request."""

    representation: Representation
    permit: Permit


class RangeRequest(NamedTuple):
    """A recognizable request: `key` is its bytes without CMCD and, if it has a Range, with other
    digits."""

    key: bytes
    first: int | None
    last: int | None


@dataclass(slots=True)
class _KnownRange:
    """`head` and `file` are as they were in the second `refreshed_at`."""

    template: str
    decision: CachedDecision
    series: tuple[str, str, int]
    user_agent: str | None
    head: bytes = b""
    file: OpenFile | None = None
    refreshed_at: int = 0


class RangeShortcut:
    """One for all connections of a process: players open a new one at every seek."""

    def __init__(
        self,
        files: OpenFiles,
        settings: PumpSettings,
        is_stopping: Callable[[], bool],
        measurer: MediaMeasurer | None = None,
        *,
        capacity: int = KNOWN_REQUESTS,
    ) -> None:
        self.batch = AnswerBatch(self.admits, settings)
        self.answered: Counter[tuple[str, str, int]] = Counter()
        self._remembered_count = 0
        self._files = files
        self._is_stopping = is_stopping
        self._measurer = measurer
        self._known: BoundedCache[bytes, _KnownRange] = BoundedCache(capacity)
        self._date = DateText()
        self._random = random.Random()

    def __len__(self) -> int:
        return len(self._known)

    def cache_figures(self) -> CacheFigures:
        """A response that had to be remembered was looked for and not found."""
        return CacheFigures(len(self._known), self.answered.total(), self._remembered_count)

    def answer(self, data: bytes) -> ShortcutAnswer | None:
        """None where the full path has to decide. A known key is that of one whole GET and nothing
        else: only digits replaced its digits."""
        texts: tuple[bytes, ...] = ()
        if cmcd.NAME in data:
            data, texts = cmcd.split(data)
        key, first, last = _split(data)
        known = self._known.peek(key)
        return None if known is None else self._answer(known, key, first, last, texts)

    def _answer(
        self,
        known: _KnownRange,
        key: bytes,
        first: int | None,
        last: int | None,
        texts: tuple[bytes, ...],
    ) -> ShortcutAnswer | None:
        if self._is_stopping() or not known.decision.permit.holds():
            return None
        now = int(time.time())
        if known.refreshed_at != now:
            self._refresh(known, key, now)
        file = known.file
        if file is None or not file.is_kept:
            return None
        span = _span(first, last, file.size_bytes)
        if span is None:
            return None
        claim = known.decision.permit.claim
        head = self._head(known, span)
        return ShortcutAnswer(head, span, file, claim, known.series, known.user_agent, texts)

    def recognize(self, data: bytes) -> RangeRequest | None:
        """The request, if these bytes are one whole GET and nothing else, so that the response
        could be remembered."""
        if cmcd.NAME in data:
            data, _ = cmcd.split(data)
        is_whole = data.startswith(b"GET ") and data.find(_END_OF_HEAD) == len(data) - 4
        return RangeRequest(*_split(data)) if is_whole and len(data) <= MOST_HEAD_BYTES else None

    def admits(self, answer: ShortcutAnswer, begun: int = 0) -> bool:
        """True if the limits of the user allow it. Called just before it is sent: of responses
        decided in one iteration of the loop each must be counted before the next is checked."""
        if not answer.claim.admits(begun):
            return False
        self.answered[answer.series] += 1
        if answer.cmcd and self._measurer is not None:
            self._measurer.note(answer.claim.tally, answer.user_agent, answer.cmcd)
        return True

    def remember(
        self,
        asked: RangeRequest,
        request: web.Request,
        plan: TransferPlan,
        fields: head.Fields,
        decision: CachedDecision,
    ) -> None:
        """Keep the response to `request`, if it may be repeated."""
        if not _is_repeatable(asked, request, plan, decision.representation):
            return
        resource = request.match_info.route.resource
        route = "" if resource is None else resource.canonical
        series = (request.method, route, plan.status)
        template = head_template(plan.status, fields, _HOLES)
        user_agent = request.headers.get(hdrs.USER_AGENT)
        known = _KnownRange(template, decision, series, user_agent)
        self._known.put(asked.key, known)
        self._remembered_count += 1

    def _head(self, known: _KnownRange, span: ByteSpan) -> bytes:
        start, stop = span
        return known.head % {
            b"length": stop - start,
            b"first": start,
            b"last": stop - 1,
            b"request_id": self._random.getrandbits(128),
        }

    def _refresh(self, known: _KnownRange, key: bytes, now: int) -> None:
        """Everything that is valid for a second: neither entry nor file was used less recently."""
        representation, permit = known.decision
        self._known.renew(key)
        known.file = self._files.held(representation)
        known.head = fill(
            known.template,
            size=str(representation.size_bytes),
            cache_control=permit.cache_control(),
            date=self._date.text(),
        )
        known.refreshed_at = now


def _split(data: bytes) -> tuple[bytes, int | None, int | None]:
    """The key and the digits. A key has the digits of one byte, so that no request without digits
    has the same."""
    at = data.rfind(_BEFORE_DIGITS)  # it mostly stands near the end
    found = None if at < 0 else _RANGE.match(data, at - 3)
    if found is None:
        return data, None, None
    first, last = found.groups()
    key = b"".join((data[: found.start(1)], b"0-0", data[found.end(2) :]))
    return key, int(first), int(last) if last else None


def _span(first: int | None, last: int | None, size_bytes: int) -> ByteSpan | None:
    """The requested bytes; None where the full path has to decide."""
    if first is None:
        return ByteSpan(0, size_bytes)
    stop = size_bytes if last is None or last >= size_bytes else last + 1
    return ByteSpan(first, stop) if first < stop else None


def _is_repeatable(
    asked: RangeRequest, request: web.Request, plan: TransferPlan, representation: Representation
) -> bool:
    """True if the response follows from the bytes of the request."""
    headers = request.headers
    if request.method != hdrs.METH_GET or request.version != HttpVersion11:
        return False
    if not request.keep_alive or any(name in headers for name in _NEVER_REMEMBERED):
        return False
    if headers.getall(hdrs.IF_RANGE, [f'"{representation.etag}"']) != [f'"{representation.etag}"']:
        return False
    is_range = asked.first is not None
    if len(headers.getall(hdrs.RANGE, ())) != is_range:
        return False
    span = _span(asked.first, asked.last, representation.size_bytes)
    is_as_asked = span is not None and plan.parts == (Part(b"", span),)
    return is_as_asked and plan.status == (206 if is_range else 200)
