"""The whole comparison, from inside the isolated place: everybody started, measured, reported."""

import contextlib
import json
import os
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.clients.load import Generator, Target
from benchmarks.measurement import machine, report
from benchmarks.measurement.isolation import CONGESTION_CONTROL, CannotIsolate, congestion_control
from benchmarks.measurement.media import ensure_mp4
from benchmarks.measurement.profile import no_profiler, profiler
from benchmarks.measurement.rounds import Rounds
from benchmarks.measurement.workloads import WORKLOADS, Sample, Workload
from benchmarks.servers import interpreters
from benchmarks.servers.contenders import CONTENDERS, Contender, Ground
from benchmarks.servers.processes import allow_many_files, choose_cores, favour
from benchmarks.servers.product import ROOT, Seed, seed

Plan = Sequence[tuple[Workload, Sequence[str]]]
"""Workloads, each with the names of those who run it."""

FIRST_PORT = 8101
TEXT, JSON = "results.txt", "results.json"
WRONG_ANSWERS = 3  # the exit code when figures mean nothing


def compare(options: Namespace) -> int:
    """Says the exit code."""
    if congestion_control() != CONGESTION_CONTROL:
        raise CannotIsolate(f"TCP is not under {CONGESTION_CONTROL} here. Nothing was measured.")
    facts = {**machine.facts(), **interpreters.facts()}
    plan = [(WORKLOADS[name], names_for(WORKLOADS[name], options)) for name in options.workloads]
    print(f"about {estimated_s(plan, options) / 60:.0f} minutes", flush=True)
    scratch: Path = options.inside
    seeded = seeded_by(ROOT, scratch.with_name("seed"))
    with everybody(scratch, seeded, plan, CONTENDERS, is_favoured=options.realtime) as (
        generator,
        targets,
    ):
        watch = profiler(options.output) if options.profile else no_profiler
        rounds = Rounds(generator, targets, watch)
        samples: list[Sample] = []
        for workload, names in plan:
            samples += measured(rounds, workload, names, options)
            _write(options.output, samples, facts)  # an interrupted run leaves what it had
    print(f"\n{(options.output / TEXT).read_text()}\nwritten: {options.output}", flush=True)
    return WRONG_ANSWERS if report.fault_lines(samples) else 0


def names_for(workload: Workload, options: Namespace) -> list[str]:
    """The contenders asked for or usual that can be measured here. A row by TLS is measured by TLS:
    where nobody asked for ends it, and likewise where all do, the row has its usual ones."""
    asked = [
        name for name in options.contenders or () if CONTENDERS[name].is_tls == workload.is_tls
    ]
    names = asked or workload.contenders
    return [name for name in names if CONTENDERS[name].missing() is None]


def estimated_s(plan: Plan, options: Namespace) -> float:
    runs = 0.0
    for workload, names in plan:
        asked = workload.asked(options.seconds)
        rounds = min(options.rounds, workload.most_rounds)
        runs += len(names) * rounds * (asked.seconds + asked.warmup_s + 0.2)
    return runs + 60


def seeded_by(checkout: Path, data_dir: Path) -> Seed:
    """Raises: CannotStart."""
    print("seeing to the videos (uploading them takes a minute, the first time)", flush=True)
    return seed(data_dir, ensure_mp4(data_dir.with_name("video.mp4")), checkout)


@contextlib.contextmanager
def everybody(
    scratch: Path,
    seeded: Seed,
    plan: Plan,
    contenders: Mapping[str, Contender],
    *,
    is_favoured: bool,
) -> Iterator[tuple[Generator, Mapping[str, Target]]]:
    """Contenders of the plan, listening; favoured ones come before all else of the machine."""
    cores = choose_cores()
    generator = Generator(scratch, cores.generator, is_favoured=is_favoured)
    allow_many_files()
    ground = Ground(seeded, _linked(seeded.published(), scratch / "files"), cores)
    os.sched_setaffinity(0, {cores.others})
    wanted = dict.fromkeys(name for _, names in plan for name in names)
    with contextlib.ExitStack() as stack:
        targets = {}
        for port, name in enumerate(wanted, start=FIRST_PORT):
            print(f"starting {name}", flush=True)
            targets[name] = stack.enter_context(contenders[name].serve(ground, port))
            if is_favoured:
                for pid in targets[name].pids:
                    favour(pid)
        yield generator, targets


def _linked(videos: Sequence[Path], directory: Path) -> Path:
    """The same files under simple names, for servers that have no idea of videos."""
    directory.mkdir()
    for number, video in enumerate(videos):
        os.link(video, directory / f"v{number}.mp4")
        video.read_bytes()  # into the page cache
    return directory


def measured(
    rounds: Rounds, workload: Workload, names: Sequence[str], options: Namespace
) -> list[Sample]:
    began_s = time.monotonic()
    found = list(rounds.run(workload, names, options.rounds, options.seconds))
    print(f"{workload.name}: {time.monotonic() - began_s:.0f} s", flush=True)
    return found


def _write(directory: Path, samples: Sequence[Sample], facts: Mapping[str, str]) -> None:
    (directory / TEXT).write_text(report.as_text(samples, facts))
    (directory / JSON).write_text(json.dumps(report.as_json(samples, facts), indent=1))
