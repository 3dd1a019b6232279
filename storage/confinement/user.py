"""Drops the rights of a process except those to its files.

A process started by root becomes an otherwise unused user, and keeps the right to read and write
all files that the other layers leave visible; root may own a storage that others wrote.
"""

import os
import struct

from storage.confinement.kernel import call, prctl

# Below 65,536, where a container's users may end; above the range that systemd allocates.
USER = 65533
_PR_SET_KEEPCAPS = 8
_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1 << 1


def drop_rights() -> bool:
    """True if the process has become another user; it has no capabilities in either case."""
    has_changed = os.geteuid() == 0 and _switch_user()
    _keep(_CAP_DAC_OVERRIDE if has_changed else 0)
    return has_changed


def _switch_user() -> bool:
    try:
        prctl(_PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    except OSError:
        return False  # root of a user namespace without other users
    return True


def _keep(capabilities: int) -> None:
    header = struct.pack("Ii", _VERSION_3, 0)
    call("capset", header, struct.pack("6I", capabilities, capabilities, 0, 0, 0, 0))
