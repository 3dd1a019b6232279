"""`python -m benchmarks.media.pictures`: what the pictures of a one-hour 720p lecture cost.

Thumbnails in all sizes and kinds and the storyboard, made by the service's sandboxed children and,
in the same rounds and on the same core, by the `ffmpeg` command line with the same result.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import av

from benchmarks.measurement.frame import options_of, run, spread
from storage.media.facts import MAX_TILES, PictureKind
from storage.samples import write_clock_mp4
from storage.sandbox.children import Sandbox

MINUTES = 60
MOST_SHARE, MOST_OF_FFMPEG = 0.05, 1.2
SIZES = [("small", 160), ("medium", 320), ("large", 640)]
FIRST: list[PictureKind] = ["jpg"]
FURTHER: list[PictureKind] = ["webp", "avif"]
QUALITY = 82
CANDIDATES = 9
FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1")
ENCODERS = {
    "jpg": ("-c:v", "mjpeg", "-q:v", "3"),
    "webp": ("-c:v", "libwebp", "-quality", str(QUALITY), "-compression_level", "4"),
    "avif": ("-c:v", "libaom-av1", "-still-picture", "1", "-crf", "25", "-cpu-used", "8"),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, from beginning to end and of processor time."""

    wall_s: float
    cpu_s: float


def cost_of(work: Callable[[Path, Path], None], lecture: Path) -> Cost:
    """Cost of the children that the work starts and awaits."""
    began_s, before_s = time.perf_counter(), children_cpu_s()
    with tempfile.TemporaryDirectory(dir=lecture.parent) as directory:
        work(lecture, Path(directory))
    return Cost(time.perf_counter() - began_s, children_cpu_s() - before_s)


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ensure_lecture(path: Path) -> Path:
    """A minute, encoded once, and repeated without encoding; there from the last time or made."""
    if not path.exists():
        minute, unfinished = path.with_suffix(".minute"), path.with_suffix(".part")
        write_clock_mp4(minute, 60, (1280, 720))
        repeat(minute, unfinished, MINUTES)
        minute.unlink()
        unfinished.rename(path)
    return path


def repeat(source: Path, target: Path, times: int) -> None:
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        with av.open(str(source)) as first:
            copies = [out.add_stream_from_template(one, opaque=True) for one in first.streams]
        last = dict.fromkeys(range(len(copies)), -(2**62))
        for packet in _shifted(source, times):
            number = packet.stream_index
            assert packet.dts is not None
            if packet.dts > last[number]:  # sound is a little longer than its minute
                last[number] = packet.dts
                packet.stream = copies[number]
                out.mux(packet)


def _shifted(source: Path, times: int) -> "Iterator[av.Packet[av.stream.Stream]]":
    for minute in range(times):
        with av.open(str(source)) as media:
            for packet in media.demux():
                if packet.dts is not None and packet.pts is not None and packet.time_base:
                    shift = int(minute * 60 / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    yield packet


def by_service(lecture: Path, directory: Path) -> None:
    """Pictures as the media worker makes them: three children, one after the other."""

    async def make() -> None:
        sandbox = Sandbox(1)
        for kinds in (FIRST, FURTHER):
            await sandbox.thumbnails(lecture, "mp4", SIZES, QUALITY, directory, kinds)
        await sandbox.storyboard(lecture, "mp4", QUALITY, directory)

    asyncio.run(make())


def by_ffmpeg(lecture: Path, directory: Path) -> None:
    subprocess.run(thumbnails_command(lecture, directory), check=True, stdin=subprocess.DEVNULL)
    subprocess.run(storyboard_command(lecture, directory), check=True, stdin=subprocess.DEVNULL)


def thumbnails_command(lecture: Path, directory: Path) -> list[str]:
    """Nine frames are sought, the filter `thumbnail` chooses one, and it is written nine times."""
    every_s = MINUTES * 60 / (CANDIDATES + 1)
    inputs = [("-ss", f"{every_s * n:.0f}", "-i", str(lecture)) for n in range(1, CANDIDATES + 1)]
    taken = "".join(f"[{n}:v]trim=end_frame=1[c{n}];" for n in range(CANDIDATES))
    joined = "".join(f"[c{n}]" for n in range(CANDIDATES))
    outputs = [(name, width, kind) for (name, width), kind in product(SIZES, ENCODERS)]
    split = "".join(f"[s{n}]" for n in range(len(outputs)))
    scaled = ";".join(f"[s{n}]scale={width}:-2[o{n}]" for n, (_, width, _) in enumerate(outputs))
    chosen = f"concat=n={CANDIDATES},thumbnail={CANDIDATES},split={len(outputs)}"
    command = [*FFMPEG, *(part for each in inputs for part in each)]
    command += ["-filter_complex", f"{taken}{joined}{chosen}{split};{scaled}"]
    for number, (name, _, kind) in enumerate(outputs):
        file = directory / f"ffmpeg-{name}.{kind}"
        command += ["-map", f"[o{number}]", "-frames:v", "1", *ENCODERS[kind], str(file)]
    return command


def storyboard_command(lecture: Path, directory: Path) -> list[str]:
    every_s = MINUTES * 60 / MAX_TILES
    spaced = f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{every_s})'"
    filters = f"{spaced},scale=160:90:flags=area,tile=10x10"
    sheets = str(directory / "ffmpeg-sheet-%d.jpg")
    decoding = ("-skip_frame", "nokey", "-i", str(lecture), "-an")
    return [*FFMPEG, *decoding, "-vf", filters, "-vsync", "passthrough", "-q:v", "3", sheets]


def measure(options: Namespace) -> Iterator[str]:
    lecture = ensure_lecture(options.output / "lecture-720p.mp4")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return verdicts(list(costs_of(lecture, options.rounds)))


def costs_of(lecture: Path, rounds: int) -> Iterator[tuple[Cost, Cost]]:
    """(of the service, of ffmpeg) each round."""
    for number in range(rounds):
        ours, theirs = cost_of(by_service, lecture), cost_of(by_ffmpeg, lecture)
        print(f"round {number + 1}: service {shown(ours)}, ffmpeg {shown(theirs)}", flush=True)
        yield ours, theirs


def shown(cost: Cost) -> str:
    return f"{cost.wall_s:.2f} s ({cost.cpu_s:.2f} s of processor time)"


def verdicts(costs: Sequence[tuple[Cost, Cost]]) -> Iterator[str]:
    shares = [ours.wall_s / (MINUTES * 60) * 100 for ours, _ in costs]
    yield f"of the duration, per cent: {spread(shares, 2)} (at most {MOST_SHARE:.0%})"
    ratios = [ours.wall_s / theirs.wall_s for ours, theirs in costs]
    yield f"of ffmpeg's time: {spread(ratios, 2)} (at most {MOST_OF_FFMPEG})"
    processor = [ours.cpu_s / theirs.cpu_s for ours, theirs in costs]
    yield f"of ffmpeg's processor time: {spread(processor, 2)}"


def main(given: list[str]) -> int:
    return run(options_of("media.pictures", __doc__).parse_args(given), measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
