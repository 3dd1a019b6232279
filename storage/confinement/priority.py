"""Lowest priority of processor and disk for a process: sched(7), ioprio_set(2).

A kernel or container that refuses a part of it leaves the others in effect.
"""

import os
from contextlib import suppress

from storage.confinement.kernel import call

_NICEST = 19
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_WHO_PROCESS, _IDLE_CLASS = 1, 3 << 13


def give_way() -> None:
    """Run only while no other process wants the processor or the disk."""
    with suppress(OSError):
        os.nice(_NICEST)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    let_others_read_first()


def let_others_read_first() -> None:
    """The disk's part of it, for this thread. Only some of the kernel's schedulers look at it."""
    with suppress(OSError, KeyError):
        call("syscall", _IOPRIO_SET[os.uname().machine], _WHO_PROCESS, 0, _IDLE_CLASS)
