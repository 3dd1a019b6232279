"""Machines of a network of their own: namespaces on a bridge, between which lines can be cut.

Namespaces belong to threads: what a machine's thread opens or starts is in that machine. Nothing of
it is seen in the network of the host, and it ends with the process that made it.
"""

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

CLONE_NEWNET = 0x40000000
NOBODY = "02:00:00:00:ff:ff"  # packets to it are dropped without a word, as by a cable that is cut
# Ends with the test process, however that ends, and the namespace with it.
HOLDER = ("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat >/dev/null")
TIMEOUT_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True)
class Machine:
    """`address` is its own; `run` works in it."""

    address: str
    holder: "subprocess.Popen[bytes]"
    thread: ThreadPoolExecutor

    def run(self, work: Callable[[], T]) -> T:
        return self.thread.submit(work).result()

    def enter(self) -> None:
        """Moves the calling thread into it."""
        _enter(self.holder.pid)

    @contextmanager
    def cut_from(self, *others: "Machine") -> Iterator[None]:
        """Packets between them vanish, in both directions."""
        pairs = [pair for other in others for pair in ((self, other), (other, self))]
        for one, other in pairs:
            one.command("ip", "neigh", "replace", other.address, "lladdr", NOBODY, "dev", "eth0")
        try:
            yield
        finally:
            for one, other in pairs:
                one.command("ip", "neigh", "del", other.address, "dev", "eth0")

    def command(self, *arguments: str) -> None:
        _command(self.holder.pid, *arguments)


class Network:
    """A bridge of its own; `machine` puts one more on it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bridge = self._hold()
        self._count = 0
        _command(self._bridge.pid, "ip", "link", "add", "bridge", "type", "bridge")
        _command(self._bridge.pid, "ip", "link", "set", "bridge", "up")

    def machine(self, address: str) -> Machine:
        holder, bridge = self._hold(), self._bridge.pid
        self._count += 1
        port = f"port{self._count}"
        _command(
            *(bridge, "ip", "link", "add", port, "type", "veth"),
            *("peer", "name", "eth0", "netns", str(holder.pid)),
        )
        _command(bridge, "ip", "link", "set", port, "master", "bridge", "up")
        _command(holder.pid, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        _command(holder.pid, "ip", "link", "set", "eth0", "up")
        thread = ThreadPoolExecutor(1, initializer=_enter, initargs=(holder.pid,))
        self._stack.callback(thread.shutdown)
        return Machine(address, holder, thread)

    def _hold(self) -> "subprocess.Popen[bytes]":
        holder = subprocess.Popen(HOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._stack.callback(_end, holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        return holder


@contextmanager
def network() -> Iterator[Network]:
    """Skips the test where nobody may make one; CI may."""
    if os.geteuid() != 0:
        reason = "machines of its own need root"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with ExitStack() as stack:
        yield Network(stack)


def _end(holder: "subprocess.Popen[bytes]") -> None:
    holder.communicate(timeout=TIMEOUT_S)


def _command(pid: int, *arguments: str) -> None:
    subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", *arguments], check=True, timeout=TIMEOUT_S
    )


def _enter(pid: int) -> None:
    assert threading.current_thread() is not threading.main_thread()
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
