"""Viewers who press play, a program by itself: each once, at a rate, whatever the answers take.

`python -m benchmarks.play_client PORT FILE SECONDS RATE`; a line of the file is a path and a token.
Checks every status, and prints one line of JSON as `report_client` does.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from functools import partial

import uvloop

from benchmarks.measurement.report_client import WARM_UP_S, Player, Run

CONNECTIONS = 400


class Viewers(Player):
    """One connection, on which one viewer after the other presses play."""

    def __init__(self, run: Run, targets: Iterator[list[str]]) -> None:
        super().__init__(run, "", "")
        self._targets = targets

    def report(self, due_s: float) -> None:
        self._due_s = due_s
        path, token = next(self._targets)
        self._transport.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )


async def measure(port: int, targets: list[list[str]], seconds: float, rate: float) -> None:
    run, loop, each = Run(rate), asyncio.get_running_loop(), iter(targets)
    viewers: list[Player] = []
    for _ in range(CONNECTIONS):
        _, one = await loop.create_connection(partial(Viewers, run, each), "127.0.0.1", port)
        viewers.append(one)
    going = asyncio.create_task(run.keep_going(viewers))
    await asyncio.sleep(WARM_UP_S)
    run.is_counting, began_s = True, time.perf_counter()
    await asyncio.sleep(seconds)
    run.is_counting = False
    print(json.dumps(run.found(time.perf_counter() - began_s)), flush=True)
    going.cancel()


def main() -> None:
    port, file, seconds, rate = sys.argv[1:]
    with open(file) as lines:
        targets = [line.split() for line in lines]
    uvloop.run(measure(int(port), targets, float(seconds), float(rate)))


if __name__ == "__main__":
    main()
