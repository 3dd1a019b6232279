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

from handlers.connection.known_requests import KNOWN_REQUESTS, KnownRequests, fill, head_template
from handlers.delivery import head
from handlers.delivery.head import DateText
from handlers.delivery.open_files import OpenFile, OpenFiles, Representation
from handlers.delivery.pump import PumpSettings
from handlers.delivery.ranges import ByteSpan, Part, TransferPlan
from handlers.transfers import cmcd
from handlers.transfers.media_measurer import MediaMeasurer
from handlers.transfers.transfers import Tally, Transfer

# As every client writes it. No file size has more than 15 digits.
_BEFORE_DIGITS = b"ange: bytes="
_DIGITS = re.compile(rb"([0-9]{1,15})-([0-9]{0,15})")
_RANGE = re.compile(rb"\r\n[Rr]" + _BEFORE_DIGITS + _DIGITS.pattern + rb"\r\n")
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


class Admission(Protocol):
    """The recipient and its limits."""

    @property
    def is_paced(self) -> bool: ...

    @property
    def tally(self) -> Tally: ...

    @property
    def limited_viewer(self) -> str: ...

    def admits(self) -> bool:
        """True if the limits of the user allow one more. Consumes from them if so: called last."""
        ...

    def open_admitted(self) -> Transfer: ...


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


class Shape(NamedTuple):
    """A request without the digits of its Range, and its key."""

    key: bytes
    before: bytes
    after: bytes  # empty without a Range


class RangeRequest(NamedTuple):
    """A recognizable request, and the digits of its Range, if it has one; `cmcd` is in no shape."""

    shape: Shape
    first: int | None
    last: int | None
    cmcd: tuple[bytes, ...] = ()

    def span(self, size_bytes: int) -> ByteSpan | None:
        """The requested bytes; None where the full path has to decide."""
        start, last = self.first, self.last
        if start is None:
            return ByteSpan(0, size_bytes)
        stop = size_bytes if last is None or last >= size_bytes else last + 1
        return ByteSpan(start, stop) if start < stop else None


class ShortcutAnswer(NamedTuple):
    """A response that can be sent at once, if `RangeShortcut.admits` it."""

    head: bytes
    span: ByteSpan
    file: OpenFile
    claim: Admission
    series: tuple[str, str, int]  # the labels of its count: method, route, status
    said: "PlayerTexts | None" = None


class PlayerTexts(NamedTuple):
    """Texts of a player about itself: its `User-Agent`, and CMCD, not decoded yet."""

    user_agent: str | None
    cmcd: tuple[bytes, ...]


@dataclass(slots=True)
class _KnownRange:
    """`head` is a template; `filled` has everything that is valid for a second."""

    head: str
    decision: CachedDecision
    series: tuple[str, str, int]
    user_agent: str | None
    filled: bytes = b""
    filled_at: int = 0


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
        self.settings = settings
        self.answered: Counter[tuple[str, str, int]] = Counter()
        self._files = files
        self._is_stopping = is_stopping
        self._measurer = measurer
        self._known: KnownRequests[_KnownRange] = KnownRequests(capacity)
        self._date = DateText()
        self._random = random.Random()

    def __len__(self) -> int:
        return len(self._known)

    def recognize(self, data: bytes, shape: Shape | None = None) -> RangeRequest | None:
        """The request, if these bytes are one whole GET and nothing else.

        `shape` is that of the client's last repeat request: mostly it is the same again.
        """
        if shape is not None and (asked := _asked_again(data, shape)) is not None:
            return asked
        if cmcd.NAME in data:
            without, texts = cmcd.split(data)
            if texts:
                asked = self.recognize(without, shape)
                return None if asked is None else asked._replace(cmcd=texts)
        if not data.startswith(b"GET ") or data.find(_END_OF_HEAD) != len(data) - 4:
            return None
        at = data.find(_BEFORE_DIGITS)
        found = None if at < 0 else _RANGE.match(data, at - 3)
        if found is None:
            return RangeRequest(Shape(self._known.key(data), data, b""), None, None)
        before, after = data[: found.start(1)], data[found.end(2) :]
        # No head holds a NUL: it marks the place, so that no two requests become one.
        shape = Shape(self._known.key(before, b"\0", after), before, after)
        return RangeRequest(shape, *_digits(found))

    def answer(self, asked: RangeRequest) -> ShortcutAnswer | None:
        """None where the full path has to decide."""
        known = self._known.get(asked.shape.key)
        if known is None or self._is_stopping():
            return None
        representation, permit = known.decision
        if not permit.holds():
            return None
        span = asked.span(representation.size_bytes)
        file = self._files.held(representation)
        if span is None or file is None:
            return None
        self._known.renew(asked.shape.key)
        said = PlayerTexts(known.user_agent, asked.cmcd) if asked.cmcd else None
        return ShortcutAnswer(self._head(known, span), span, file, permit.claim, known.series, said)

    def admits(self, answer: ShortcutAnswer) -> bool:
        """True if the limits of the user allow it. Called when it is sent: of responses decided in
        one iteration of the loop each must be counted before the next is checked."""
        if not answer.claim.admits():
            return False
        self.answered[answer.series] += 1
        if answer.said is not None and self._measurer is not None:
            self._measurer.note(answer.claim.tally, *answer.said)
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
        self._known.remember(asked.shape.key, known)

    def _head(self, known: _KnownRange, span: ByteSpan) -> bytes:
        now = int(time.time())
        if known.filled_at != now:
            known.filled, known.filled_at = self._fill(known), now
        start, stop = span
        return known.filled % {
            b"length": stop - start,
            b"first": start,
            b"last": stop - 1,
            b"request_id": self._random.getrandbits(128),
        }

    def _fill(self, known: _KnownRange) -> bytes:
        representation, permit = known.decision
        return fill(
            known.head,
            size=str(representation.size_bytes),
            cache_control=permit.cache_control(),
            date=self._date.text(),
        )


def _asked_again(data: bytes, shape: Shape) -> RangeRequest | None:
    """Only digits may replace the digits, so it is one whole GET again."""
    before, after = shape.before, shape.after
    if not after:
        return RangeRequest(shape, None, None) if data == before else None
    if not (data.startswith(before) and data.endswith(after)):
        return None
    found = _DIGITS.fullmatch(data, len(before), len(data) - len(after))
    return None if found is None else RangeRequest(shape, *_digits(found))


def _digits(found: re.Match[bytes]) -> tuple[int, int | None]:
    first, last = found.groups()
    return int(first), int(last) if last else None


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
    span = asked.span(representation.size_bytes)
    is_as_asked = span is not None and plan.parts == (Part(b"", span),)
    return is_as_asked and plan.status == (206 if is_range else 200)
