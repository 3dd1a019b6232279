"""In a process of its own: what is frozen stays so."""

import subprocess
import sys

from tests.harness.running import ROOT

PROGRAM = """
import gc
from server.web.garbage import calm_collector
cycle = []
cycle.append(cycle)
del cycle
calm_collector()
print(gc.get_freeze_count() > 1000, gc.get_threshold()[0] > 10_000, gc.isenabled())
"""


def test_what_was_made_at_start_is_looked_at_no_more_and_the_rest_seldom() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "True"]
