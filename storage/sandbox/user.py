"""Leaves a process no rights of its user's but those to files that it is shown.

One that root started becomes a user that nobody else is, and keeps the right to read and write
whatever the others' walls leave in its sight; root may own a storage that others wrote.
"""

import os
import struct

from storage.sandbox.kernel import call, prctl

# Below the 65,536 that a container's users may end at, above what systemd gives out.
USER = 65533
_PR_SET_KEEPCAPS = 8
_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1 << 1


def drop_rights() -> bool:
    """Whether the process has become another user; it has no capabilities in any case."""
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
        return False  # root of a user namespace that has no other user
    return True


def _keep(capabilities: int) -> None:
    header = struct.pack("Ii", _VERSION_3, 0)
    call("capset", header, struct.pack("6I", capabilities, capabilities, 0, 0, 0, 0))
