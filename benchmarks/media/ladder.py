"""`python -m benchmarks.media.ladder`: what the adaptive ladder of a 1080p film costs.

All rungs are encoded in two pieces by the service's sandboxed children and, in the same rounds, by
the `ffmpeg` command line with the same settings from one decoding; then both pieces side by side.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurement.frame import options_of, run, spread
from storage.ladder.facts import LadderPlan, VideoRung
from storage.sandbox.children import Sandbox

PIECES, PIECE_S = 2, 20
MOST_OF_FFMPEG, LEAST_GAIN = 1.15, 1.8
MAX_PIXELS = 1920 * 1080
FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
# Bits above the cap, so that no rung is copied.
SOURCE = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-pix_fmt", "yuv420p")
ONE_THREAD = ("-threads", "1", "-filter_threads", "1", "-filter_complex_threads", "1")


@dataclass(frozen=True, slots=True)
class Seconds:
    """From beginning to end, and of processor time of the children."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Round:
    service: Seconds
    """One piece after the other."""
    ffmpeg: Seconds
    side_by_side: Seconds


def ensure_film(path: Path) -> Path:
    """Moving test pictures; there from the last time or made."""
    if not path.exists():
        unfinished = path.with_suffix(".part")
        pictures = f"testsrc2=size=1920x1080:rate=25:duration={PIECES * PIECE_S}"
        command = [*FFMPEG, "-f", "lavfi", "-i", pictures, *SOURCE, "-f", "mp4", str(unfinished)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        unfinished.rename(path)
    return path


async def plan_of(film: Path) -> LadderPlan:
    plan = await Sandbox(1).plan_ladder(film, "mp4", None, max_pixels=MAX_PIXELS, piece_s=PIECE_S)
    assert len(plan.piece_starts) == PIECES
    assert not plan.copied
    return plan


async def encode_pieces(film: Path, plan: LadderPlan, directory: Path, at_once: int) -> None:
    sandbox = Sandbox(at_once, max_wait_s=3600)
    async with asyncio.TaskGroup() as group:
        for number in range(PIECES):
            place = directory / str(number)
            place.mkdir()
            group.create_task(
                sandbox.encode_piece(film, "mp4", plan, number, place, max_pixels=MAX_PIXELS)
            )


async def encode_by_ffmpeg(film: Path, plan: LadderPlan, directory: Path) -> None:
    rungs = plan.coded
    split = "".join(f"[s{n}]" for n in range(len(rungs)))
    scaled = ";".join(
        f"[s{n}]scale={rung.width}:{rung.height}[o{n}]" for n, rung in enumerate(rungs)
    )
    command = [*FFMPEG, *ONE_THREAD, "-i", str(film)]
    command += ["-filter_complex", f"[0:v]split={len(rungs)}{split};{scaled}"]
    for number, rung in enumerate(rungs):
        command += ["-map", f"[o{number}]", *settings_of(rung), str(directory / f"{rung.name}.mp4")]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL)
    assert await process.wait() == 0


def settings_of(rung: VideoRung) -> list[str]:
    """Encoder settings like those of `storage/ladder/output/video_file.py`."""
    cap = rung.max_bitrate
    parameters = "keyint=infinite:scenecut=0:open-gop=0:b-pyramid=none"
    return [
        *("-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "23"),
        *("-maxrate", str(cap), "-bufsize", str(2 * cap), "-threads", "1"),
        *("-x264-params", parameters, "-force_key_frames", "expr:gte(t,n_forced*4)"),
        *("-movflags", "+cmaf+frag_keyframe+skip_trailer"),
    ]


async def time_of(work: Callable[[Path], Awaitable[None]], directory: Path) -> Seconds:
    began_s, before_s = time.perf_counter(), children_cpu_s()
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        await work(Path(scratch))
    return Seconds(time.perf_counter() - began_s, children_cpu_s() - before_s)


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def measure_round(film: Path, plan: LadderPlan) -> Round:
    place = film.parent
    service = await time_of(lambda scratch: encode_pieces(film, plan, scratch, 1), place)
    ffmpeg = await time_of(lambda scratch: encode_by_ffmpeg(film, plan, scratch), place)
    both = await time_of(lambda scratch: encode_pieces(film, plan, scratch, PIECES), place)
    return Round(service, ffmpeg, both)


def measure(options: Namespace) -> Iterator[str]:
    film = ensure_film(options.output / "film-1080p.mp4")
    plan = asyncio.run(plan_of(film))
    rounds = []
    for number in range(options.rounds):
        rounds.append(asyncio.run(measure_round(film, plan)))
        print(f"round {number + 1}: {shown(rounds[-1])}", flush=True)
    processor = [one.service.cpu / one.ffmpeg.cpu for one in rounds]
    yield f"of ffmpeg's processor time: {spread(processor, 2)} (at most {MOST_OF_FFMPEG})"
    each = [one.service.cpu / (PIECES * PIECE_S) for one in rounds]
    yield f"processor time of a second of film, in seconds: {spread(each, 2)}"
    gains = [one.service.wall / one.side_by_side.wall for one in rounds]
    cores = len(os.sched_getaffinity(0))
    yield f"gain of two at once, on {cores} cores: {spread(gains, 2)} (at least {LEAST_GAIN})"


def shown(one: Round) -> str:
    return ", ".join(
        f"{name} {seconds.wall:.1f} s ({seconds.cpu:.1f} s of processor time)"
        for name, seconds in (
            ("service", one.service),
            ("ffmpeg", one.ffmpeg),
            ("side by side", one.side_by_side),
        )
    )


def main(given: list[str]) -> int:
    return run(options_of("media.ladder", __doc__).parse_args(given), measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
