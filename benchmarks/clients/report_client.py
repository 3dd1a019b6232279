"""Players that report, a program by itself: one keep-alive connection each, a place further with
each report. Checks every status. Prints one line of JSON.

At rate 0 a player's next report follows the answer to the one before. At any other the reports of
all players together fall due at that rate, and a latency counts from when it was due, so that a
server that stalls cannot hide it.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import cast

import uvloop

WARM_UP_S = 1.0
STEP_S, END_S = 5.0, 3000.0
TICK_S = 0.001
WELL = (b"HTTP/1.1 200 ", b"HTTP/1.1 201 ")


class Player(asyncio.Protocol):
    """One connection; asks when it is told to, and tells the run of each answer."""

    def __init__(self, run: "Run", path: str, session_id: str) -> None:
        self._run = run
        self._session_id = session_id
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        )
        self._sequence = int(time.time() * 1000)  # above those of every run before
        self._at_s = 0.0
        self._due_s = 0.0
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def report(self, due_s: float) -> None:
        start_s, self._at_s = self._at_s, (self._at_s + STEP_S) % END_S
        self._due_s = due_s
        self._sequence += 1
        body = (
            f'{{"session_id":"{self._session_id}","sequence":{self._sequence},'
            f'"position":{start_s + STEP_S},"watched":[[{start_s},{start_s + STEP_S}]],'
            '"event":"progress"}'
        )
        self._transport.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, is_whole, body = self._received.partition(b"\r\n\r\n")
        if is_whole and len(body) >= _length(head):
            self._received = b""
            self._run.answered(self, head.startswith(WELL), self._due_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.errors += 1


def _length(head: bytes) -> int:
    return int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])


class Run:
    """The schedule of reports, and their outcomes."""

    def __init__(self, rate: float) -> None:
        self.errors = 0
        self.is_counting = False
        self.latencies_s: list[float] = []
        self._rate = rate
        self._idle: deque[Player] = deque()
        self._overdue: deque[float] = deque()

    def answered(self, player: Player, is_well: bool, due_s: float) -> None:
        now_s = time.perf_counter()
        if not is_well:
            self.errors += 1
        elif self.is_counting:
            self.latencies_s.append(now_s - due_s)
        if not self._rate:
            player.report(now_s)
        elif self._overdue:
            player.report(self._overdue.popleft())
        else:
            self._idle.append(player)

    async def keep_going(self, players: list[Player]) -> None:
        if not self._rate:
            for player in players:
                player.report(time.perf_counter())
            return
        self._idle.extend(players)
        due_s = time.perf_counter()
        while True:
            while due_s <= time.perf_counter():
                if self._idle:
                    self._idle.popleft().report(due_s)
                else:
                    self._overdue.append(due_s)
                due_s += 1 / self._rate
            await asyncio.sleep(TICK_S)

    def found(self, seconds: float) -> dict[str, float]:
        ordered = sorted(self.latencies_s)

        def at_ms(share: float) -> float:
            return ordered[int(share * (len(ordered) - 1))] * 1e3 if ordered else 0.0

        return {
            "reports": len(ordered),
            "per_second": len(ordered) / seconds,
            "p50_ms": at_ms(0.5),
            "p99_ms": at_ms(0.99),
            "errors": self.errors,
        }


MakePlayer = Callable[[Run], Player]


async def measure(port: int, makers: list[MakePlayer], seconds: float, rate: float) -> None:
    run, loop = Run(rate), asyncio.get_running_loop()
    players = []
    for make in makers:
        _, player = await loop.create_connection(partial(make, run), "127.0.0.1", port)
        players.append(player)
    going = asyncio.create_task(run.keep_going(players))
    await asyncio.sleep(WARM_UP_S)
    run.is_counting, began_s = True, time.perf_counter()
    await asyncio.sleep(seconds)
    run.is_counting = False
    print(json.dumps(run.found(time.perf_counter() - began_s)), flush=True)
    going.cancel()


def main(makers_of: Callable[[list[list[str]]], list[MakePlayer]]) -> None:
    """Measures with a player for each maker; it gets the words of each line of the file."""
    port, file, seconds, rate = sys.argv[1:]
    with open(file) as lines:
        makers = makers_of([line.split() for line in lines])
    uvloop.run(measure(int(port), makers, float(seconds), float(rate)))


def _reporting(targets: list[list[str]]) -> list[MakePlayer]:
    return [partial(Player, path=path, session_id=name) for path, name in targets]


if __name__ == "__main__":
    main(_reporting)
