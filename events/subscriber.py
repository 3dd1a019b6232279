"""One event stream: what it missed, then what happens, as bytes in the order of the log.

While it is behind it reads the log in pages, and what happens meanwhile waits in its backlog. A
backlog that fills up then is thrown away and read from the log later; one that fills up when the
stream is up to date means that nobody reads it, and ends it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum

from events import frames
from events.replay import Page, Replay, Start
from events.types import Event, VideoDeleted
from events.visibility import View, Viewpoint


class End(Enum):
    """Why a stream ended."""

    SHUTDOWN = "shutdown"
    REVOKED = "revoked"  # its grant no longer holds: nothing will come for it
    EVICTED = "evicted"  # it did not read; it can catch up by its last event's id


class Encoded:
    """An event's frames, each view encoded once for all streams."""

    __slots__ = ("_frames", "event", "event_id")

    def __init__(self, event_id: int, event: Event) -> None:
        self.event_id = event_id
        self.event = event
        self._frames: dict[View, bytes] = {}

    def frame(self, view: View) -> bytes:
        if view not in self._frames:
            self._frames[view] = frames.frame(self.event_id, self.event, view is View.STUDENT)
        return self._frames[view]


class Subscriber:
    """Fed by the hub, read by the one task that writes the response."""

    def __init__(
        self,
        viewpoint: Viewpoint,
        replay: Replay,
        backlog_size: int,
        on_evict: Callable[[], None] | None = None,
    ) -> None:
        self.viewpoint = viewpoint
        self.end_reason: End | None = None
        self.is_over = False
        self.replay = replay
        self._backlog_size = backlog_size
        self._backlog: deque[tuple[int, bytes]] = deque()
        self._on_evict = on_evict
        self._opening = b""
        self._farewell = b""
        self._reached_id = 0  # everything up to it was handed out
        self._target_id = 0  # everything above it comes through the backlog
        self._news = asyncio.Event()

    def begin(self, start: Start, position: int, retry_ms: int, is_fresh: bool) -> None:
        """Takes up its place; from now on the hub offers it what is above `position`."""
        self._reached_id = start.after_id
        self._target_id = position
        self._opening = frames.retry(retry_ms, start.after_id if is_fresh else None)
        if start.is_reset:
            self._opening += frames.reset(start.after_id)

    def offer(self, encoded: Encoded) -> None:
        """What has just happened; kept when this stream may see it."""
        event = encoded.event
        if self.end_reason or encoded.event_id <= self._reached_id:
            return
        view = self.viewpoint.view_of(event)
        frame = encoded.frame(view) if view else b""
        if isinstance(event, VideoDeleted) and event.video_id == self.viewpoint.scope.video_id:
            self.end(End.REVOKED, frame)
        elif frame:
            self._keep(encoded.event_id, frame)

    def revoke(self, encoded: Encoded) -> None:
        """Ends a playback grant's stream at the event that took the grant away."""
        is_told = self.viewpoint.is_farewell(encoded.event)
        self.end(End.REVOKED, encoded.frame(View.FULL) if is_told else b"")

    def end(self, reason: End, farewell: bytes = b"") -> None:
        """What was kept is still handed out, then `farewell`, then nothing more."""
        if self.end_reason:
            return
        self.end_reason = reason
        self._farewell = farewell
        if self._is_behind or reason is End.EVICTED:
            self._backlog.clear()  # or the client would take the gap before it for read
        self._news.set()

    async def next(self, timeout_s: float) -> bytes | None:
        """The next bytes to write; None when nothing came in time and a heartbeat is due.

        After the last ones `is_over` is true.
        Raises: DatabaseError, while it is behind: end the response, the client will come back.
        """
        if self._opening:
            opening, self._opening = self._opening, b""
            return opening
        while True:
            if self._is_behind and not self.end_reason:
                missed = await self._read_page()
                if missed:
                    return missed
            elif self._backlog:
                return self._take_backlog()
            elif self.end_reason:
                self.is_over = True
                return self._farewell
            elif not await self._hear(timeout_s):
                return None

    @property
    def _is_behind(self) -> bool:
        return self._reached_id < self._target_id

    def _keep(self, event_id: int, frame: bytes) -> None:
        if len(self._backlog) < self._backlog_size:
            self._backlog.append((event_id, frame))
            self._news.set()
        elif self._is_behind:
            self._backlog.clear()
            self._target_id = event_id
        else:
            self.end(End.EVICTED)
            if self._on_evict:
                self._on_evict()

    async def _read_page(self) -> bytes:
        page = await self.replay.page(self._reached_id, self._target_id)
        if isinstance(page, Page):
            self._reached_id = page.up_to_id
            return b"".join(self._frames_of(page))
        self._reached_id = page.after_id
        while self._backlog and self._backlog[0][0] <= self._reached_id:
            self._backlog.popleft()
        return frames.reset(page.after_id)

    def _frames_of(self, page: Page) -> list[bytes]:
        # The roles may have changed while the page was read.
        seen = ((Encoded(*told), self.viewpoint.view_of(told[1])) for told in page.events)
        return [encoded.frame(view) for encoded, view in seen if view]

    def _take_backlog(self) -> bytes:
        self._reached_id = self._target_id = self._backlog[-1][0]
        taken = b"".join(frame for _, frame in self._backlog)
        self._backlog.clear()
        return taken

    async def _hear(self, timeout_s: float) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
