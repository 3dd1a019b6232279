"""One event stream: what it missed, then what happens, as bytes in the order of the log.

Two may write to its wire, one at a time. As long as it is behind, or bytes wait in its wire, a task
of its own does (`catch_up`). Once it is up to date it is live: it needs no task, and the hub writes
events (`flush`) and heartbeats (`beat`) until a wire that fills up, or the stream's end, calls for
one again.

While it is behind it reads the log in pages, and what happens meanwhile waits in its backlog. A
backlog that fills up then is thrown away and read from the log later; one that fills up because the
client does not read ends the stream.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from events.log.types import Event
from events.stream import frames
from events.stream.missed_events import EventPage, Replay, Start
from events.stream.visibility import View, Viewpoint

Pack = Callable[[bytes], bytes]  # what the protocol below wants around every piece


class End(Enum):
    """Why a stream ended."""

    SHUTDOWN = "shutdown"
    REVOKED = "revoked"  # its grant no longer holds: nothing will come for it
    EXPIRED = "expired"  # its token or grant did
    EVICTED = "evicted"  # it did not read; it can catch up by its last event's id
    GONE = "gone"  # nobody is there any more


UNHEARD = frozenset({End.EVICTED, End.GONE})


class Wire(Protocol):
    """The way to the client. Writing never waits: what does not leave at once, the wire holds."""

    @property
    def is_gone(self) -> bool: ...

    def write(self, packed: bytes) -> None: ...

    def write_now(self, packed: bytes) -> bool:
        """Writes unless it holds something or is gone; False says that nothing was written."""

    async def drain(self) -> None:
        """Returns when it holds nothing. Raises: ConnectionError, TimeoutError."""

    def cut(self) -> None: ...


class Encoded:
    """An event's frames, each view encoded and packed once for all streams."""

    __slots__ = ("_frames", "event", "event_id")

    def __init__(self, event_id: int, event: Event) -> None:
        self.event_id = event_id
        self.event = event
        self._frames: dict[tuple[View, Pack], tuple[int, bytes]] = {}

    def frame(self, view: View, pack: Pack) -> tuple[int, bytes]:
        """With the event's id, as backlogs keep it."""
        found = self._frames.get((view, pack))
        if found is None:
            frame = frames.frame(self.event_id, self.event, view is View.STUDENT)
            found = self._frames[view, pack] = self.event_id, pack(frame)
        return found


class Subscriber:
    """Fed by the hub. Thousands of them are idle, so each holds little, and no timer."""

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
        self._reached_id = 0  # everything up to it was written
        self._target_id = 0  # everything above it comes through the backlog
        self._offered_id = 0  # everything up to it has come, or was read from the log
        self._wire: Wire | None = None
        self._wake: Callable[[], None] | None = None  # while it is live

    @property
    def backlog_count(self) -> int:
        return len(self._backlog)

    @property
    def is_gone(self) -> bool:
        return self._wire is not None and self._wire.is_gone

    def begin(self, start: Start, position: int, retry_ms: int, is_fresh: bool) -> None:
        """Takes up its place; from now on the hub offers it what is above `position`."""
        self._reached_id = start.after_id
        self._target_id = position
        self._offered_id = max(start.after_id, position)
        self._opening = frames.retry(retry_ms, start.after_id if is_fresh else None)
        if start.is_reset:
            self._opening += frames.reset(start.after_id)

    def offer(self, told: tuple[int, bytes]) -> bool:
        """What has just happened; what was offered before is passed over. True: `flush` it."""
        event_id = told[0]
        if self.end_reason or event_id <= self._offered_id:
            return False
        self._offered_id = event_id
        if len(self._backlog) >= self._backlog_size:
            self.flush()
        if len(self._backlog) < self._backlog_size:
            self._backlog.append(told)
        elif self._is_behind:
            self._backlog.clear()
            self._target_id = event_id
        else:
            self.end(End.EVICTED)
        return len(self._backlog) == 1

    def flush(self) -> None:
        """Writes what was offered, if it is live; called by the hub after a round of offers."""
        backlog = self._backlog
        if backlog and self._write_live(_joined(backlog)):
            self._reached_id = self._target_id = backlog[-1][0]
            backlog.clear()

    def beat(self) -> None:
        """The hub's heartbeat. One that is not live needs none: bytes wait in its wire."""
        self._write_live(self.pack(frames.HEARTBEAT))

    def revoke(self, told: tuple[int, bytes] | None) -> None:
        """Its grant no longer holds; `told`, unless it was before, is the last it hears."""
        is_news = told is not None and told[0] > self._offered_id
        self.end(End.REVOKED, told[1] if told and is_news else b"")

    def end(self, reason: End, farewell: bytes = b"") -> None:
        """What was kept is still written, then `farewell`, packed; then nothing more."""
        if self.end_reason:
            return
        self.end_reason = reason
        self._farewell = farewell
        if self._is_behind or reason in UNHEARD:
            self._backlog.clear()  # or the client would take the gap before it for read
        if reason is End.EVICTED and self._wire:
            self._wire.cut()
        self._call_task()

    async def feed(self, wire: Wire) -> None:
        """Returns when the stream is over. Raises as `catch_up`."""
        woken = asyncio.Event()
        while not await self.catch_up(wire, woken.set):
            await woken.wait()
            woken.clear()

    async def catch_up(self, wire: Wire, wake: Callable[[], None]) -> bool:
        """True when the stream is over; False when it is live: `wake` asks, once, to do it again.

        Raises: ConnectionError, TimeoutError (the client); DatabaseError, while it is behind: end
        the response, the client will come back.
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
        """False when it is not live, or no longer: a task sees to a full wire, and to none."""
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
        self._backlog = [told for told in self._backlog if told[0] > page.after_id]
        return frames.reset(page.after_id)

    def _frames_of(self, page: EventPage) -> list[bytes]:
        # The roles may have changed while the page was read.
        seen = ((told, self.viewpoint.view_of(told[1])) for told in page.events)
        return [frames.frame(*told, view is View.STUDENT) for told, view in seen if view]


def _joined(backlog: list[tuple[int, bytes]]) -> bytes:
    return backlog[0][1] if len(backlog) == 1 else b"".join([frame for _, frame in backlog])
