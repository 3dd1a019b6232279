"""Restricts a process to the system calls that decoding needs: seccomp(2).

A classic BPF program over the number of each call and, where that is not enough, over one of its
arguments. Calls on no list fail with EPERM, since a library may try them and do without; calls that
only an attacker makes end the process with SIGSYS. It cannot be undone. On an unknown kernel or
machine there is no filter.

The lists were found with strace(1) over all media functions, and extended by calls of the C library
on other versions and machines.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from storage.confinement.kernel import call

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_JUMP_IF_EQUAL, _JUMP_IF_GREATER_EQUAL = 0x15, 0x35
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE, _UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
# The other ABI of x86_64, whose numbers would bypass the list.
_X32_NUMBERS = 0x40000000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # as named in audit(7)

Numbers = dict[str, tuple[int | None, int | None]]
"""Call numbers on x86_64 and on aarch64, which lacks the old ones."""

# The most frequent first.
_ALLOWED: Numbers = {
    "read": (0, 63),
    "lseek": (8, 62),
    "futex": (202, 98),
    "write": (1, 64),
    "newfstatat": (262, 79),
    "openat": (257, 56),
    "close": (3, 57),
    "fstat": (5, 80),
    "munmap": (11, 215),
    "brk": (12, 214),
    "madvise": (28, 233),
    "mremap": (25, 216),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "copy_file_range": (326, 285),
    "open": (2, None),
    "stat": (4, None),
    "lstat": (6, None),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "ftruncate": (77, 46),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "fadvise64": (221, 223),
    "poll": (7, None),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getrandom": (318, 278),
    "getcpu": (309, 168),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
}

_DEADLY: Numbers = {
    # Calls on other programs and other processes.
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    # Calls that change the view of files, the namespaces or the user.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "unshare": (272, 97),
    "setns": (308, 268),
    "setuid": (105, 146),
    "setresuid": (117, 147),
    "setfsuid": (122, 151),
    "capset": (126, 91),
    # Interfaces of the kernel with a history of vulnerabilities.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "fanotify_init": (300, 262),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "modify_ldt": (154, None),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Allows a call only with this argument, of which the kernel reads 32 bits."""

    numbers: tuple[int | None, int | None]
    argument: int
    mask: int
    values: tuple[int, ...]


_WHOLE = 0xFFFFFFFF
_NEW_THREAD = 0x00010000
_WRITABLE_CODE = 0x2 | 0x4
_CONDITIONS = (
    Condition((9, 222), 2, _WRITABLE_CODE, (0x0, 0x2, 0x4)),  # mmap
    Condition((10, 226), 2, _WRITABLE_CODE, (0x0, 0x2, 0x4)),  # mprotect
    # clone: threads, not processes.
    Condition((56, 220), 0, _NEW_THREAD, (_NEW_THREAD,)),
    # fcntl: descriptor flags, without signals and locks on others' files.
    Condition((72, 25), 1, _WHOLE, (0, 1, 2, 3, 4, 1030)),
    # ioctl: FIOCLEX, FIONCLEX, TCGETS.
    Condition((16, 29), 1, _WHOLE, (0x5451, 0x5450, 0x5401)),
    # prctl: a thread's name.
    Condition((157, 167), 0, _WHOLE, (15,)),
    # prlimit64: reading only. The upper half is not checked; raising a limit is impossible anyway.
    Condition((302, 261), 2, _WHOLE, (0,)),
)
# The C library falls back; its argument is in memory, where no filter can look.
_CLONE3 = 435


def install_filter() -> bool:
    """Install the filter; True if it is in effect. The process must have no_new_privs."""
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        return False
    program = _compile_program(machine)
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    try:
        call("syscall", _SECCOMP[machine], _SET_MODE_FILTER, _ALL_THREADS, described)
    except OSError:
        return False
    return True


def _compile_program(machine: str) -> bytes:
    column = list(_ARCHITECTURES).index(machine)
    return b"".join(
        [
            _instruction(_LOAD, _ARCHITECTURE_AT),
            _instruction(_JUMP_IF_EQUAL, _ARCHITECTURES[machine], if_true=1),
            _instruction(_RETURN, _KILL),
            _instruction(_LOAD, _NUMBER_AT),
            _instruction(_JUMP_IF_GREATER_EQUAL, _X32_NUMBERS, if_false=1),
            _instruction(_RETURN, _KILL),
            *_compile_calls(_ALLOWED, column, _ALLOW),
            *(_compile_condition(one, column) for one in _CONDITIONS),
            *_compile_calls(_DEADLY, column, _KILL),
            _compile_call(_CLONE3, _UNKNOWN),
            _instruction(_RETURN, _REFUSE),
        ]
    )


def _compile_calls(numbers: Numbers, column: int, answer: int) -> Iterator[bytes]:
    for both in numbers.values():
        number = both[column]
        if number is not None:
            yield _compile_call(number, answer)


def _compile_call(number: int, answer: int) -> bytes:
    return _instruction(_JUMP_IF_EQUAL, number, if_false=1) + _instruction(_RETURN, answer)


def _compile_condition(condition: Condition, column: int) -> bytes:
    number = condition.numbers[column]
    assert number is not None
    steps = [
        # Both machines are little-endian: the lower half comes first.
        _instruction(_LOAD, _ARGUMENTS_AT + 8 * condition.argument),
        _instruction(_AND, condition.mask),
        *(_compile_call(value, _ALLOW) for value in condition.values),
        _instruction(_RETURN, _REFUSE),
    ]
    body = b"".join(steps)
    return _instruction(_JUMP_IF_EQUAL, number, if_false=len(body) // 8) + body


def _instruction(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    """struct sock_filter; a jump passes over so many steps."""
    return struct.pack("HBBI", code, if_true, if_false, value)
