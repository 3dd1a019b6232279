"""Restricts a process to given files, whatever its user may open: landlock(7).

Since Linux 5.13, where it is enabled. Later versions also restrict the network, signals to
outsiders and sockets without a name in the file system.
"""

import os
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.confinement.files import Files
from storage.confinement.kernel import call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _PATH_BENEATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
_READ = _READ_FILE | _READ_DIR
_WRITE = _READ_FILE | _WRITE_FILE | _TRUNCATE
_OF_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE
# Number of access rights to files, to the network and to other processes, by ABI version.
_KINDS = {1: (13, 0, 0), 2: (14, 0, 0), 3: (15, 0, 0), 4: (15, 2, 0), 5: (16, 2, 0), 6: (16, 2, 2)}


def version() -> int:
    """The kernel's ABI version, 0 where there is none."""
    try:
        return call("syscall", _CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def confine(libraries: Iterable[Path], files: Files) -> int:
    """Restrict the process to these files; returns the ABI version in effect, 0 for none."""
    found = version()
    if not found:
        return 0
    kinds = [(1 << count) - 1 for count in _KINDS[min(found, max(_KINDS))]]
    attributes = struct.pack("QQQ", *kinds)[: 8 * (3 if found >= 6 else 2 if found >= 4 else 1)]
    with _closed(call("syscall", _CREATE_RULESET, attributes, len(attributes), 0)) as ruleset:
        for path in (*libraries, *files.read):
            _allow(ruleset, path, _READ & kinds[0])
        for path in files.written:
            _allow(ruleset, path, _WRITE & kinds[0])
        call("syscall", _RESTRICT_SELF, ruleset, 0)
    return found


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # opening it fails with an error of its own
    with _closed(descriptor):
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _OF_A_FILE
        rule = struct.pack("=Qi", access, descriptor)
        call("syscall", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)


@contextmanager
def _closed(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
