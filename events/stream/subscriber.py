"""A subscriber: one event stream, which sends missed and then live events in log order.

There are two writers, one at a time. While the stream is behind, or its wire holds unsent bytes, a
task of its own writes (`catch_up`). Once up to date the stream is live and needs no task: the hub
writes events (`flush`) and heartbeats (`beat`), until a full wire or the stream's end wakes the
task again.

While behind, the stream reads the log in pages and queues new events in its backlog. If the backlog
fills up meanwhile, it is dropped and those events are read from the log later; if it fills up
because the client does not read, the stream ends.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from events.log.types import Event
from events.privacy.naming import IDS, Naming
from events.stream import frames
from events.stream.missed_events import EventPage, Replay, Start
from events.stream.visibility import View, Viewpoint

Pack = Callable[[bytes], bytes]  # the framing of the protocol below


class End(Enum):
    """Reasons for the end of a stream."""

    SHUTDOWN = "shutdown"
    REVOKED = "revoked"  # the grant was revoked: the client should not reconnect
    EXPIRED = "expired"  # the token or grant expired
    EVICTED = "evicted"  # the client did not read; it can resume from its last event id
    GONE = "gone"  # the client disconnected


UNREACHABLE = frozenset({End.EVICTED, End.GONE})


class Wire(Protocol):
    """The transport to the client. Writing never waits: the wire buffers unsent bytes."""

    @property
    def is_gone(self) -> bool: ...

    def write(self, packed: bytes) -> None: ...

    def write_now(self, packed: bytes) -> bool:
        """Writes if the wire is open and empty; otherwise writes nothing and returns False."""

    async def drain(self) -> None:
        """Returns when the buffer is empty. Raises: ConnectionError, TimeoutError."""

    def cut(self) -> None: ...


class Encoded:
    """An event's frames, encoded and packed once per view and naming for all streams."""

    __slots__ = ("_frames", "event", "event_id")

    def __init__(self, event_id: int, event: Event) -> None:
        self.event_id = event_id
        self.event = event
        self._frames: dict[tuple[View, Pack, Naming], tuple[int, bytes]] = {}

    def frame(self, view: View, pack: Pack, naming: Naming = IDS) -> tuple[int, bytes]:
        """Returns (event id, packed frame), as backlogs keep it."""
        key = view, pack, naming
        found = self._frames.get(key)
        if found is None:
            frame = frames.frame(self.event_id, self.event, view is View.STUDENT, naming)
            found = self._frames[key] = self.event_id, pack(frame)
        return found


class Subscriber:
    """One stream, fed by the hub. Thousands are idle, so each is small and has no timer."""

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_backlog_size",
        "_farewell",
        "_offered_id",
        "_opening",
        "_reached_id",
        "_target_id",
        "_wake",
        "_wire",
        "end_reason",
        "expires_at",
        "pack",
        "replay",
        "viewpoint",
    )

    def __init__(
        self,
        viewpoint: Viewpoint,
        replay: Replay,
        backlog_size: int,
        pack: Pack = bytes,
        expires_at: float = float("inf"),
    ) -> None:
        self.viewpoint = viewpoint
        self.pack = pack
        self.expires_at = expires_at
        self.end_reason: End | None = None
        self.replay = replay
        self._backlog: list[tuple[int, bytes]] = []
        self._backlog_size = backlog_size
        self._opening = b""
        self._farewell = b""
        self._reached_id = 0  # events up to it were written
        self._target_id = 0  # events above it come through the backlog
        self._offered_id = 0  # events up to it were offered, or read from the log
        self._wire: Wire | None = None
        self._wake: Callable[[], None] | None = None  # while it is live

    @property
    def backlog_count(self) -> int:
        return len(self._backlog)

    @property
    def first_waiting_id(self) -> int:
        """The id of the first event in the backlog, which is not empty."""
        return self._backlog[0][0]

    @property
    def is_gone(self) -> bool:
        return self._wire is not None and self._wire.is_gone

    def begin(self, start: Start, position: int, retry_ms: int, is_fresh: bool) -> None:
        """Sets the start; from now on the hub offers events above `position`."""
        self._reached_id = start.after_id
        self._target_id = position
        self._offered_id = max(start.after_id, position)
        self._opening = frames.retry(retry_ms, start.after_id if is_fresh else None)
        if start.is_reset:
            self._opening += frames.reset(start.after_id)

    def offer(self, framed: tuple[int, bytes]) -> bool:
        """Queues an (event id, frame) that was not offered before; True asks for a `flush`."""
        event_id = framed[0]
        if self.end_reason or event_id <= self._offered_id:
            return False
        self._offered_id = event_id
        if len(self._backlog) >= self._backlog_size:
            self.flush()
        if len(self._backlog) < self._backlog_size:
            self._backlog.append(framed)
        elif self._is_behind:
            self._backlog.clear()
            self._target_id = event_id
        else:
            self.end(End.EVICTED)
        return len(self._backlog) == 1

    def flush(self) -> None:
        """Writes the backlog if live; the hub calls it after a round of offers."""
        backlog = self._backlog
        if backlog and self._write_live(_joined(backlog)):
            self._reached_id = self._target_id = backlog[-1][0]
            backlog.clear()

    def beat(self) -> None:
        """Writes a heartbeat if live; otherwise bytes are on their way anyway."""
        self._write_live(self.pack(frames.HEARTBEAT))

    def revoke(self, framed: tuple[int, bytes] | None) -> None:
        """Ends a stream whose grant was revoked, after `framed` unless that was sent before."""
        is_news = framed is not None and framed[0] > self._offered_id
        self.end(End.REVOKED, framed[1] if framed and is_news else b"")

    def end(self, reason: End, farewell: bytes = b"") -> None:
        """Ends the stream: the backlog is still written, then the packed `farewell`."""
        if self.end_reason:
            return
        self.end_reason = reason
        self._farewell = farewell
        if self._is_behind or reason in UNREACHABLE:
            self._backlog.clear()  # its last id would make the client skip the gap before it
        if reason is End.EVICTED and self._wire:
            self._wire.cut()
        self._call_task()

    async def feed(self, wire: Wire) -> None:
        """Writes until the stream is over. Raises as `catch_up`."""
        woken = asyncio.Event()
        while not await self.catch_up(wire, woken.set):
            await woken.wait()
            woken.clear()

    async def catch_up(self, wire: Wire, wake: Callable[[], None]) -> bool:
        """Writes until the stream is over (True) or live (False): then `wake` is called, once,
        when this must run again.

        Raises: ConnectionError, TimeoutError (the client); DatabaseError while behind: end the
        response, and the client reconnects.
        """
        self._wire = wire
        wire.write(self.pack(self._opening))
        self._opening = b""
        while not wire.is_gone:
            await wire.drain()
            if self._is_behind and not self.end_reason:
                if missed := await self._read_page():
                    wire.write(self.pack(missed))
            elif self._backlog:
                wire.write(self._take_backlog())
            elif self.end_reason:
                wire.write(self._farewell)
                return True
            else:
                self._wake = wake
                return False
        return True

    @property
    def _is_behind(self) -> bool:
        return self._reached_id < self._target_id

    def _write_live(self, packed: bytes) -> bool:
        """Writes if live; wakes the task and returns False when the wire is full or gone."""
        if self._wire is None or self._wake is None:
            return False
        if self._wire.write_now(packed):
            return True
        self._call_task()
        return False

    def _call_task(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def _take_backlog(self) -> bytes:
        taken, self._backlog = self._backlog, []
        self._reached_id = self._target_id = taken[-1][0]
        return _joined(taken)

    async def _read_page(self) -> bytes:
        page = await self.replay.page(self._reached_id, self._target_id)
        if isinstance(page, EventPage):
            self._reached_id = page.up_to_id
            return b"".join(self._frames_of(page))
        self._reached_id = page.after_id
        self._offered_id = max(self._offered_id, page.after_id)
        self._backlog = [framed for framed in self._backlog if framed[0] > page.after_id]
        return frames.reset(page.after_id)

    def _frames_of(self, page: EventPage) -> list[bytes]:
        # Roles may have changed while the page was read.
        seen = ((entry, self.viewpoint.view_of(entry[1])) for entry in page.events)
        naming = self.viewpoint.scope.naming
        return [frames.frame(*entry, view is View.STUDENT, naming) for entry, view in seen if view]


def _joined(backlog: list[tuple[int, bytes]]) -> bytes:
    return backlog[0][1] if len(backlog) == 1 else b"".join([frame for _, frame in backlog])
