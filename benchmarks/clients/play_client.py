"""Viewers who press play, a program by itself: each once, at a rate, whatever the answers take.

`python -m benchmarks.clients.play_client PORT FILE SECONDS RATE`; a line of the file is a path and
a token. At rate 0 as many as a server answers, on fewer connections, the same viewers again and
again. Checks every status, and prints one line of JSON as `report_client` does.
"""

import sys
from collections.abc import Iterator
from functools import partial
from itertools import cycle

from benchmarks.clients.report_client import MakePlayer, Player, Run, main

CONNECTIONS, WITHOUT_PAUSE = 400, 64


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


def _pressing_play(targets: list[list[str]]) -> list[MakePlayer]:
    return [partial(Viewers, targets=iter(targets))] * CONNECTIONS


def _pressing_without_pause(targets: list[list[str]]) -> list[MakePlayer]:
    return [partial(Viewers, targets=cycle(targets))] * WITHOUT_PAUSE


if __name__ == "__main__":
    main(_pressing_play if float(sys.argv[4]) else _pressing_without_pause)
