"""Two web processes beside one: their caps, which of `serve` they are, and the verdict."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.measurement.isolation import CannotIsolate
from benchmarks.scaling import ONE, TWO, verdicts, web_processes
from benchmarks.servers import capping
from benchmarks.servers.processes import CannotStart
from tests.benchmarks.measurement.samples import sample

GIB = 2**30
IS_POSSIBLE = os.geteuid() == 0 and os.access(capping.CONTROLLER / "cpu.shares", os.W_OK)
needs_cgroups = pytest.mark.skipif(
    not IS_POSSIBLE, reason="needs root and the `cpu` controller of cgroups v1"
)


@pytest.fixture
def idle() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that waits until it is ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def group_of(pid: int) -> Path:
    lines = (Path("/proc") / str(pid) / "cgroup").read_text().splitlines()
    [name] = [line.split(":")[2] for line in lines if line.split(":")[1] == "cpu"]
    return capping.CONTROLLER / name.removeprefix("/")


@needs_cgroups
def test_a_process_gets_its_share_until_the_block_ends(
    idle: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[tuple[int, int]] = []  # which tests may not: they renounce real time
    monkeypatch.setattr(capping, "pin", lambda *found: pinned.append(found))
    before = group_of(idle.pid)

    with capping.capped([idle.pid], 0.25):
        group = group_of(idle.pid)
        period, quota = (
            int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("period", "quota")
        )

    assert quota / period == 0.25
    assert pinned == [(idle.pid, min(os.sched_getaffinity(0)))]
    assert group_of(idle.pid) == before != group
    assert not group.exists()


@needs_cgroups
def test_who_asks_is_preferred_until_the_block_ends() -> None:
    before = group_of(os.getpid())

    with capping.preferred():
        group = group_of(os.getpid())
        shares = (group / "cpu.shares").read_text().strip()

    assert shares == capping.FIRST
    assert group_of(os.getpid()) == before != group
    assert not group.exists()


def test_without_the_controller_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(CannotIsolate, match=f"{tmp_path} is no `cpu` controller"):
        capping.check_possible(tmp_path)


def test_web_processes_are_the_children_of_the_arbiter(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {1: [10, 20], 20: [21, 22]}
    arguments = {10: ["postgres"], 20: ["python", "run_server.py", "web", "1", "5"]}
    monkeypatch.setattr(scaling, "children", tree.__getitem__)
    monkeypatch.setattr(scaling, "_arguments", arguments.__getitem__)

    assert web_processes(1, 1) == [1]
    assert web_processes(1, 2) == [21, 22]


def test_web_processes_that_do_not_come_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "children", lambda _: [])
    monkeypatch.setattr(scaling, "START_TIMEOUT_S", 0.0)

    with pytest.raises(CannotStart, match="0 of 2 web processes"):
        web_processes(1, 2)


def test_a_verdict_is_the_median_of_the_rounds() -> None:
    sent = ((100, 190), (100, 170), (200, 400))
    samples = [
        sample("64k", name, number, sent_bytes * GIB)
        for number, each in enumerate(sent)
        for name, sent_bytes in zip((ONE, TWO), each, strict=True)
    ]

    assert verdicts(samples, ["64k", "1m"])[1:] == [
        ["64 KiB", "1.90 (1.70 to 2.00)", "met"],
        ["1 MiB", "-", "MISSED"],
    ]
