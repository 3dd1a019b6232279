import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.processes import Children
from tests.harness.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 20.0


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


SLEEPER = python("import time; time.sleep(600)")


async def test_as_many_run_as_were_asked_for_and_none_is_left() -> None:
    async with Children(SLEEPER, 2) as children:
        await wait_until(lambda: len(children.pids) == 2)
        pids = children.pids
        await children.stop()
    assert not any(map(is_alive, pids))


async def test_none_run_when_none_were_asked_for() -> None:
    async with Children(SLEEPER, 0) as children:
        await children.stop()
        assert children.pids == []


async def test_one_that_dies_is_started_again() -> None:
    async with Children(SLEEPER, 1, first_restart_s=0.01) as children:
        await wait_until(lambda: len(children.pids) == 1)
        first = children.pids[0]
        os.kill(first, signal.SIGKILL)
        await wait_until(lambda: len(children.pids) == 1 and children.pids[0] != first)


async def test_one_that_keeps_dying_is_started_later_each_time(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = f"import time; open({str(starts)!r}, 'a').write(f'{{time.monotonic()}}\\n')"
    async with Children(python(program), 1, first_restart_s=0.05):
        await wait_until(lambda: starts.exists() and len(starts.read_text().splitlines()) >= 4)
    times = [float(line) for line in starts.read_text().splitlines()]
    assert times[3] - times[2] >= 0.2 > 0.05


async def test_one_that_ignores_sigterm_is_killed_with_its_own_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = (
        "import os, signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen(['sleep', '600']);"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ');"
        "time.sleep(600)"
    )
    async with Children(python(program), 1) as children:
        await wait_until(lambda: pids.exists() and pids.read_text().endswith(" "))
        await children.stop(timeout_s=0.05)
    await wait_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))


async def test_leaving_by_an_error_leaves_none() -> None:
    async def fail() -> None:
        async with Children(SLEEPER, 1) as children:
            await wait_until(lambda: len(children.pids) == 1)
            pids.extend(children.pids)
            raise LookupError

    pids: list[int] = []
    with pytest.raises(LookupError):
        await fail()
    assert not any(map(is_alive, pids))


def test_a_child_ends_when_its_parent_is_killed() -> None:
    child = "import sys, time; from server.processes import die_with_parent;"
    child += "die_with_parent(int(sys.argv[1])); print('ready', flush=True); time.sleep(600)"
    parent = (
        "import os, subprocess, sys, time;"
        f"subprocess.Popen([sys.executable, '-c', {child!r}, str(os.getpid())]);"
        "time.sleep(600)"
    )
    with subprocess.Popen(python(parent), cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        # The child holds the other end of this pipe, until its own end.
        assert process.communicate(timeout=TIMEOUT_S)[0] == b""


def test_a_child_whose_parent_is_gone_already_does_not_begin() -> None:
    program = "from server.processes import die_with_parent; die_with_parent(1); print('began')"
    done = subprocess.run(python(program), cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
