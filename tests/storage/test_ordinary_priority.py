"""No encoder makes the test process, or what it starts, real-time."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

POLICY = "import os; print(os.sched_getscheduler(0))"


def test_encoder_of_av1_leaves_the_priority(make_clip: Callable[..., Path]) -> None:
    assert make_clip(video="libsvtav1").stat().st_size > 0

    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    assert int(subprocess.check_output([sys.executable, "-c", POLICY])) == os.SCHED_OTHER
