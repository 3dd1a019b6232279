"""Answers repeat progress reports on the connection, bypassing aiohttp.

A player sends the same head with each report, except for the digits of Content-Length: parsing it,
routing it and making the response's head took more than half of a report's time. Only these are
skipped. It is never weaker than the full path:

- a request with the same head was answered 200 on the full path;
- each time the same functions look up the grant, check expiry and revocation, validate the body,
  count the report against the limit, hand it over and wait for it;
- its one response is the 200, with the head that the full path made. Every refusal comes from the
  full path, also that of a report which was handed over already.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple
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
from handlers.connection.shortcuts.known_requests import KNOWN_REQUESTS, fill, head_template
from handlers.connection.shortcuts.posts import Post
from handlers.delivery.head import DateText
from handlers.messages import ReportView, video_id_of
from handlers.reports import refusal_of, report_by_grant
from handlers.user_agents import UserAgent, UserAgents
from storage.concurrency.bounded_cache import BoundedCache

ROUTE = "/play/{grant}/{video_id}/progress"
_NEVER_REMEMBERED = (
    hdrs.CONTENT_ENCODING,
    hdrs.EXPECT,
    hdrs.TRANSFER_ENCODING,
    hdrs.UPGRADE,
)


class Fallback(NamedTuple):
    """Failure of a shortcut, and the monotonic time at which it began: the full path refuses."""

    failure: BaseException
    began_s: float


Respond = Callable[[bytes | Fallback], None]


class ReportShortcut:
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
        user_agents: UserAgents,
        *,
        capacity: int = KNOWN_REQUESTS,
    ) -> None:
        self.answered_count = 0
        self._grants = grants
        self._revocations = revocations
        self._emitter = emitter
        self._metrics = metrics
        self._limits = limits
        self._is_stopping = is_stopping
        self._user_agents = user_agents
        self._longest_s = longest_s  # of a video whose file was not probed yet
        self._known: BoundedCache[bytes, _KnownReport] = BoundedCache(capacity)
        self._date = DateText()
        self._random = random.Random()

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, request: web.Request, head: bytes, response: web.StreamResponse) -> None:
        """Keep how `request`, whose `Post.head` was `head`, was answered, if it was stored."""
        if response.status != 200 or not _is_repeatable(request):
            return
        known = _KnownReport(
            request.client_max_size,
            request.match_info["grant"],
            video_id_of(request),
            self._user_agents.read(request.headers.get(hdrs.USER_AGENT)),
            fill(head_template(200, response.headers.items())),
        )
        self._known.put(head, known)

    def begin(self, post: Post, respond: Respond) -> bool:
        """False where the full path has to answer. `respond` is called once, after the return."""
        asked, body = post
        known = self._known.peek(asked)
        if known is None or len(body) > known.most_bytes or self._is_stopping():
            return False
        try:
            outcome = self._hand_over(known, body)
        except Exception:
            return False  # the full path refuses it with the same error
        self._known.renew(asked)
        self._metrics.began(ROUTE)
        ends = partial(self._end, known, time.monotonic(), len(body), respond)
        outcome.add_done_callback(ends)
        return True

    def _hand_over(self, known: "_KnownReport", body: bytes) -> asyncio.Future[ProgressState]:
        grant = held_grant(self._grants, self._revocations, known.token, known.video_id)
        report = report_by_grant(grant, body, self._longest_s, known.user_agent)
        # Last: a report that the full path will answer is counted there.
        self._limits.require(grant.user_id, grant.roles, time.monotonic())
        return hand_over(self._emitter, report)

    def _end(
        self,
        known: "_KnownReport",
        began_s: float,
        received_bytes: int,
        respond: Respond,
        outcome: asyncio.Future[ProgressState],
    ) -> None:
        failure = outcome.exception()
        if failure is not None:
            self._metrics.passed_on(ROUTE)
            respond(Fallback(self._refusal(known, failure), began_s))
            return
        duration_s = time.monotonic() - began_s
        self._metrics.answered(hdrs.METH_POST, ROUTE, 200, duration_s, received_bytes)
        respond(self._answer(known, outcome.result()))

    def _refusal(self, known: "_KnownReport", failure: BaseException) -> BaseException:
        """The exception that the full path would raise now; the grant's comes first."""
        try:
            grant = held_grant(self._grants, self._revocations, known.token, known.video_id)
        except Exception as exc:
            return exc
        return refusal_of(failure, is_told_more=grant.is_privileged)

    def _answer(self, known: "_KnownReport", state: ProgressState) -> bytes:
        self.answered_count += 1
        body = msgspec.json.encode(ReportView.after(state))
        new = {
            b"length": len(body),
            b"date": self._date.text().encode(),
            b"request_id": self._random.getrandbits(128),
        }
        return known.answer_head % new + body


@dataclass(frozen=True, slots=True)
class _KnownReport:
    """The request's target and limits, and the template of the response's head."""

    most_bytes: int
    token: str
    video_id: UUID | None
    user_agent: UserAgent
    answer_head: bytes


def _is_repeatable(request: web.Request) -> bool:
    """True if the head of the response follows from the bytes of the request."""
    headers = request.headers
    resource = request.match_info.route.resource
    return (
        resource is not None
        and resource.canonical == ROUTE
        and request.version == HttpVersion11
        and request.keep_alive
        and len(headers.getall(hdrs.CONTENT_LENGTH, ())) == 1
        and not any(name in headers for name in _NEVER_REMEMBERED)
    )
