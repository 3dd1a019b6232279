"""Calls into the C library that the os module lacks, with its errors as OSError."""

import ctypes
import os
import signal
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NAME, _PR_SET_NO_NEW_PRIVS = 1, 4, 15, 38

_LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call a C function by name; arguments are addresses of bytes, or whole words.

    Raises: OSError for a result below 0, AttributeError for no such function.
    """
    answer: int = getattr(_LIBC, name)(*map(_word, arguments))
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return answer


def prctl(option: int, value: int = 0) -> None:
    """Raises: OSError."""
    call("prctl", option, value, 0, 0, 0)


def set_no_new_privileges() -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def name_process(name: str) -> None:
    """Set the name that ps(1) and top(1) show; the kernel keeps 15 bytes of it."""
    call("prctl", _PR_SET_NAME, name.encode(), 0, 0, 0)


def hide_memory() -> None:
    """Hide memory, descriptors and environment of this process from others of the same user.

    As ptrace(2) and proc(5) show them; also disables core dumps. Lasts until an execve.
    """
    prctl(_PR_SET_DUMPABLE, 0)


def show_memory() -> None:
    """Undo `hide_memory`, which also takes a process the right to map its users."""
    prctl(_PR_SET_DUMPABLE, 1)


def die_with_parent() -> None:
    """Ask for SIGKILL at the parent's death; a change of user resets it.

    The parent may have died before: the caller has to check.
    """
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _word(argument: Any) -> Any:
    # ctypes passes a bare int as 32 bits, and the kernel reads whole registers.
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument
