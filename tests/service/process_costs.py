"""Costs of a process: descriptors and memory from /proc, tasks and transfers from its metrics."""

import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.harness.serving import Serve
from tests.harness.waiting import wait_until

QUIET_WITHIN_S = 30.0


@dataclass(frozen=True)
class Held:
    """Resources that must be as few as before when all clients have gone."""

    descriptors: Counter[str]
    tasks: int
    transfers: int

    def is_within(self, before: "Held") -> bool:
        return (
            self.descriptors <= before.descriptors
            and self.tasks <= before.tasks
            and self.transfers <= before.transfers
        )


async def held(serve: Serve) -> Held:
    metrics = await metrics_of(serve)
    return Held(
        _descriptors(serve.process.pid),
        int(metrics["coursestream_tasks"]),
        int(sum(n for name, n in metrics.items() if "transfers_running" in name)),
    )


async def metrics_of(serve: Serve) -> dict[str, float]:
    async with serve.client("svc", "service") as session, session.get("/metrics") as response:
        text = await response.text()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(number) for name, _, number in lines}


async def until_held(serve: Serve, before: Held, within_s: float = QUIET_WITHIN_S) -> None:
    """Until nothing is left of what came after `before`: the kernel, too, takes its time."""
    await wait_until(lambda: held(serve), lambda now: now.is_within(before), within_s=within_s)


def private_bytes(pid: int) -> int:
    """Memory that is the process's alone: no file's pages, and none that it has given back."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Private_Dirty: +(\d+) kB$", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _descriptors(pid: int) -> Counter[str]:
    """Counts descriptors by kind, without the videos and the connections to PostgreSQL: of both, a
    bounded number stays open, which grows when many ask at once and shrinks minutes later."""
    directory = Path(f"/proc/{pid}/fd")
    found: Counter[str] = Counter()
    local = _local_sockets(pid)
    for name in os.listdir(directory):
        with suppress(FileNotFoundError):  # closed meanwhile
            descriptor = os.readlink(directory / name)
            if descriptor not in local:
                found[re.sub(r":\[\d+\]$", "", descriptor)] += 1
    return Counter({kind: count for kind, count in found.items() if "/storage/" not in kind})


def _local_sockets(pid: int) -> set[str]:
    """Unix sockets, as those to the embedded PostgreSQL are. TCP's table lacks closed ones."""
    lines = Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[6]}]" for line in lines}
