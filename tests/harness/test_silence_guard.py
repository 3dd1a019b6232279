"""A test pass that says nothing any more is ended, and all that it started with it."""

import subprocess
import sys
from pathlib import Path

from tests.harness.silence_guard import SILENT
from tests.storage.sandbox.living import is_running

GUARD = Path(__file__).with_name("silence_guard.py")
TIMEOUT_S = 60
# Two processes: one in a session of its own, which holds the output, and one that waits for it.
SILENT_PASS = """
import faulthandler, subprocess, sys
faulthandler.enable()
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print("pytest at", child.pid, flush=True)
child.wait()
"""


def guarded(silence_s: float, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, GUARD, str(silence_s), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def test_output_and_status_are_those_of_the_pass() -> None:
    ended = guarded(
        TIMEOUT_S, "import sys; print('said'); print('warned', file=sys.stderr); sys.exit(3)"
    )

    assert (ended.returncode, sorted(ended.stdout.split())) == (3, ["said", "warned"])


def test_silent_pass_is_ended_with_all_that_it_started() -> None:
    ended = guarded(1, SILENT_PASS)

    assert ended.returncode == SILENT
    child = int(ended.stdout.split()[2])
    assert not is_running(child)
    assert "Nothing was said for 1 s. What runs:" in ended.stdout
    assert "in wait" in ended.stdout  # the stack


def test_process_that_keeps_the_output_does_not_keep_the_pass() -> None:
    leaves = "import subprocess; subprocess.Popen(['sleep', '20'], start_new_session=True)"

    assert guarded(TIMEOUT_S, leaves).returncode == 0
