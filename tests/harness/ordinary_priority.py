"""The test process keeps an ordinary priority, whatever a library wants.

SVT-AV1 makes the thread that opens an encoder real-time (SCHED_FIFO, 99) where it may. All that a
test starts from then on inherits it, and two browsers or Nodes that wait in turns starve what they
wait for: the run hangs, with no time for its time-outs. Sandboxed children have no such right.
"""

import os
import re
import struct
from pathlib import Path

from storage.confinement.kernel import call

CAP_SYS_NICE = 1 << 23
_VERSION_3 = 0x20080522  # capset(2)
_LOWER = 0xFFFFFFFF


def renounce_real_time() -> None:
    """Gives up CAP_SYS_NICE, here and in threads made later; programs that root starts have it."""
    permitted = _capabilities("CapPrm")
    if os.geteuid() == 0 and permitted & CAP_SYS_NICE:
        kept = permitted & ~CAP_SYS_NICE
        lower, upper = kept & _LOWER, kept >> 32
        call(
            "capset",
            struct.pack("Ii", _VERSION_3, 0),
            struct.pack("6I", lower, lower, 0, upper, upper, 0),
        )


def _capabilities(name: str) -> int:
    status = Path("/proc/thread-self/status").read_text()
    found = re.search(rf"^{name}:\s+([0-9a-f]+)$", status, re.MULTILINE)
    return int(found[1], 16) if found else 0
