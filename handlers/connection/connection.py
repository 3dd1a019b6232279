"""The protocol of a connection: aiohttp's, with responses that outlive their handler.

Here its parts meet: `state` says which of them acts, input waits in an `InputBuffer` while it may
not be parsed, a `Pump` sends what is launched, others write a stream that is carried, `Closing`
ends the connection.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from handlers.connection.aiohttp_private import IdleWatch
from handlers.connection.closing import Closing
from handlers.connection.input_buffer import InputBuffer
from handlers.connection.refused_bytes import RefusingBytes
from handlers.connection.state import BUFFERING, BUSY, PARSING, ConnectionEvent, State, next_state
from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.outlets import outlet_of
from handlers.delivery.output.pump import Pump, PumpSettings
from handlers.delivery.ranges import Part
from handlers.transfers.transfers import Outcome, Transfer


class Connection(RefusingBytes):
    """Sends what is launched, and leaves the transport to a stream that it carries."""

    __slots__ = ("_closing", "_free", "_input", "_on_lost", "_pump", "state")

    def __init__(self, server: web.Server, idle: IdleWatch, options: Mapping[str, Any]) -> None:
        super().__init__(server, idle, options)
        self.state = State.IDLE
        self._input: InputBuffer | None = None
        self._pump: Pump | None = None
        self._on_lost: Callable[[], None] | None = None  # of the stream that is carried
        self._closing: Closing | None = None
        self._free: asyncio.Future[None] | None = None

    # Responses that outlive their handler.

    def can_launch(self, request: web.BaseRequest) -> bool:
        """True if the connection may send a response itself, and the request is complete."""
        return self.can_carry(request) and self._has_way()

    def can_carry(self, request: web.BaseRequest) -> bool:
        """True if the request is complete, and handled now."""
        return self.state is State.HANDLING and request.content.is_eof()

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
        """Begin to send; `transfer` is finished when all is sent or never will be. `is_full`: the
        outlet has no room at present. Raises: ConnectionResetError."""
        if self.state is State.CLOSED:
            raise ConnectionResetError
        self._on(ConnectionEvent.RESPONSE_LAUNCHED)
        transfer.is_launched = True
        if closes:
            self._end_of_connection().is_last = True
        pump = self._pump or self._make_pump(settings)
        pump.start(head, parts, file, transfer, is_full=is_full)

    def carry(self, on_lost: Callable[[], None], *, closes: bool) -> None:
        """Leave the transport to a stream whose head is sent, until `have_carried` or `on_lost`."""
        if self.state is State.CLOSED:  # meanwhile
            on_lost()
            return
        self._on(ConnectionEvent.STREAM_CARRIED)
        if closes:
            self._end_of_connection().is_last = True
        self._on_lost = on_lost

    def have_carried(self, *, is_whole: bool) -> None:
        """The stream is over, unless it was lost; `is_whole`: another response may follow."""
        if self._on_lost is None:
            return
        self._on_lost = None
        self._end_response(Outcome.COMPLETE if is_whole else Outcome.ENDED)

    async def until_free(self) -> None:
        """Return when the next request may be handled, if it was parsed already."""
        is_under_way = self.state in (State.LAUNCHED, State.CARRIED)
        if is_under_way and (self.queued or self.is_draining):
            self._free = self.loop.create_future()
            await self._free

    # Called by the event loop and by aiohttp.

    def data_received(self, data: bytes) -> None:
        if self.state in BUFFERING:
            if self._input is None:
                self._input = InputBuffer(self)
            self._input.add(data)
        elif self.state in PARSING:
            self._parse(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A client may close its side and wait for what it asked for, if that begins soon.

        Not in the middle of a request, or of a response by a handler, or of a stream: then it has
        left. TLS has no half-close.
        """
        # What is buffered may be the rest of the body that is missing.
        is_missing_input = not self._input and self.is_receiving()
        has_left = is_missing_input or self.is_writing() or self._on_lost is not None
        if has_left or self.ssl_context is not None or self.state not in BUSY:
            return super().eof_received()
        closing = self._end_of_connection()
        closing.has_eof = True
        closing.expect_response(self._has_response_begun)
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._closing is not None:
            self._closing.cancel()
        pump, self._pump, self._input = self._pump, None, None
        if pump is not None:
            pump.close(is_reset=exc is not None)
        super().connection_lost(exc)
        self._on(ConnectionEvent.CONNECTION_LOST)
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost()
        self._set_free()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._pump is not None:
            self._pump.have_room()

    def close(self) -> None:
        """The response under way, if there is one, is the last."""
        if self.state in BUSY:
            self._end_of_connection().is_last = True
        super().close()

    def force_close(self) -> None:
        if self._pump is not None:
            self._pump.stop()
        super().force_close()

    def may_expire(self) -> bool:
        """The time without a request begins when the last response is complete."""
        return self.state not in BUFFERING

    def handler_ready(self) -> None:
        self._on(ConnectionEvent.HANDLER_READY)
        if self.state is State.IDLE:
            self._go_on()
        elif self.state is State.STREAMING:
            # While it waits for the next request it refers to the last one, which takes more memory
            # than everything else that is kept of a stream.
            self.end_task()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        finished = await super().finish_response(request, resp, start_time)
        if self.state is State.RETURNING:  # what followed a declined upgrade was parsed just now
            self._go_on()
        return finished

    def _parse(self, data: bytes) -> None:
        self.feed(data)
        if self.state is State.IDLE and self.queued:
            self._on(ConnectionEvent.REQUEST_QUEUED)
            self.need_task()

    def _has_way(self) -> bool:
        """True if a response would overtake nothing: what bypasses the transport, which all does
        but TLS, needs it to hold nothing of an earlier one."""
        transport = self.transport
        return (
            transport is not None
            and not transport.is_closing()
            and (transport.get_write_buffer_size() == 0 or self.ssl_context is not None)
        )

    def _make_pump(self, settings: PumpSettings) -> Pump:
        assert self.transport is not None
        self._pump = Pump(outlet_of(self.transport, settings.room), settings, self._end_response)
        return self._pump

    # The end of a response, and perhaps of the connection.

    def _end_response(self, outcome: Outcome) -> None:
        has_more = bool(self.queued or self._input)
        if outcome is not Outcome.COMPLETE:
            self._abort(outcome)
        elif self._closing is not None and self._closing.is_due(has_more=has_more):
            self._linger(self._closing)
        else:
            self._on(ConnectionEvent.RESPONSE_SENT)
            self.restart_keepalive()
            self._go_on()
        self._set_free()

    def _go_on(self) -> None:
        """Goes on to buffered input, once no response is under way."""
        if self.state is State.RETURNING and self.queued:
            self._on(ConnectionEvent.REQUEST_QUEUED)
        if self.state in BUFFERING:
            return
        held, self._input = self._input, None
        if held is not None:
            self.data_received(held.take())
        if self._closing is not None and self._closing.has_eof:
            self._close_or_answer(self._closing)

    def _close_or_answer(self, closing: Closing) -> None:
        """Behind the client's end of input."""
        if self.state is State.IDLE:
            self.force_close()
        elif self.state is State.HANDLING:
            closing.expect_response(self._has_response_begun)

    def _has_response_begun(self) -> bool:
        return self.state is not State.HANDLING or self.is_writing()

    def _abort(self, outcome: Outcome) -> None:
        """A response that ends in the middle must not look complete."""
        self._on(ConnectionEvent.RESPONSE_ABORTED)
        if self.transport is None:
            return
        if outcome is Outcome.TRUNCATED:  # the bytes sent are right: let them arrive
            self.transport.close()
        else:
            self.transport.abort()

    def _linger(self, closing: Closing) -> None:
        self._on(ConnectionEvent.LAST_RESPONSE_SENT)
        self.drop_queued()
        if self._input is not None:
            self._input.resume()
        closing.linger()

    def _end_of_connection(self) -> Closing:
        if self._closing is None:
            self._closing = Closing(self)
        return self._closing

    def _set_free(self) -> None:
        if self._free is not None and not self._free.done():
            self._free.set_result(None)

    def _on(self, event: ConnectionEvent) -> None:
        self.state = next_state(self.state, event)
