"""Answers a report that is like one before it past aiohttp's handlers.

A player sends the same head with each report, but for the digits of Content-Length: parsing it,
routing it and making the head of its answer took more than half of a report's time. What is left
out is just that. It can never be weaker than the full way:

- what it repeats was answered 200 the full way, to a request of the same head;
- the grant is looked up, its expiry and revocation asked for, the body read and checked, the report
  counted by the same limit, handed over and waited for by the same functions, each time;
- it knows one answer, the 200, made of the head that the full way made. Whatever else there is to
  be said, the full way says; of a report that was handed over already it says what came of that.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import msgspec
from aiohttp import HttpVersion11, hdrs, web

from db.progress.progress import ProgressState
from events.log.emitter import Emitter
from events.metrics import Metrics
from events.progress.persister import hand_over
from handlers.access.grants import Grants
from handlers.access.rate_limits import ReportLimits
from handlers.access.revocation import Revocations, held_grant
from handlers.connection.connection import PassedOn, Tell
from handlers.connection.posts import Post
from handlers.delivery import head
from handlers.delivery.dates import DateText
from handlers.messages import ProgressView, video_id_of
from handlers.progress.reports import report_by_grant

REMEMBERED_REPORTS = 10_000
_NEVER_LEARNT = (
    hdrs.CONTENT_ENCODING,
    hdrs.EXPECT,
    hdrs.TRANSFER_ENCODING,
    hdrs.UPGRADE,
)
# What differs from one answer to the next; the rest of a head is what the full way made of it.
_HOLES = {
    hdrs.CONTENT_LENGTH: "%(length)d",
    hdrs.DATE: "%(date)b",
    "X-Request-ID": "%(request_id)032x",
}


class RepeatedReports:
    """One for all connections of a process."""

    def __init__(
        self,
        grants: Grants,
        revocations: Revocations,
        emitter: Emitter,
        metrics: Metrics,
        limits: ReportLimits,
        is_stopping: Callable[[], bool],
        longest_s: float,
        *,
        capacity: int = REMEMBERED_REPORTS,
    ) -> None:
        self.answered_count = 0
        self._grants = grants
        self._revocations = revocations
        self._emitter = emitter
        self._metrics = metrics
        self._limits = limits
        self._is_stopping = is_stopping
        self._longest_s = longest_s  # of a video whose file nobody has seen
        self._capacity = capacity
        self._lessons: OrderedDict[bytes, _Lesson] = OrderedDict()
        self._date = DateText()
        self._random = random.Random()

    def __len__(self) -> int:
        return len(self._lessons)

    def learn(self, request: web.Request, asked: bytes, fields: head.Fields) -> None:
        """`request`, whose head was `asked`, is answered 200 under these fields."""
        if not _is_repeatable(request):
            return
        resource = request.match_info.route.resource
        self._lessons[asked] = _Lesson(
            request.client_max_size,
            request.match_info["grant"],
            video_id_of(request),
            "" if resource is None else resource.canonical,
            head.template("1.1", 200, fields, _HOLES).encode(),
        )
        self._lessons.move_to_end(asked)
        if len(self._lessons) > self._capacity:
            self._lessons.popitem(last=False)

    def begin(self, post: Post, tell: Tell) -> bool:
        """As `Repeats.begin`."""
        asked, body = post
        lesson = self._lessons.get(asked)
        if lesson is None or len(body) > lesson.most_bytes or self._is_stopping():
            return False
        try:
            outcome = self._hand_over(lesson, body)
        except Exception:
            return False  # the full way meets it, too, and says so
        self._lessons.move_to_end(asked)
        self._metrics.began(lesson.route)
        ends = partial(self._end, lesson, time.monotonic(), len(body), tell)
        outcome.add_done_callback(ends)
        return True

    def _hand_over(self, lesson: "_Lesson", body: bytes) -> asyncio.Future[ProgressState]:
        grant = held_grant(self._grants, self._revocations, lesson.token, lesson.video_id)
        report = report_by_grant(grant, body, self._longest_s)
        # Last of all: what the full way is going to answer is counted there.
        self._limits.require(grant.user_id, grant.roles, time.monotonic())
        return hand_over(self._emitter, report)

    def _end(
        self,
        lesson: "_Lesson",
        began_s: float,
        received_bytes: int,
        tell: Tell,
        outcome: asyncio.Future[ProgressState],
    ) -> None:
        failure = outcome.exception()
        if failure is not None:
            self._metrics.passed_on(lesson.route)
            tell(PassedOn(failure, began_s))
            return
        duration_s = time.monotonic() - began_s
        self._metrics.answered(hdrs.METH_POST, lesson.route, 200, duration_s, received_bytes)
        tell(self._answer(lesson, outcome.result()))

    def _answer(self, lesson: "_Lesson", state: ProgressState) -> bytes:
        self.answered_count += 1
        body = msgspec.json.encode(ProgressView.of(state))
        new = {
            b"length": len(body),
            b"date": self._date.text().encode(),
            b"request_id": self._random.getrandbits(128),
        }
        return lesson.answer_head % new + body


@dataclass(frozen=True, slots=True)
class _Lesson:
    """Of a request that was answered: what it asked for, and the head of the answer."""

    most_bytes: int
    token: str
    video_id: UUID | None
    route: str
    answer_head: bytes


def _is_repeatable(request: web.Request) -> bool:
    """Whether the head of the answer follows from the bytes of the request."""
    headers = request.headers
    return (
        request.version == HttpVersion11
        and request.keep_alive
        and len(headers.getall(hdrs.CONTENT_LENGTH, ())) == 1
        and not any(name in headers for name in _NEVER_LEARNT)
    )
