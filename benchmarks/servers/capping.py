"""Processes that get no more than a share of a core, each in a cgroup and on a core of its own.

So several servers and who asks them fit on two cores, and none takes from another: what more of
them send is then what more cores would send. They come before what else the machine does, as far as
their share goes. By the `cpu` controller of cgroups v1 (sched-bwc in the kernel's documentation).
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measurement.isolation import CannotIsolate
from benchmarks.servers.processes import pin

CONTROLLER = Path("/sys/fs/cgroup/cpu")
PERIOD_US = 20_000
FIRST = "262144"  # the most that cpu.shares takes: 256 times anybody's


def check_possible(controller: Path = CONTROLLER) -> None:
    """Raises: CannotIsolate."""
    if not (controller / "cpu.shares").exists():
        raise CannotIsolate(f"{controller} is no `cpu` controller of cgroups v1. Nothing measured.")


@contextlib.contextmanager
def capped(pids: Sequence[int], share: float, controller: Path = CONTROLLER) -> Iterator[None]:
    """The first core is the first one's. Afterwards they are as free as before."""
    groups = [controller / f"coursestream-bench-{os.getpid()}-{pid}" for pid in pids]
    try:
        for core, pid, group in zip(sorted(os.sched_getaffinity(0)), pids, groups, strict=False):
            _limit(group, share)
            (group / "cgroup.procs").write_text(str(pid))
            pin(pid, core)
        yield
    finally:
        for group in groups:
            _remove(group, controller)


@contextlib.contextmanager
def preferred(controller: Path = CONTROLLER) -> Iterator[None]:
    """This process, and what it starts in the block, come as early as the capped ones."""
    group = controller / f"coursestream-bench-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpu.shares").write_text(FIRST)
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield
    finally:
        _remove(group, controller)


def _remove(group: Path, controller: Path) -> None:
    """Removes it with what its process has started since, which is in there, too."""
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (controller / "cgroup.procs").write_text(pid)
    with contextlib.suppress(OSError):  # one that is just ending
        group.rmdir()


def _limit(group: Path, share: float) -> None:
    group.mkdir()
    (group / "cpu.shares").write_text(FIRST)
    (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (group / "cpu.cfs_quota_us").write_text(str(int(PERIOD_US * share)))
