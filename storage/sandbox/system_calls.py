"""Takes from a process what decoding a file never needs: network, other programs, signals.

seccomp(2) with a program over the number of each system call (classic BPF): what is on the list
answers EPERM. It cannot be undone. A kernel or machine that is not known here goes without.
"""

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # in struct seccomp_data
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
# Of the other ABI of x86_64, whose numbers would pass by the list.
_X32_NUMBERS = 0x40000000


@dataclass(frozen=True, slots=True)
class Machine:
    """Its name for audit(7), and the numbers of what is refused."""

    architecture: int
    refused: tuple[int, ...]


# socket, io_uring_setup, execve, execveat, ptrace, process_vm_readv, process_vm_writev, kill,
# tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal
_MACHINES = {
    "x86_64": Machine(0xC000003E, (41, 425, 59, 322, 101, 310, 311, 62, 200, 234, 129, 297, 424)),
    "aarch64": Machine(
        0xC00000B7, (198, 425, 221, 281, 117, 270, 271, 129, 130, 131, 138, 240, 424)
    ),
}


def renounce() -> bool:
    """Whether this process is without them from now on; it must have no new privileges."""
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    program = _program(machine)
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    refused: int = prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described, 0, 0)
    return refused == 0


def _program(machine: Machine) -> bytes:
    refusals = len(machine.refused)
    return b"".join(
        [
            _step(_LOAD, _ARCHITECTURE_AT),
            _step(_JUMP_IF_EQUAL, machine.architecture, if_true=1),
            _step(_RETURN, _KILL),
            _step(_LOAD, _NUMBER_AT),
            _step(_JUMP_IF_GREATER_EQUAL, _X32_NUMBERS, if_true=refusals + 1),
            *(
                _step(_JUMP_IF_EQUAL, number, if_true=refusals - place)
                for place, number in enumerate(machine.refused)
            ),
            _step(_RETURN, _ALLOW),
            _step(_RETURN, _REFUSE),
        ]
    )


def _step(code: int, value: int, *, if_true: int = 0) -> bytes:
    """struct sock_filter; a jump passes over so many steps."""
    return struct.pack("HBBI", code, if_true, 0, value)
