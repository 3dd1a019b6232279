"""Sends text and spans of a file out of a connection, as fast as the client reads them.

Each wake-up moves a window of the file from the page cache into the connection's `Outlet`; between
windows the loop serves other clients, and sent bytes are counted and paced. A window is sent only
when it is resident. It knows nothing of HTTP and does not decide what is sent.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from handlers.delivery.errors import FileTruncated
from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.outcomes import log_end, outcome_of
from handlers.delivery.output.outlets import CORK_FROM_BYTES, Outlet
from handlers.delivery.output.read_ahead import ReadAhead
from handlers.delivery.output.room import RoomWatch
from handlers.delivery.ranges import ByteSpan, Part
from handlers.token_bucket import TokenBucket
from handlers.transfers.figures import FULL_AFTER_S, Doing
from handlers.transfers.transfers import Outcome, Tally, Transfer
from handlers.transfers.unsent import StallWatch

# With a limit, a window is a twentieth of a second's worth: what a player takes for smooth.
_WINDOWS_A_SECOND = 20
_LEAST_WINDOW_BYTES = 4096

# Returns the bytes sent; errors of the socket and of the file end it early.
Send = Callable[[], int]


@dataclass(frozen=True, slots=True)
class PumpSettings:
    """Settings and services of all pumps."""

    read_ahead: ReadAhead
    room: RoomWatch
    stalls: StallWatch
    window_bytes: int = 2 << 20

    def window_for(self, bandwidth: TokenBucket | None) -> int:
        """The bytes to send per wake-up."""
        if bandwidth is None:
            return self.window_bytes
        smooth = max(_LEAST_WINDOW_BYTES, int(bandwidth.rate_per_s / _WINDOWS_A_SECOND))
        return min(self.window_bytes, smooth)


class Pump:
    """The pump of one connection: one response at a time. It owns the outlet; `close` closes it.

    `on_end` is called when a response was sent, or never will be.
    """

    __slots__ = (
        "_at",
        "_file",
        "_has_begun",
        "_has_waited",
        "_is_corked",
        "_is_running",
        "_loop",
        "_on_end",
        "_outlet",
        "_parts",
        "_pause",
        "_pause_s",
        "_reading",
        "_sent_at_s",
        "_settings",
        "_stop",
        "_text",
        "_transfer",
        "_uncounted_bytes",
        "_window_bytes",
        "last",
    )

    _at: int
    _file: OpenFile
    _parts: Iterator[Part]
    _stop: int
    _text: bytes
    _transfer: Transfer

    def __init__(
        self,
        outlet: Outlet,
        settings: PumpSettings,
        on_end: Callable[[Outcome], None],
    ) -> None:
        # The account of the last complete response, and its bytes: the client may still reset.
        self.last: tuple[Transfer | Tally, int] | None = None
        self._outlet = outlet
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._on_end = on_end
        self._is_running = False
        self._has_waited = False
        self._is_corked = False
        self._pause: asyncio.TimerHandle | None = None
        self._reading: asyncio.Task[None] | None = None

    def at_once(self, head: bytes, span: ByteSpan, file: OpenFile) -> Send | None:
        """The call that sends as much of a head and a resident span as there is room for. `start`
        continues with the rest, also after an error. None if it needs more than one window."""
        start, stop = span
        settings = self._settings
        if stop - start > settings.window_bytes:
            return None
        try:
            is_resident = settings.read_ahead.is_resident(file, start, stop)
        except OSError:
            return None
        if not is_resident:
            return None
        return partial(self._outlet.send_at_once, head, file, start, stop)

    def start(
        self,
        head: bytes,
        parts: Sequence[Part],
        file: OpenFile,
        transfer: Transfer,
        *,
        is_full: bool = False,
    ) -> None:
        """Send what there is room for, unless the outlet is full; the rest follows as the client
        reads."""
        self._is_running = True
        self._transfer = transfer
        self._has_begun = transfer.sent_bytes > 0
        self._sent_at_s = self._loop.time()
        self._file = file.hold()
        self._parts = iter(parts)
        self._take_part()
        self._text = head + self._text
        self._uncounted_bytes = len(head)
        self._set_pace(transfer.bandwidth)
        transfer.on_end, transfer.doing = self._abort, self._doing
        if transfer.is_ended:
            self._abort()
        elif self._pause_s > 0.0:
            self._wait()
        else:
            self._cork(self._stop - self._at > CORK_FROM_BYTES)
            self._wait() if is_full else self._turn()

    def stop(self) -> None:
        """End the response that is being sent, if there is one, where it is."""
        if self._is_running:
            self._transfer.end()

    def close(self, *, is_reset: bool = False) -> None:
        """The connection is gone. After a reset, unacknowledged bytes do not count."""
        if self._is_running:
            self._abort()
        elif is_reset and self.last is not None:
            account, size_bytes = self.last
            account.take_back(min(self._outlet.unsent_bytes(), size_bytes))
        self._outlet.close()

    def have_room(self) -> None:
        """The transport has written all that it held back."""
        self._outlet.have_room()

    def taken_and_waiting(self) -> tuple[int, int]:
        waiting = self._outlet.unsent_bytes()
        return self._transfer.sent_bytes - waiting, waiting

    def stall(self) -> None:
        self._end(TimeoutError())

    def _set_pace(self, bandwidth: TokenBucket | None) -> None:
        """Wait first for what other responses to the user took beyond the limit."""
        self._window_bytes = self._settings.window_for(bandwidth)
        self._pause_s = 0.0 if bandwidth is None else bandwidth.owe(0, time.monotonic())

    def _turn(self) -> None:
        """Send what one wake-up may: pending text, then at most one window of the file."""
        try:
            if self._text:
                self._send_text()
            if not self._text and self._at < self._stop:
                self._send_window()
        except BlockingIOError:
            pass
        except (OSError, FileTruncated) as exc:
            self._end(exc)
            return
        if not self._has_begun and self._transfer.sent_bytes:
            self._has_begun = True
            self._transfer.note_first_byte()
        if self._text or self._at < self._stop or self._take_part():
            self._wait()
        else:
            self._end(None)

    def _send_text(self) -> None:
        sent_bytes = self._outlet.send(self._text, has_more=self._at < self._stop)
        self._text = self._text[sent_bytes:]
        uncounted_bytes = min(sent_bytes, self._uncounted_bytes)
        self._uncounted_bytes -= uncounted_bytes
        self._transfer.sent_bytes += sent_bytes - uncounted_bytes

    def _send_window(self) -> None:
        """A short write means that the outlet is full, without another call that says so."""
        file, start = self._file, self._at
        stop = min(start + self._window_bytes, self._stop)
        if not self._settings.read_ahead.is_resident(file, start, stop):
            self._read_in(ByteSpan(start, stop))
            return
        sent_bytes = self._outlet.send_file(file, start, stop)
        if sent_bytes == 0:
            file.found_short()
            raise FileTruncated
        self._at = start + sent_bytes
        self._sent_at_s = self._loop.time()
        self._transfer.sent_bytes += sent_bytes
        if self._transfer.bandwidth is not None:
            self._pause_s = self._transfer.bandwidth.owe(sent_bytes, time.monotonic())

    def _take_part(self) -> bool:
        part = next(self._parts, None)
        if part is None:
            return False
        self._text, self._at, self._stop = part.prefix, part.span.start, part.span.stop
        return True

    def _doing(self) -> Doing:
        """The wait of the response under way; asked between turns of the loop."""
        if self._reading is not None:
            return Doing.DISK
        if self._pause is not None:
            return Doing.PACED
        is_full = self._loop.time() - self._sent_at_s > FULL_AFTER_S
        return Doing.CLIENT if is_full else Doing.SENDING

    def _wait(self) -> None:
        """Waits for the disk, for the bandwidth, or for room: a slow client may take any time as
        long as it acknowledges anything."""
        if not self._has_waited:
            self._has_waited = True
            self._settings.stalls.add(self)
        if self._reading is not None:
            return
        if self._pause_s > 0.0:
            self._pause = self._loop.call_later(self._pause_s, self._go_on)
        else:
            self._outlet.wait(self._turn)

    def _go_on(self) -> None:
        self._pause, self._pause_s = None, 0.0
        self._turn()

    def _read_in(self, window: ByteSpan) -> None:
        self._reading = self._loop.create_task(
            self._settings.read_ahead.make_resident(self._file, window)
        )
        self._reading.add_done_callback(self._have_read)

    def _have_read(self, reading: "asyncio.Task[None]") -> None:
        fault = None if reading.cancelled() else reading.exception()
        if reading is not self._reading:
            return  # of a response that has ended
        self._reading = None
        if fault is not None:
            self._end(fault)
        else:
            self._turn()

    def _abort(self) -> None:
        self._end(ConnectionAbortedError())

    def _end(self, fault: BaseException | None) -> None:
        self._is_running = False
        transfer = self._transfer
        outcome = Outcome.COMPLETE if fault is None else outcome_of(fault, transfer)
        self._rest()
        # The bytes sent of a truncated file are right: let them arrive.
        if outcome in (Outcome.COMPLETE, Outcome.TRUNCATED):
            self._cork(False)
        else:
            self._outlet.drop_unsent(transfer)
        if fault is not None:
            log_end(transfer, outcome, fault)
        self.last = (transfer, transfer.sent_bytes) if outcome is Outcome.COMPLETE else None
        transfer.finish(outcome)
        self._on_end(outcome)

    def _rest(self) -> None:
        """Release what the response held; no callback follows."""
        self._file.release()
        if not self._has_waited:
            return
        self._has_waited = False
        self._settings.stalls.discard(self)
        self._outlet.cancel()
        for waiting in (self._pause, self._reading):
            if waiting is not None:
                waiting.cancel()
        self._pause = self._reading = None

    def _cork(self, is_corked: bool) -> None:
        """Keeps segments full between windows."""
        if is_corked == self._is_corked:
            return
        self._is_corked = is_corked
        self._outlet.cork(is_corked)
