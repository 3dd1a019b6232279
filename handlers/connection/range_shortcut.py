"""Remembers what was decided about a request, for the same request with other digits in Range.

A player, a downloader, a load tester sends the same bytes again and again with only the digits of
Range changed. What allowed the answer is asked again each time (`Permit`), and whatever is not
exactly as it was goes the full way, which decides, and teaches anew. So nothing lapses that has to
be noticed here, and no HTTP is parsed here: a request is known by all its bytes but the digits.

Never learnt: other methods and versions, bodies, Expect, Upgrade, preconditions, several ranges,
suffixes; If-Range only with the very ETag. Bounded: the least recently used is forgotten.
"""

import random
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, Protocol

from aiohttp import HttpVersion11, hdrs, web

from handlers.delivery import head
from handlers.delivery.dates import DateText
from handlers.delivery.open_files import OpenFile, OpenFiles, Representation
from handlers.delivery.pump import PumpSettings
from handlers.delivery.ranges import ByteSpan, Part, TransferPlan
from handlers.delivery.transfers import Tally, Transfer

REMEMBERED_REQUESTS = 10_000

# As every client writes it. No file is longer than 15 digits can say.
_BEFORE_DIGITS = b"ange: bytes="
_DIGITS = re.compile(rb"([0-9]{1,15})-([0-9]{0,15})")
_RANGE = re.compile(rb"\r\n[Rr]" + _BEFORE_DIGITS + _DIGITS.pattern + rb"\r\n")
_END_OF_HEAD = b"\r\n\r\n"
_NEVER_LEARNT = (
    hdrs.CONTENT_LENGTH,
    hdrs.EXPECT,
    hdrs.IF_MATCH,
    hdrs.IF_MODIFIED_SINCE,
    hdrs.IF_NONE_MATCH,
    hdrs.IF_UNMODIFIED_SINCE,
    hdrs.TRANSFER_ENCODING,
    hdrs.UPGRADE,
)
# What differs from one answer to the next; the rest of a head is what the full way made of it.
_HOLES = {
    hdrs.CONTENT_LENGTH: "%(length)s",
    hdrs.CONTENT_RANGE: "bytes %(first)s-%(last)s/%(size)d",
    hdrs.CACHE_CONTROL: "%(cache_control)s",
    hdrs.DATE: "%(date)s",
    "X-Request-ID": "%(request_id)s",
}


class Admission(Protocol):
    """Who is sent what, and within which limits."""

    @property
    def is_paced(self) -> bool: ...

    @property
    def tally(self) -> Tally: ...

    def admits(self) -> bool:
        """Whether the limits of the user allow one more. Takes from them if so: asked last."""
        ...

    def open_admitted(self) -> Transfer: ...


class Permit(Protocol):
    """What allowed an answer."""

    @property
    def claim(self) -> Admission: ...

    def holds(self) -> bool:
        """Whether it still does, as far as is known without asking the database."""
        ...

    def cache_control(self) -> str: ...


class Lesson(NamedTuple):
    """What an answer stood on, beside the bytes of its request."""

    representation: Representation
    permit: Permit


class Shape(NamedTuple):
    """All of a request but the digits of its Range, and what it is known by."""

    key: bytes
    before: bytes
    after: bytes  # empty without a Range


class Asked(NamedTuple):
    """A request, and what its Range says, if it has one."""

    shape: Shape
    first: int | None
    last: int | None

    def span(self, size_bytes: int) -> ByteSpan | None:
        """The bytes meant; None where there is more to be said about it."""
        _, start, last = self
        if start is None:
            return ByteSpan(0, size_bytes)
        stop = size_bytes if last is None or last >= size_bytes else last + 1
        return ByteSpan(start, stop) if start < stop else None


class ShortcutAnswer(NamedTuple):
    """What can be sent at once, if `RangeShortcut.admits` it."""

    head: bytes
    span: ByteSpan
    file: OpenFile
    claim: Admission
    series: tuple[str, str, int]  # what it is counted under: method, route, status


@dataclass(slots=True)
class _Known:
    """A decision of the full way. `head` has holes: those that are the same for a second are filled
    in once a second, the others for each answer."""

    head: str
    lesson: Lesson
    series: tuple[str, str, int]
    filled: bytes = b""
    filled_at: int = 0


class RangeShortcut:
    """One for all connections of a process: players open a new one at every seek."""

    def __init__(
        self,
        files: OpenFiles,
        settings: PumpSettings,
        is_stopping: Callable[[], bool],
        *,
        capacity: int = REMEMBERED_REQUESTS,
    ) -> None:
        self.settings = settings
        self.answered: Counter[tuple[str, str, int]] = Counter()
        self._files = files
        self._is_stopping = is_stopping
        self._capacity = capacity
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        # What is kept tells nobody's token.
        self._keyed = blake2b(digest_size=16, key=secrets.token_bytes(32))
        self._date = DateText()
        self._random = random.Random()

    def __len__(self) -> int:
        return len(self._known)

    def asked(self, data: bytes, shape: Shape | None = None) -> Asked | None:
        """What is asked for, if these bytes are one whole GET and nothing else.

        `shape` is that of another request of the same client, which it mostly has again.
        """
        if shape is not None and (asked := _asked_again(data, shape)) is not None:
            return asked
        if not data.startswith(b"GET ") or data.find(_END_OF_HEAD) != len(data) - 4:
            return None
        at = data.find(_BEFORE_DIGITS)
        found = None if at < 0 else _RANGE.match(data, at - 3)
        if found is None:
            return Asked(Shape(self._digest(data), data, b""), None, None)
        before, after = data[: found.start(1)], data[found.end(2) :]
        # No head holds a NUL: it marks the place, so that no two requests become one.
        shape = Shape(self._digest(before, b"\0", after), before, after)
        return Asked(shape, *_digits(found))

    def answer(self, asked: Asked) -> ShortcutAnswer | None:
        """None where the full way has to decide."""
        known = self._known.get(asked.shape.key)
        if known is None or self._is_stopping():
            return None
        representation, permit = known.lesson
        if not permit.holds():
            return None
        span = asked.span(representation.size_bytes)
        file = self._files.held(representation)
        if span is None or file is None:
            return None
        self._known.move_to_end(asked.shape.key)
        return ShortcutAnswer(self._head(known, span), span, file, permit.claim, known.series)

    def admits(self, answer: ShortcutAnswer) -> bool:
        """Whether the limits of the user allow it. Asked where it is sent: of what is decided in
        one turn of the loop each must be counted before the next is asked for."""
        if not answer.claim.admits():
            return False
        self.answered[answer.series] += 1
        return True

    def learn(
        self,
        asked: Asked,
        request: web.Request,
        plan: TransferPlan,
        fields: head.Fields,
        lesson: Lesson,
    ) -> None:
        """Remember how `request` was answered, if it may be answered so again."""
        if not _is_repeatable(asked, request, plan, lesson.representation):
            return
        resource = request.match_info.route.resource
        route = "" if resource is None else resource.canonical
        key = asked.shape.key
        self._known[key] = _Known(
            # Filled in twice: what the first time left must be escaped still.
            head.template("1.1", plan.status, fields, _HOLES).replace("%%", "%%%%"),
            lesson,
            (request.method, route, plan.status),
        )
        self._known.move_to_end(key)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def _head(self, known: _Known, span: ByteSpan) -> bytes:
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

    def _fill(self, known: _Known) -> bytes:
        representation, permit = known.lesson
        text = known.head % {
            "length": "%(length)d",
            "first": "%(first)d",
            "last": "%(last)d",
            "size": representation.size_bytes,
            "cache_control": permit.cache_control().replace("%", "%%"),
            "date": self._date.text(),
            "request_id": "%(request_id)032x",
        }
        return text.encode()

    def _digest(self, *texts: bytes) -> bytes:
        keyed = self._keyed.copy()
        for text in texts:
            keyed.update(text)
        return keyed.digest()


def _asked_again(data: bytes, shape: Shape) -> Asked | None:
    """Nothing but digits may stand where digits stood, so it is one whole GET again."""
    before, after = shape.before, shape.after
    if not after:
        return Asked(shape, None, None) if data == before else None
    if not (data.startswith(before) and data.endswith(after)):
        return None
    found = _DIGITS.fullmatch(data, len(before), len(data) - len(after))
    return None if found is None else Asked(shape, *_digits(found))


def _digits(found: re.Match[bytes]) -> tuple[int, int | None]:
    first, last = found.groups()
    return int(first), int(last) if last else None


def _is_repeatable(
    asked: Asked, request: web.Request, plan: TransferPlan, representation: Representation
) -> bool:
    """Whether the answer follows from the bytes of the request, and how."""
    headers = request.headers
    if request.method != hdrs.METH_GET or request.version != HttpVersion11:
        return False
    if not request.keep_alive or any(name in headers for name in _NEVER_LEARNT):
        return False
    if headers.getall(hdrs.IF_RANGE, [f'"{representation.etag}"']) != [f'"{representation.etag}"']:
        return False
    is_range = asked.first is not None
    if len(headers.getall(hdrs.RANGE, ())) != is_range:
        return False
    span = asked.span(representation.size_bytes)
    is_as_asked = span is not None and plan.parts == (Part(b"", span),)
    return is_as_asked and plan.status == (206 if is_range else 200)
