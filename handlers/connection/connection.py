"""A connection that can be handed an answer and sends it by itself, or carries a stream that others
write to its transport, while the handler is gone.

What a client sends meanwhile is held, a little of it, and handed on in order afterwards. An
answer behind which the connection ends is followed by a close that loses no byte of it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter

from handlers.connection.aiohttp_private import is_handling, mismatch
from handlers.connection.posts import Post
from handlers.connection.range_shortcut import RangeRequest, RangeShortcut, Shape, ShortcutAnswer
from handlers.connection.refused_bytes import RefusingBytes
from handlers.delivery.open_files import OpenFile
from handlers.delivery.pump import Pump, PumpSettings
from handlers.delivery.ranges import ByteSpan, Headers, Part
from handlers.delivery.transfers import Outcome, Transfer

logger = logging.getLogger(__name__)

# More than any honest client sends ahead; what is above it waits in the kernel.
HELD_BYTES = 64 * 1024
# A client that has said its last word gets an answer that begins within this time.
_EOF_GRACE_S = 1.0
_EOF_POLL_S = 0.05
# How long a client may take to read the last answer of a connection and close its side.
_LINGER_S = 5.0
# Turns of the loop in which the handler of an answer that is out has come to its end.
_SETTLING_TURNS = 50


class Fallback(NamedTuple):
    """A request that a shortcut began to answer and the full path has to refuse."""

    failure: BaseException
    began_s: float


Respond = Callable[[bytes | Fallback], None]


class PostShortcut(Protocol):
    """Answers requests like those that it has seen answered."""

    def begin(self, post: Post, respond: Respond) -> bool:
        """False where the full path has to answer. `respond` is called once, after the return."""
        ...

    def remember(self, request: web.Request, head: bytes, response: web.StreamResponse) -> None:
        """`request`, whose `Post.head` was `head`, was answered so on the full path."""
        ...


def protocol_factory(
    server: web.Server,
    *,
    keepalive_timeout_s: float = 75.0,
    range_shortcut: RangeShortcut | None = None,
    report_shortcut: PostShortcut | None = None,
) -> Callable[[], web.RequestHandler]:
    """Makes the protocol of a connection: ours, or aiohttp's own where it is not as expected."""
    options: dict[str, Any] = {
        "loop": asyncio.get_running_loop(),
        "keepalive_timeout": keepalive_timeout_s,
        "access_log": None,
        # A body that says to be packed is refused; unpacking it here would cost a thousand
        # times its size before anybody was asked.
        "auto_decompress": False,
    }
    if found := mismatch():
        logger.warning("videos are sent more slowly: %s", found)
        return partial(web.RequestHandler, server, **options)
    return partial(Connection, server, range_shortcut, report_shortcut, **options)


def is_busy(connection: web.RequestHandler) -> bool:
    """Whether somebody waits for an answer of it."""
    if isinstance(connection, Connection) and connection.is_sending:
        return True
    return is_handling(connection)


def _is_whole(message: object, body: StreamReader) -> bool:
    """Whether a message was read to its end, and another may follow; what could not be read, and
    is answered 400, knows no such thing."""
    return getattr(message, "should_close", True) is False and body.is_eof()


class Launched(web.StreamResponse):
    """Stands for an answer that its connection sends by itself: nothing is left to be done."""

    def __init__(
        self, connection: "Connection", status: int, headers: Headers | None = None
    ) -> None:
        super().__init__(status=status, headers=headers)
        self._connection = connection

    @property
    def keep_alive(self) -> bool:
        """The connection closes itself when it is time."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        await self._connection.until_free()


class Connection(RefusingBytes):
    """`launch` begins an answer, `carry` has others write one; until it is out, the client is heard
    but not listened to.

    `asked` is the range request that is being answered, if it may be known by its bytes.
    """

    __slots__ = (
        "_closes",
        "_fallback",
        "_has_eof",
        "_held",
        "_is_between",
        "_is_lingering",
        "_on_lost",
        "_post_head",
        "_pump",
        "_range_shortcut",
        "_report_shortcut",
        "_sent",
        "_shape",
        "_timer",
        "asked",
        "is_sending",
    )

    def __init__(
        self,
        server: web.Server,
        range_shortcut: RangeShortcut | None = None,
        report_shortcut: PostShortcut | None = None,
        **options: Any,
    ) -> None:
        super().__init__(server, **options)
        self.asked: RangeRequest | None = None
        self.is_sending = False
        self._range_shortcut = range_shortcut
        self._report_shortcut = report_shortcut
        self._shape: Shape | None = None  # of the request that was repeated last
        self._is_between = True
        self._closes = False
        self._has_eof = False
        self._is_lingering = False
        self._held: bytearray | None = None
        self._on_lost: Callable[[], None] | None = None  # while a stream is carried
        self._post_head: bytes | None = None  # of the POST that is being answered, likewise
        self._pump: Pump | None = None
        self._sent: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fallback: tuple[StreamReader, Fallback] | None = None

    def fallback(self, request: web.BaseRequest) -> Fallback | None:
        """That of this request, which is known by its body: every one has its own."""
        if self._fallback is None or self._fallback[0] is not request.content:
            return None
        return self._fallback[1]

    def forget_fallback(self) -> None:
        """A failure holds the frames that it went through, and they this connection."""
        self._fallback = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        finished = await super().finish_response(request, resp, start_time)
        head, self._post_head = self._post_head, None
        if head is not None and self._report_shortcut is not None:
            if isinstance(request, web.Request):
                self._report_shortcut.remember(request, head, finished[0])
            if not self.is_sending:
                self._settle(_SETTLING_TURNS)
        return finished

    def can_launch(self, request: web.BaseRequest) -> bool:
        """Whether an answer may go past the transport, and no body is still to come in."""
        return self.can_carry(request) and self._has_way()

    def can_carry(self, request: web.BaseRequest) -> bool:
        """Whether no body is still to come in."""
        return request.content.is_eof() and not self.is_sending

    def launch(
        self,
        head: bytes,
        parts: Sequence[Part],
        file: OpenFile,
        transfer: Transfer,
        settings: PumpSettings,
        *,
        closes: bool,
        is_full: bool = False,
    ) -> None:
        """Begin to send; `transfer` is finished when all is out or never will be. `is_full` says
        that the socket has no room at present."""
        self.is_sending = transfer.is_launched = True
        self._closes = closes
        pump = self._pump or self._make_pump(settings)
        pump.start(head, parts, file, transfer, is_full=is_full)

    def carry(self, on_lost: Callable[[], None], *, closes: bool) -> None:
        """Leave the transport to a stream whose head is out, until `have_carried` or `on_lost`."""
        self.is_sending = True
        self._closes = closes
        self._on_lost = on_lost
        self._let_go(_SETTLING_TURNS)

    def have_carried(self, *, is_whole: bool) -> None:
        """The stream is over; `is_whole` says that another answer may follow."""
        if self._on_lost is None:
            return
        self._on_lost = None
        if self._task_handler is None and is_whole and not self._closes:
            self._task_handler = self._loop.create_task(self.start())
        self._have_sent(Outcome.COMPLETE if is_whole else Outcome.ENDED)

    async def until_free(self) -> None:
        """Return when the next request may have its turn, if one is here already."""
        if self.is_sending and (self._messages or self._close):
            self._sent = self._loop.create_future()
            await self._sent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """uvloop brings the first request before aiohttp waits for it."""
        super().connection_made(transport)
        self._settle(_SETTLING_TURNS)

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            return
        if self.is_sending:
            self._hold(data)
        else:
            self._take(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A client may close its side and wait for what it asked for: it gets what is begun soon.

        Not one that left in the middle of a request, or while it was being written to by a
        handler, or as a stream; and TLS knows no half of a connection.
        """
        if self.ssl_context is not None or not is_busy(self) or self._is_talking():
            return super().eof_received()
        self._has_eof = True
        self._close_after_eof(self._loop.time() + _EOF_GRACE_S)
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.forget_fallback()
        pump, self._pump, self._held = self._pump, None, None
        if pump is not None:
            pump.close(is_reset=exc is not None)
        super().connection_lost(exc)
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost()

    def force_close(self) -> None:
        if self._pump is not None:
            self._pump.stop()
        super().force_close()

    def _has_way(self) -> bool:
        """Past the transport: nothing of an earlier answer is in it, nothing to be encrypted."""
        transport = self.transport
        return (
            transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
            and self.ssl_context is None
        )

    def _take(self, data: bytes) -> None:
        if self._takes_range_shortcut(data):
            return
        post = Post.of(data)
        if post is None or not self._takes_report_shortcut(data, post):
            self._parse(data, post)

    def _takes_range_shortcut(self, data: bytes) -> bool:
        """Whether the request was known, and is being answered."""
        self.asked = None
        if self._range_shortcut is None or not self._is_between or is_handling(self):
            return False
        self.asked = asked = self._range_shortcut.recognize(data, self._shape)
        if asked is None or not self._has_way():
            return False
        answer = self._range_shortcut.answer(asked)
        if answer is None:
            return False
        self._shape = asked.shape
        answer.file.hold()
        self.is_sending = True
        # What one turn of the loop decides leaves in the next: deciding together and sending
        # together keeps each in the processor's cache, and is a quarter faster (measured).
        self._loop.call_soon(self._send_admitted, answer, self._range_shortcut, data)
        return True

    def _takes_report_shortcut(self, data: bytes, post: Post) -> bool:
        """Whether the request is like one that was answered, and will be, too."""
        if self._report_shortcut is None or not self._is_between or is_handling(self):
            return False
        if not self._has_way():
            return False
        self.is_sending = self._report_shortcut.begin(post, partial(self._end_report, data, post))
        return self.is_sending

    def _end_report(self, data: bytes, post: Post, answer: bytes | Fallback) -> None:
        if self.transport is None:
            return
        if isinstance(answer, bytes):
            self.transport.write(answer)
            self._have_sent_at_once()
            return
        self.is_sending = False
        self._parse(data, post)
        if self._messages:  # not when aiohttp is closing, and hears nothing
            self._fallback = (self._messages[-1][1], answer)
        self._hand_on()

    def _send_admitted(
        self, answer: ShortcutAnswer, range_shortcut: RangeShortcut, data: bytes
    ) -> None:
        if self.transport is not None:
            if range_shortcut.admits(answer):
                self._send(answer, range_shortcut.settings)
            else:
                self.is_sending = False
                self._parse(data)
                self._hand_on()
        answer.file.release()

    def _send(self, answer: ShortcutAnswer, settings: PumpSettings) -> None:
        """What is out at once needs no transfer, and most answers to players are."""
        head, span, file, claim, _ = answer
        pump = self._pump or self._make_pump(settings)
        sent_bytes = 0 if claim.is_paced else pump.send_at_once(head, span, file)
        body_bytes = sent_bytes - len(head)
        if body_bytes == span.stop - span.start:
            claim.tally.add(body_bytes)
            pump.last = (claim.tally, body_bytes)
            self._have_sent_at_once()
        else:
            self._send_rest(answer, settings, sent_bytes)

    def _send_rest(self, answer: ShortcutAnswer, settings: PumpSettings, sent_bytes: int) -> None:
        head, (start, stop), file, claim, _ = answer
        transfer = claim.open_admitted()
        transfer.sent_bytes = max(0, sent_bytes - len(head))
        rest = (Part(b"", ByteSpan(start + transfer.sent_bytes, stop)),)
        is_full = sent_bytes > 0
        self.launch(
            head[sent_bytes:], rest, file, transfer, settings, closes=False, is_full=is_full
        )

    def _parse(self, data: bytes, post: Post | None = None) -> None:
        """Notes whether the parser stands between two requests. Once it may not, nobody can tell
        from outside when it does again. `post` is what the bytes are, if they are one."""
        if not (data and self._is_between):
            super().data_received(data)
            return
        count, is_next = len(self._messages), not is_handling(self)
        super().data_received(data)
        self._is_between = (
            (post is not None or data.find(b"\r\n\r\n") == len(data) - 4)
            and len(self._messages) == count + 1
            and _is_whole(*self._messages[-1])
            and not self._upgraded
        )
        self._post_head = post.head if post is not None and is_next and self._is_between else None

    def _make_pump(self, settings: PumpSettings) -> Pump:
        """Its socket is a duplicate, since a descriptor number that the transport closes may by the
        next turn of the loop be the socket of another user."""
        assert self.transport is not None
        own = self.transport.get_extra_info("socket").dup()
        self._pump = Pump(own, settings, self._have_sent)
        return self._pump

    def _have_sent(self, outcome: Outcome) -> None:
        self.is_sending = False
        if outcome is not Outcome.COMPLETE:
            self._cut()
        elif self._closes or (self._has_eof and not self._messages and not self._held):
            self._linger()
        else:
            self._next_keepalive_close_time = self._loop.time() + self.keepalive_timeout
            self._settle(_SETTLING_TURNS)
        self._tell_free()

    def _have_sent_at_once(self) -> None:
        """The same, but no handler has to end, and hardly ever anything was held."""
        if self._held is not None or self._has_eof:
            self._closes = False
            self._have_sent(Outcome.COMPLETE)
        else:
            self.is_sending = False
            self._next_keepalive_close_time = self._loop.time() + self.keepalive_timeout

    def _settle(self, turns: int) -> None:
        """Hand on what was held once the handler of the answer has ended, too: a client that is
        quicker than the loop would else be taken for one that sends ahead."""
        self.is_sending = turns > 0 and not self._messages and is_handling(self)
        if self.is_sending:
            self._loop.call_soon(self._settle, turns - 1)
            return
        if self.transport is not None:
            self._hand_on()
        self._tell_free()

    def _let_go(self, turns: int) -> None:
        """End aiohttp's task, which waits for the next request with all of the last one in hand:
        more than everything else that is kept of a stream."""
        if self._on_lost is None or turns == 0:
            return
        if is_handling(self):
            self._loop.call_soon(self._let_go, turns - 1)
        elif self._task_handler is not None:
            self._task_handler.cancel()
            self._task_handler = None

    def _tell_free(self) -> None:
        if not self.is_sending and self._sent is not None and not self._sent.done():
            self._sent.set_result(None)

    def _hold(self, data: bytes) -> None:
        if self._held is None:
            self._held = bytearray()
        self._held += data
        if len(self._held) >= HELD_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def _hand_on(self) -> None:
        """Also nothing, if that was held: with it aiohttp asks itself to go on."""
        held, self._held = self._held, None
        if held is None:
            return
        self._resume(held)
        self._take(bytes(held))

    def _resume(self, held: bytearray | None) -> None:
        is_paused_by_us = held is not None and len(held) >= HELD_BYTES
        if is_paused_by_us and not self._reading_paused and not self._buffer_paused:
            assert self.transport is not None
            self.transport.resume_reading()

    def _cut(self) -> None:
        """An answer that ends in the middle must not look whole."""
        self._is_lingering = True
        if self.transport is not None:
            self.transport.abort()

    def _linger(self) -> None:
        """Close so that the client can read all: closing with its bytes unread would reset the
        connection, and with it what the client has not read."""
        self._is_lingering = True
        self._messages.clear()
        if self.transport is None or self.transport.is_closing():
            return
        if self._has_eof or self.ssl_context is not None:
            self.transport.close()
            return
        self._resume(self._held)
        self.transport.write_eof()
        self._set_timer(_LINGER_S, self.force_close)

    def _close_after_eof(self, begun_by_s: float) -> None:
        """Looks now and then whether everything is answered, or is not going to be."""
        is_late = self._loop.time() > begun_by_s and not self.is_sending
        if is_late or not is_busy(self):
            self.force_close()
        else:
            self._set_timer(_EOF_POLL_S, partial(self._close_after_eof, begun_by_s))

    def _is_talking(self) -> bool:
        """Whether a request is still coming in, or an answer of others is going out."""
        if self._on_lost is not None:
            return True
        bodies = [body for _, body in self._messages]
        if self._current_request is not None:
            if self._current_request.writer.output_size:
                return True
            bodies.append(self._current_request.content)
        return not all(body.is_eof() for body in bodies)

    def _set_timer(self, delay_s: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, callback)

    def _process_keepalive(self) -> None:
        """The time without a request begins when the last answer is out."""
        if self.is_sending:
            self._next_keepalive_close_time = self._loop.time() + self.keepalive_timeout
        super()._process_keepalive()


def began_s(request: web.BaseRequest) -> float:
    """The monotonic time at which answering a request began, which has just come."""
    fallback = _fallback(request)
    return time.monotonic() if fallback is None else fallback.began_s


def raise_failure(request: web.BaseRequest) -> None:
    """Raises what a shortcut ran into, if one began to answer; once."""
    fallback = _fallback(request)
    if fallback is not None:
        cast(Connection, request.protocol).forget_fallback()
        raise fallback.failure.with_traceback(None)  # a whole batch may share it


def _fallback(request: web.BaseRequest) -> Fallback | None:
    connection = request.protocol
    return connection.fallback(request) if isinstance(connection, Connection) else None
