"""A connection that answers repeat requests itself, before aiohttp parses them."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import StreamReader, web

from handlers.connection.aiohttp_private import IdleWatch
from handlers.connection.connection import Connection
from handlers.connection.shortcuts.answers import ShortcutAnswer
from handlers.connection.shortcuts.posts import Post
from handlers.connection.shortcuts.range_shortcut import RangeRequest, RangeShortcut
from handlers.connection.shortcuts.report_shortcut import Fallback, ReportShortcut
from handlers.connection.state import ConnectionEvent, State, next_state
from handlers.delivery.output.pump import PumpSettings, Send
from handlers.delivery.ranges import ByteSpan, Part
from handlers.transfers.transfers import Outcome

# Bound once for the path of each repeat request: before CPython 3.12 looking a member up in its
# enumeration takes longer than the transition.
_IDLE, _SENT = State.IDLE, ConnectionEvent.RESPONSE_SENT
_SHORTCUT_STATE = next_state(State.IDLE, ConnectionEvent.SHORTCUT_TAKEN)


class ShortcutConnection(Connection):
    """Recognizes requests by their bytes; what is not recognized goes to the parser.

    `asked` is the range request that is being handled, if it may be known by its bytes.
    """

    __slots__ = (
        "_fallback",
        "_post_head",
        "_range_shortcut",
        "_report_shortcut",
        "asked",
    )

    def __init__(
        self,
        server: web.Server,
        idle: IdleWatch,
        options: Mapping[str, Any],
        range_shortcut: RangeShortcut | None,
        report_shortcut: ReportShortcut | None,
    ) -> None:
        super().__init__(server, idle, options)
        self.asked: RangeRequest | None = None
        # None as well once the parser's place is unknown: no input is recognized from then on.
        self._range_shortcut = range_shortcut
        self._report_shortcut = report_shortcut
        self._post_head: bytes | None = None  # of the POST that is being handled, if it was whole
        self._fallback: tuple[StreamReader, Fallback] | None = None

    def fallback(self, request: web.BaseRequest) -> Fallback | None:
        """The fallback of `request`, identified by its body: each has its own."""
        if self._fallback is None or self._fallback[0] is not request.content:
            return None
        return self._fallback[1]

    def forget_fallback(self) -> None:
        """A failure refers to the frames that it went through, and they to this connection."""
        self._fallback = None

    def data_received(self, data: bytes) -> None:
        if self.state is _IDLE:
            self._take(data)
        elif self.state is State.HANDLING:
            self.asked = None
            self._parse_request(data, Post.of(data))
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.forget_fallback()
        super().connection_lost(exc)

    def close(self) -> None:
        self._forgo_shortcuts()
        super().close()

    # Answers of the range shortcut.

    def decline(self, data: bytes) -> None:
        self._parse_declined(data)
        self._go_on()

    def begin(self, answer: ShortcutAnswer, settings: PumpSettings) -> Send | None:
        head, span, file, claim = answer[:4]
        pump = self._pump or self._make_pump(settings)
        send = None if claim.is_paced else pump.at_once(head, span, file)
        if send is None:
            self._send_rest(answer, settings, 0)
        return send

    def conclude(self, answer: ShortcutAnswer, settings: PumpSettings, sent_bytes: int) -> None:
        """Most responses to players fit into the socket at once, and need no transfer."""
        head, span, _, claim = answer[:4]
        body_bytes = sent_bytes - len(head)
        if body_bytes == span.stop - span.start and self._pump is not None:
            claim.tally.note_sent(body_bytes)
            self._pump.last = (claim.tally, body_bytes)
            self._end_at_once()
        else:
            self._send_rest(answer, settings, sent_bytes)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        finished = await super().finish_response(request, resp, start_time)
        head, self._post_head = self._post_head, None
        if head is not None and self._report_shortcut is not None:
            if isinstance(request, web.Request):
                self._report_shortcut.remember(request, head, finished[0])
            # A client that is quicker than the loop would look like one that pipelines.
            if self.state is State.HANDLING and not self.queued:
                self._on(ConnectionEvent.RESPONSE_WRITTEN)
        return finished

    def _take(self, data: bytes) -> None:
        if self._takes_range_shortcut(data):
            return
        post = Post.of(data)
        if post is None or not self._takes_report_shortcut(data, post):
            self._parse_request(data, post)

    def _takes_range_shortcut(self, data: bytes) -> bool:
        self.asked, shortcut = None, self._range_shortcut
        if shortcut is None or not data.startswith(b"GET "):
            return False
        answer = shortcut.answer(data) if self._has_way() else None
        if answer is None:
            self.asked = shortcut.recognize(data)
            return False
        self.state = _SHORTCUT_STATE
        shortcut.batch.add(self, answer, data)
        return True

    def _takes_report_shortcut(self, data: bytes, post: Post) -> bool:
        if self._report_shortcut is None or not self._has_way():
            return False
        if not self._report_shortcut.begin(post, partial(self._end_report, data, post)):
            return False
        self.state = _SHORTCUT_STATE
        return True

    def _parse_request(self, data: bytes, post: Post | None = None) -> None:
        """`post` is what the bytes are, if they are one."""
        queued_before, is_next = len(self.queued), self.state is State.IDLE
        self._parse(data)
        if data and (self._range_shortcut is not None or self._report_shortcut is not None):
            self._follow_parser(data, post, queued_before, is_next)

    def _follow_parser(
        self, data: bytes, post: Post | None, queued_before: int, is_next: bool
    ) -> None:
        """Shortcuts need to know that the parser stands between two requests. Once it may not, it
        cannot be told from outside when it does again."""
        is_between = (
            (post is not None or data.find(b"\r\n\r\n") == len(data) - 4)
            and len(self.queued) == queued_before + 1
            and _is_whole(*self.queued[-1])
            and not self.is_upgrading
        )
        if not is_between:
            self._forgo_shortcuts()
        self._post_head = post.head if post is not None and is_next and is_between else None

    def _forgo_shortcuts(self) -> None:
        self._range_shortcut = self._report_shortcut = None

    def _end_report(self, data: bytes, post: Post, answer: bytes | Fallback) -> None:
        if self.transport is None:
            return
        if isinstance(answer, bytes):
            self.transport.write(answer)
            self._end_at_once()
        else:
            self._parse_declined(data, post)
            if self.queued:  # not when aiohttp is closing, and ignores input
                self._fallback = (self.queued[-1][1], answer)
            self._go_on()

    def _parse_declined(self, data: bytes, post: Post | None = None) -> None:
        self._on(ConnectionEvent.SHORTCUT_DECLINED)
        self._parse_request(data, post)

    def _send_rest(self, answer: ShortcutAnswer, settings: PumpSettings, sent_bytes: int) -> None:
        head, (start, stop), file, claim = answer[:4]
        transfer = claim.open_admitted()
        transfer.note_asked(stop - start)
        transfer.sent_bytes = max(0, sent_bytes - len(head))
        rest = (Part(b"", ByteSpan(start + transfer.sent_bytes, stop)),)
        is_full = sent_bytes > 0
        self.launch(
            head[sent_bytes:], rest, file, transfer, settings, closes=False, is_full=is_full
        )

    def _end_at_once(self) -> None:
        """`_end_response` of a shortcut's: hardly ever was anything buffered."""
        if self._input is not None or self._closing is not None:
            self._end_response(Outcome.COMPLETE)
        else:
            self.state = next_state(self.state, _SENT)
            self.restart_keepalive()


def began_s(request: web.BaseRequest) -> float:
    """The monotonic time at which answering `request` began; now, unless a shortcut did."""
    fallback = _fallback(request)
    return time.monotonic() if fallback is None else fallback.began_s


def raise_failure(request: web.BaseRequest) -> None:
    """Raises what a shortcut ran into, once."""
    connection, fallback = request.protocol, _fallback(request)
    if isinstance(connection, ShortcutConnection) and fallback is not None:
        connection.forget_fallback()
        raise fallback.failure.with_traceback(None)  # a whole batch may share it


def _fallback(request: web.BaseRequest) -> Fallback | None:
    connection = request.protocol
    return connection.fallback(request) if isinstance(connection, ShortcutConnection) else None


def _is_whole(message: object, body: StreamReader) -> bool:
    """True if a message was read to its end, and another may follow. What could not be parsed, and
    is answered 400, has no `should_close`."""
    return getattr(message, "should_close", True) is False and body.is_eof()
