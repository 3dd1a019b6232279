"""A network of its own for a function: a loopback with packets of a real size, and other sysctls.

Network namespaces belong to threads; what the thread starts is in its namespace, too.
"""

import ctypes
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

CLONE_NEWNET = 0x40000000
ETHERNET_MTU = 1500  # a loopback's packets of 64 KiB fill buffers in another way

T = TypeVar("T")


def in_own_network(work: Callable[[], T], **sysctls: str) -> T:
    """Calls `work` in a new network; `sysctls` are of `net.ipv4`. CI must be allowed to."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_enter_and_work, work, sysctls).result()


def _enter_and_work(work: Callable[[], T], sysctls: dict[str, str]) -> T:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        reason = f"a network of its own needs root: {os.strerror(ctypes.get_errno())}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    subprocess.run(["ip", "link", "set", "lo", "mtu", str(ETHERNET_MTU), "up"], check=True)
    for name, value in sysctls.items():
        (Path("/proc/sys/net/ipv4") / name).write_text(value)
    return work()
