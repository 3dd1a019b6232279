"""How often a web process looks for garbage that refers to itself.

What is made at start stays; what a request makes is gone by its end, without the collector. By
CPython's own thresholds a third of a busy process' time goes into looking in vain.
"""

import gc

YOUNG = 50_000  # objects made and not gone; by default 700
GENERATIONS = (20, 50)


def calm_collector() -> None:
    """Once in a process, when what stays has been made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *GENERATIONS)
