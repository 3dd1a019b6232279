"""`python -m benchmarks.media.ladder_beside`: what viewers notice of a ladder that is being made.

The service answers ranges of 64 KiB over a few connections, alone and while two pieces of a ladder
are encoded on all cores, its own among them; in turns.
"""

import asyncio
import contextlib
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients.load import Asked, Generator, Measured, Target
from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.measurement.workloads import ranges
from benchmarks.media.ladder import encode_pieces, ensure_film, plan_of
from benchmarks.media.uploads import PORT, RANGE_BYTES, SECRET, ready_video, settings_of, write_film
from benchmarks.servers.processes import choose_cores
from benchmarks.servers.product import serving, stop
from server.commands.tokens import mint_token
from storage.ladder.facts import LadderPlan

CONNECTIONS, SECONDS, PIECES_AT_ONCE = 8, 5.0, 2
FILE_BYTES = 200 * RANGE_BYTES
MOST_P99_RATIO = 1.3
BEGUN_S = 3.0
"""Loading libraries is not what is measured."""


@dataclass(frozen=True, slots=True)
class Served:
    p99_ms: float
    mb_per_s: float


@dataclass(frozen=True, slots=True)
class Pair:
    alone: Served
    beside: Served


@contextlib.contextmanager
def making(film: Path, plan: LadderPlan) -> Iterator[None]:
    """Pieces in the making, given up after the block."""
    over = threading.Event()
    with tempfile.TemporaryDirectory(dir=film.parent) as scratch:
        work = _make_until(over, film, plan, Path(scratch))
        thread = threading.Thread(target=asyncio.run, args=(work,))
        thread.start()
        try:
            time.sleep(BEGUN_S)
            yield
        finally:
            over.set()
            thread.join()


async def _make_until(over: threading.Event, film: Path, plan: LadderPlan, place: Path) -> None:
    work = asyncio.create_task(encode_pieces(film, plan, place, PIECES_AT_ONCE))
    await asyncio.to_thread(over.wait)
    assert not work.done(), "the pieces were made too quickly"
    work.cancel()
    await asyncio.wait([work])


def measured_pair(generator: Generator, target: Target, film: Path, plan: LadderPlan) -> Pair:
    asked = Asked(ranges(64 << 10, CONNECTIONS), SECONDS)
    alone = served_by(generator.run(target, asked))
    with making(film, plan):
        beside = served_by(generator.run(target, asked))
    print(
        f"p99 alone {alone.p99_ms:.2f} ms, beside a ladder {beside.p99_ms:.2f} ms;"
        f" {alone.mb_per_s:.0f} and {beside.mb_per_s:.0f} MB/s",
        flush=True,
    )
    return Pair(alone, beside)


def served_by(measured: Measured) -> Served:
    assert measured["errors"] == 0, measured["first_error"]
    return Served(measured["latency_ms"]["p99"], measured["bytes"] / measured["seconds"] / 1e6)


@contextlib.contextmanager
def served(directory: Path) -> Iterator[Target]:
    cores, log = choose_cores(), directory / "log"
    small = write_film(directory, FILE_BYTES)
    token = mint_token(SECRET, "bench", roles=("admin",))
    without_ladder = {"RENDITIONS": "none"}
    with serving(settings_of(directory, media_workers=1) | without_ladder, log, cores) as service:
        path = asyncio.run(ready_video(token, small))
        stop(service)
    with serving(settings_of(directory, media_workers=0) | without_ladder, log, cores) as service:
        header = f"Authorization: Bearer {token}"
        yield Target(PORT, ((path, small.stat().st_size),), header, (service.pid,))
        stop(service)


def measure(options: Namespace) -> list[str]:
    film = ensure_film(options.output / "film-1080p.mp4")
    plan = asyncio.run(plan_of(film))
    with tempfile.TemporaryDirectory(dir=options.output) as name, served(Path(name)) as target:
        generator = Generator(Path(name), choose_cores().generator)
        pairs = [measured_pair(generator, target, film, plan) for _ in range(1 + options.rounds)][
            1:
        ]
    p99 = spread([one.beside.p99_ms / one.alone.p99_ms for one in pairs], 2)
    amount = spread([one.beside.mb_per_s / one.alone.mb_per_s for one in pairs], 2)
    return [
        f"p99 beside a ladder, of that alone: {p99} (at most {MOST_P99_RATIO})",
        f"bytes a second beside a ladder, of those alone: {amount}",
    ]


def main(given: list[str]) -> int:
    return run_isolated(options_of("media.ladder_beside", __doc__), given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
