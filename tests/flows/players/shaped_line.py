"""Loopback of a network of its own on which some addresses answer at a rate, each for itself."""

import subprocess
from collections.abc import Sequence

# About 0.6 s at 350 kbit/s, as routers have it.
QUEUE_BYTES = 24_000


class ShapedLine:
    """In the network that the calling thread is in; `rate` as `tc` writes it."""

    def __init__(self, addresses: Sequence[str], rate: str) -> None:
        self._classes = [f"1:{place}" for place in range(1, 1 + len(addresses))]
        # A loopback's packets of 64 KiB would fill the queue at once.
        _run("ip", "link", "set", "lo", "gso_max_size", "1500", "gso_max_segs", "1")
        _tc("qdisc", "add", "root", "handle", "1:", "htb")
        for which, address in zip(self._classes, addresses, strict=True):
            _tc("class", "add", "parent", "1:", "classid", which, "htb", "rate", rate)
            _tc("qdisc", "add", "parent", which, "bfifo", "limit", str(QUEUE_BYTES))
            match = ("match", "ip", "src", f"{address}/32", "flowid", which)
            _tc("filter", "add", "parent", "1:", "protocol", "ip", "prio", "1", "u32", *match)

    def become(self, rate: str) -> None:
        for which in self._classes:
            _tc("class", "change", "parent", "1:", "classid", which, "htb", "rate", rate)


def _tc(kind: str, action: str, *words: str) -> None:
    _run("tc", kind, action, "dev", "lo", *words)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=10)
