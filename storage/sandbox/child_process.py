"""One sandboxed child process, from its start to the end of its process group.

The child has an empty environment, no descriptor but its answer, and a session of its own. It sets
its limits of memory, CPU and file size and its confinement itself (`child`); its time is limited
here.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from storage.concurrency.tasks import to_its_end
from storage.disk import SHARED_DISK
from storage.errors import MediaCrashed, MediaInterrupted
from storage.media.facts import PROGRESS_MARK, encode
from storage.sandbox.child import Order
from storage.sandbox.forked_child import Child, ForkedChild, fork_child
from storage.sandbox.outcome import TimedOut, classify_end

OnProgress = Callable[[float], None]
"""Called on the loop with the finished share, 0 to 1; cheap, and never raises."""

# A child is one or two processes, unless it was taken over.
_MAX_CLOCKS = 64


@dataclass(frozen=True, slots=True)
class Call:
    """The input of each child that is started for one call, and the limits of its answer."""

    order: Order
    timeout_s: float
    content: bytes
    """Standard input of the child."""
    max_answer_bytes: int
    on_progress: OnProgress | None


async def run_child(child: Child, call: Call) -> bytes:
    """Run one child to its end and return its message, undecoded.

    Raises: MediaTimedOut, MediaCrashed, MediaInterrupted, by the table of `outcome`.
    """
    async with _running_child(child, call) as process:
        try:
            async with asyncio.timeout(call.timeout_s):
                message = await _read_answer(process, call)
                end: int | TimedOut = await process.wait()
        except TimeoutError:
            end = TimedOut(call.timeout_s, await asyncio.to_thread(used_cpu_s, process.pid))
    if failure := classify_end(call.order.function, end):
        raise failure
    return message


@asynccontextmanager
async def _running_child(child: Child, call: Call) -> AsyncIterator[ForkedChild]:
    """A running child; none of its group is left after the block."""
    # A task of its own: when a start is cancelled, asyncio ends the child but not its group.
    starting = asyncio.ensure_future(_start(child, call))
    try:
        yield await asyncio.shield(starting)
    finally:
        await to_its_end(_end_group(starting))


async def _start(child: Child, call: Call) -> ForkedChild:
    """Raises: MediaInterrupted where the machine has no process or memory left for it."""
    try:
        with await SHARED_DISK.run(_as_input, call.content) as content:
            return await fork_child(child, encode(call.order).decode(), content)
    except OSError as exc:
        raise MediaInterrupted(f"no child could be started: {exc}") from exc


async def _end_group(starting: "asyncio.Future[ForkedChild]") -> None:
    """Kill the process group even if the child has ended: its descendants hold the pipe open."""
    process = await starting
    await process.end()


async def _read_answer(process: ForkedChild, call: Call) -> bytes:
    """Raises: MediaCrashed for an answer that is too long."""
    message, percent = bytearray(), 0
    while chunk := await process.answer.read(call.max_answer_bytes + 1 - len(message)):
        message += chunk
        if len(message) > call.max_answer_bytes:
            raise MediaCrashed("the answer is too long")
        if call.on_progress is None:
            continue
        done_percent = min(100, len(message) - len(message.lstrip(PROGRESS_MARK)))
        if done_percent > percent:
            percent = done_percent
            call.on_progress(percent / 100)
    return bytes(message.lstrip(PROGRESS_MARK))


def used_cpu_s(pid: int) -> float | None:
    """CPU seconds used so far by a running process and its descendants; None where the kernel
    does not say. Blocks."""
    used_s, left = None, [pid]
    for _ in range(_MAX_CLOCKS):
        if not left:
            break
        one = left.pop()
        with suppress(OSError):
            # clock_getcpuclockid(3), which Python lacks: the process id gives the clock's.
            used_s = (used_s or 0.0) + time.clock_gettime((~one << 3) | 2)
            left += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return used_s


def _as_input(content: bytes) -> IO[bytes]:
    """An in-memory file with `content`, positioned at its beginning. Blocks."""
    if not content:
        return open(os.devnull, "rb")
    file = os.fdopen(os.memfd_create("content", os.MFD_CLOEXEC), "w+b")
    file.write(content)
    file.seek(0)
    return file
