"""TLS for those who are measured by it: one certificate for all, signed by itself.

An elliptic curve's key, as public authorities sign most; connections are kept, so handshakes do not
count.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.clients.load import Target
from benchmarks.servers.processes import CannotStart


@dataclass(frozen=True, slots=True)
class Certificate:
    chain: Path
    key: Path


def certificate(directory: Path) -> Certificate:
    """Made once, for `localhost`. Raises: CannotStart."""
    made = Certificate(directory / "tls.crt", directory / "tls.key")
    if not made.chain.exists():
        command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec"]
        command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"]
        command += ["-keyout", str(made.key), "-out", str(made.chain)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotStart(f"no certificate could be made: {done.stderr}")
        made.key.chmod(0o600)
    return made


@contextlib.contextmanager
def by_tls(serving: AbstractContextManager[Target]) -> Iterator[Target]:
    """The same target, asked by TLS."""
    with serving as target:
        yield replace(target, is_tls=True)
