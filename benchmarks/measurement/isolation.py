"""A place of its own for the measurement: new network, process and mount namespaces.

In there TCP's congestion control is reno for everybody: BBR paces even loopback, at a twentieth
of what the machine can do. When the first process of the place ends, however it ends, the kernel
ends all others and takes the network away; the machine's own settings are never touched.
"""

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CONGESTION_CONTROL = "reno"
SYSCTLS: Mapping[str, str] = {
    "net/ipv4/tcp_congestion_control": CONGESTION_CONTROL,
    "net/ipv4/ip_local_port_range": "20000 65000",  # the servers' ports lie below
    "net/core/somaxconn": "16384",
}
TOOLS = {"unshare": "util-linux", "setpriv": "util-linux", "taskset": "util-linux", "cc": "gcc"}
INTERRUPTED_TIMEOUT_S = 10.0

SIOCSIFFLAGS = 0x8914  # linux/sockios.h
IFF_UP = 0x1  # linux/if.h


class CannotIsolate(Exception):
    """The measurement would not mean anything, or not end cleanly, on this machine."""


def check_possible() -> None:
    """Raises: CannotIsolate with everything that is missing."""
    missing = [
        f"`{tool}` (Debian's package {package})"
        for tool, package in TOOLS.items()
        if shutil.which(tool) is None
    ]
    if os.geteuid() != 0:
        missing.append("root, to make a network namespace (`sudo make bench`)")
    if len(os.sched_getaffinity(0)) < 2:
        missing.append("two cores, one for the server and one for who asks it")
    if missing:
        raise CannotIsolate(f"the benchmarks need {'; '.join(missing)}. Nothing was measured.")


def isolated(command: Sequence[str]) -> list[str]:
    """The command in namespaces of its own; when this process ends, all of it does."""
    place = ["unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
    return ["setpriv", "--pdeathsig", "KILL", *place, *command]


def run_isolated(module: str, arguments: Sequence[str]) -> int:
    """Runs `python -m MODULE` with these arguments in there; says its exit code."""
    command = isolated([sys.executable, "-m", module, *arguments])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with subprocess.Popen(command) as place:
        try:
            return place.wait()
        except KeyboardInterrupt:
            _end(place)
            return 128 + signal.SIGINT


def _end(place: "subprocess.Popen[bytes]") -> None:
    """A Ctrl-C in the terminal has reached everybody in there, too; any other only us."""
    try:
        place.wait(INTERRUPTED_TIMEOUT_S if sys.stdin.isatty() else 0.1)
    except subprocess.TimeoutExpired:
        place.kill()


def prepare_network() -> None:
    """Called first by who runs in there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    for name, value in SYSCTLS.items():
        (Path("/proc/sys") / name).write_text(value)


def congestion_control() -> str:
    return (Path("/proc/sys") / "net/ipv4/tcp_congestion_control").read_text().strip()
