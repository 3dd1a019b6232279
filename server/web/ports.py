"""Ports that another program holds, reported before anything is installed or started.

Uses the standard library alone: `make run` asks (`python -m server.web.ports`) before there is
anything else. An address that is wrong in another way is reported when it is bound.
"""

import errno
import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

PREFIX = "COURSESTREAM_"
DEFAULTS: Mapping[str, str] = {"HOST": "127.0.0.1", "PORT": "8080"}
ENV_FILE = Path(__file__).resolve().parents[2] / ".env"
TRIED_PORTS = 50  # after the taken one, for a suggestion
# A line of `.env` in its usual form; the server's start reads the others, too.
_LINE = re.compile(rf"\s*(?:export\s+)?{PREFIX}(\w+)\s*=\s*[\"']?([^\s\"'#]*)")


def is_taken(host: str, port: int) -> bool:
    """True if another program listens there. Blocks: resolves the host, binds for a moment."""
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in found:
            socket.create_server(address[:2], family=family).close()
    except OSError as exc:
        return exc.errno == errno.EADDRINUSE
    return False


def taken(host: str, port: int, variable: str = "PORT") -> str:
    """Returns the reason why a taken port cannot be had, and what to do."""
    later = range(port + 1, min(port + TRIED_PORTS, 65536))
    free = next((one for one in later if not is_taken(host, one)), None)
    choice = "" if free is None else f", or choose another port: {PREFIX}{variable}={free}"
    return f"in use by another program, or by this one if it runs already. Stop that one{choice}"


def main() -> int:
    """Exit code 1 with a sentence where the server could not listen."""
    given = {**DEFAULTS, **_from_file(), **_from_environ()}
    host, port = given["HOST"], given["PORT"]
    if not port.isdecimal() or int(port) > 65535 or not is_taken(host, int(port)):
        return 0
    print(
        f"coursestream: cannot listen on {host}:{port}: {taken(host, int(port))}", file=sys.stderr
    )
    return 1


def _from_file() -> dict[str, str]:
    try:
        lines = ENV_FILE.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {found[1]: found[2] for found in map(_LINE.match, lines) if found and found[2]}


def _from_environ() -> dict[str, str]:
    """An empty variable counts as unset."""
    values = {name: os.environ.get(PREFIX + name) for name in DEFAULTS}
    return {name: value for name, value in values.items() if value}


if __name__ == "__main__":
    sys.exit(main())
