"""Calls into the C library that the os module lacks, with its errors as OSError."""

import ctypes
import os
import signal
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38

_LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """What the C function of this name answers; the address of bytes, or a whole word, for each
    argument. Raises: OSError for an answer below 0, AttributeError for no such function.
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


def hide_memory() -> None:
    """Keep others of the same user from this process's memory, descriptors and environment, as
    ptrace(2) and proc(5) show them; no core is written any more. Lasts until an execve.
    """
    prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """Is forgotten when the user changes. It may have died before: the caller has to look."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _word(argument: Any) -> Any:
    # ctypes takes a bare int for 32 bits wide, and the kernel reads whole registers.
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument
