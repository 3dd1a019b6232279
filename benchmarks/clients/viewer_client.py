"""Viewers who report as the service's own player does, a program by itself.

`python -m benchmarks.clients.viewer_client PORT FILE`; a line of the file is a path and a session.
For each line of its standard input every viewer reports once, as fast as the answers come, over
fewer connections, as a reverse proxy keeps them; then it prints one line of JSON. A viewer plays
on between two reports, for as long as has really passed, and reports no sooner than a player does.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import uvloop

from benchmarks.clients.report_client import Player, Run

CONNECTIONS = 400
INTERVAL_S = 5.0  # the default of REPORT_INTERVAL
LATEST_START_S, END_S = 2400.0, 3590.0
REPORTS_A_PAUSE = REPORTS_A_SEEK = 60  # of a viewer: one in five minutes
REPORTS_A_STALL = REPORTS_A_DROP = 100
NEIGHBOURS = 20  # have the same browser; lectures, which are given to them in turn, have all
SEEK_S = 30.0
TURN_TIMEOUT_S = 120.0


class Browser(NamedTuple):
    """The `User-Agent` of a browser, and what the player can measure in it."""

    user_agent: str
    network: str | None = None


BROWSERS: Sequence[Browser] = (
    Browser(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Safari/537.36",
        "4g",
    ),
    Browser("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    Browser(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1"
    ),
    Browser(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/142.0.0.0 Mobile Safari/537.36",
        "4g",
    ),
)


class Viewer:
    """A session of one who watches a lecture from somewhere on, at the speed of the clock."""

    def __init__(self, number: int, path: str, session_id: str) -> None:
        self._number, self._session_id = number, session_id
        browser = BROWSERS[number // NEIGHBOURS % len(BROWSERS)]
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nUser-Agent: {browser.user_agent}\r\n"
        )
        self._network = {"network": browser.network} if browser.network else {}
        self._sequence = 0
        self._place_s = number * 7.919 % LATEST_START_S
        self._reported_at_s = 0.0

    def request(self, now_s: float) -> bytes:
        """The next report, made at that time of a clock."""
        body = json.dumps(self._report(now_s), separators=(",", ":"))
        self._sequence += 1
        self._reported_at_s = now_s
        return f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    def _report(self, now_s: float) -> dict[str, object]:
        from_s, watched = self._place_s, []
        if self._sequence:
            self._place_s = round(min(from_s + now_s - self._reported_at_s, END_S), 3)
            watched = [[from_s, self._place_s]]
        event = self._event()
        if event == "seeked":
            self._place_s = round((self._place_s + SEEK_S) % END_S, 3)
        return {
            "session_id": self._session_id,
            "sequence": self._sequence,
            "position": self._place_s,
            "watched": watched,
            "event": event,
            "rate": 1,
            "quality": self._quality(),
            "delayed_s": 0.004,
        }

    def _event(self) -> str:
        if not self._sequence:
            return "started"
        turn = self._sequence + self._number
        if turn % REPORTS_A_SEEK == 0 or self._place_s >= END_S:
            return "seeked"
        return "paused" if turn % REPORTS_A_PAUSE == REPORTS_A_PAUSE // 2 else "progress"

    def _quality(self) -> dict[str, object]:
        """Returns its measures since it began."""
        stalls = (self._sequence + self._number % REPORTS_A_STALL) // REPORTS_A_STALL
        dropped = (self._sequence + self._number % REPORTS_A_DROP + 50) // REPORTS_A_DROP
        return {
            "startup_ms": 300 + self._number % 700,
            "stalls": stalls,
            "stalled_ms": stalls * 700,
            "dropped_frames": dropped * 3,
            "height": 720,
            "bitrate": 1_500_000,
            **self._network,
        }


class Turn(Run):
    """One report of each viewer."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.reports = 0
        self.is_over = asyncio.Event()
        self._busy = 0

    def begin(self, lines: Sequence["Line"]) -> None:
        self._busy = len(lines)
        for line in lines:
            line.begin(self)

    def answered(self, player: Player, is_well: bool, due_s: float) -> None:
        self.errors += not is_well
        self.reports += is_well
        player.report(due_s)

    def ended(self) -> None:
        self._busy -= 1
        if not self._busy:
            self.is_over.set()


class Line(Player):
    """A connection over which some viewers report, one after the other."""

    def __init__(self, viewers: Sequence[Viewer]) -> None:
        self._turn = Turn()
        super().__init__(self._turn, "", "")
        self._viewers = viewers
        self._coming: Iterator[Viewer] = iter(())

    def begin(self, turn: Turn) -> None:
        self._run = self._turn = turn
        self._coming = iter(self._viewers)
        self.report(0.0)

    def report(self, due_s: float) -> None:
        viewer = next(self._coming, None)
        if viewer is None:
            self._turn.ended()
        else:
            self._transport.write(viewer.request(time.monotonic()))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._turn.ended()


async def connected(port: int, viewers: Sequence[Viewer]) -> list[Line]:
    """Lines that share the viewers."""
    loop, lines = asyncio.get_running_loop(), []
    for number in range(min(CONNECTIONS, len(viewers))):
        make = partial(Line, viewers[number::CONNECTIONS])
        _, line = await loop.create_connection(make, "127.0.0.1", port)
        lines.append(line)
    return lines


async def serve(port: int, viewers: Sequence[Viewer], turns: Iterable[str]) -> None:
    lines, began_s = await connected(port, viewers), time.monotonic() - INTERVAL_S
    for _ in turns:
        await asyncio.sleep(began_s + INTERVAL_S - time.monotonic())
        turn, began_s = Turn(), time.monotonic()
        turn.begin(lines)
        async with asyncio.timeout(TURN_TIMEOUT_S):
            await turn.is_over.wait()
        took_s = time.monotonic() - began_s
        found = {"reports": turn.reports, "seconds": took_s, "errors": turn.errors}
        print(json.dumps(found), flush=True)


def main() -> None:
    port, file = sys.argv[1:]
    with open(file) as lines:
        viewers = [Viewer(number, *line.split()) for number, line in enumerate(lines)]
    uvloop.run(serve(int(port), viewers, sys.stdin))


if __name__ == "__main__":
    main()
