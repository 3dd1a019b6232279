"""Private namespaces: no other process, network or IPC is visible, and descendants end with it.

See namespaces(7). Root creates them by its own right; any other user needs a user namespace first,
which some systems refuse. The first process after the call is the init of the new process
namespace, so the caller becomes two: the init, which continues, and its guard, which waits for its
end and ends likewise.
"""

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType

from storage.confinement.kernel import call

_MOUNTS, _HOST_NAME, _IPC = 0x00020000, 0x04000000, 0x08000000
_USER, _PROCESSES, _NETWORK = 0x10000000, 0x20000000, 0x40000000
_ALL = _MOUNTS | _HOST_NAME | _IPC | _PROCESSES | _NETWORK
_SELF = Path("/proc/self")


def enter() -> bool:
    """Enter them; True if the kernel allowed it. The next process is their init."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 and _unshare(_ALL):
        return True
    if not _unshare(_ALL | _USER):
        return False
    # No group may be mapped while groups can still be dropped.
    (_SELF / "setgroups").write_text("deny")
    (_SELF / "uid_map").write_text(f"{user} {user} 1")
    (_SELF / "gid_map").write_text(f"{group} {group} 1")
    return True


def _unshare(kinds: int) -> bool:
    try:
        call("unshare", kinds)
    except OSError:
        return False
    return True


def become_init() -> int:
    """Fork the guard; returns in the init only, with a pipe's end that closes with the guard."""
    ended_with_guard, lifeline = os.pipe()
    init = os.fork()
    if init:
        os.close(ended_with_guard)
        _guard(init)
    os.close(lifeline)
    os.set_blocking(ended_with_guard, False)
    _end_with_cpu_time()
    return ended_with_guard


def is_guarded(ended_with_guard: int) -> bool:
    """True while the guard lives; closes the descriptor."""
    try:
        return os.read(ended_with_guard, 1) != b""
    except BlockingIOError:
        return True
    finally:
        os.close(ended_with_guard)


def _guard(init: int) -> None:
    """Wait for the init; never returns. SIGTERM ends the init and with it the whole namespace."""

    def end(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(init, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    _, status = os.waitpid(init, 0)
    code = os.waitstatus_to_exitcode(status)
    number = signal.SIGXCPU if code == signal.SIGXCPU else -code
    if number > 0:
        _end_by(number)
    os._exit(max(code, 0))


def _end_by(number: int) -> None:
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _end_with_cpu_time() -> None:
    """Turn SIGXCPU into an exit status: an init gets no signals that it does not handle."""
    libc = ctypes.CDLL(None)
    libc.signal(signal.SIGXCPU, ctypes.cast(libc._exit, ctypes.c_void_p))
