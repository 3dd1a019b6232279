"""Files and processes of the embedded cluster.

A pid in `postmaster.pid` is trusted only if that process is a postgres in this very directory:
after a crash the pid may be reused. Reads /proc, so Linux only. Starts and stops nothing.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PORT = 5432  # only the name of the socket file; nothing listens on TCP
SOCKET_NAME = f".s.PGSQL.{PORT}"
MAX_SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path holds 108 with the final NUL
SHORT_BASE = Path("/tmp")
IMPOSSIBLE_PID = 2**31 - 1  # above Linux's largest pid_max, 2**22

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements hold their parameters, and the detail of an error the values of a row.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "jit": "off",  # every statement here is short
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Paths below `{DATA_DIR}/postgres`."""

    home: Path

    @property
    def directory(self) -> Path:
        return self.home / "cluster"

    @property
    def pid_file(self) -> Path:
        return self.directory / "postmaster.pid"

    @property
    def owner_file(self) -> Path:
        return self.home / "owner"

    @property
    def password_file(self) -> Path:
        return self.home / "password"

    @property
    def log_file(self) -> Path:
        return self.home / "server.log"

    @property
    def socket_entry(self) -> Path:
        """The socket directory, or a link to a shorter one."""
        return self.home / "socket"

    @property
    def socket_directory(self) -> Path:
        entry = self.socket_entry
        return Path(os.readlink(entry)) if entry.is_symlink() else entry

    def exists(self) -> bool:
        return (self.directory / "PG_VERSION").exists()

    def owner_uid(self) -> int | None:
        return self.directory.stat().st_uid if self.exists() else None

    def write_settings(self, extra: Mapping[str, str]) -> Path:
        """Writes our settings file anew; an operator's own go into `postgresql.conf`."""
        sockets = str(self.socket_directory).replace('"', '""')
        settings = SETTINGS | {"unix_socket_directories": f'"{sockets}"'} | dict(extra)
        quoted = {name: value.replace("'", "''") for name, value in settings.items()}
        lines = [f"{name} = '{value}'\n" for name, value in quoted.items()]
        path = self.directory / "coursestream.conf"
        path.write_text("".join(lines))
        return path

    def make_socket_directory(self) -> Path:
        """A directory only we can enter, whose path fits a socket address."""
        self.remove_socket_directory()
        if _fits(self.socket_entry):
            self.socket_entry.mkdir(mode=0o700)
        else:
            short = tempfile.mkdtemp(prefix="coursestream-", dir=SHORT_BASE)
            self.socket_entry.symlink_to(short)
        return self.socket_directory

    def remove_socket_directory(self) -> None:
        """Only when no server runs."""
        if is_private(self.socket_directory):  # a link's target may no longer be ours
            shutil.rmtree(self.socket_directory)
        if self.socket_entry.is_symlink():
            self.socket_entry.unlink()
        elif self.socket_entry.exists():
            shutil.rmtree(self.socket_entry)

    def server_pid(self) -> int | None:
        """The postmaster's pid when a live one runs on this cluster."""
        pid = self._recorded_pid()
        if pid is None:
            return None
        try:
            return pid if self._is_ours(pid) else None
        except PermissionError:
            return pid if self._cannot_be_excluded(Path("/proc") / str(pid)) else None

    def is_deaf(self) -> bool:
        """True if the server is ready but its socket file is gone (a cleaned /tmp)."""
        try:
            is_ready = "ready" in self.pid_file.read_text().splitlines()[-1]
        except (FileNotFoundError, IndexError):
            return False
        return is_ready and not (self.socket_directory / SOCKET_NAME).exists()

    def process_ids(self) -> list[int]:
        """Returns every postgres process known to run on this cluster, with orphaned backends.

        They may be signalled, so processes that we cannot inspect are not included.
        """
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if self._is_surely_ours(pid)]

    def _is_surely_ours(self, pid: int) -> bool:
        try:
            return self._is_ours(pid)
        except PermissionError:
            return False

    def defuse_stale_pid(self) -> None:
        """Neutralises a `postmaster.pid` that names a foreign live process.

        PostgreSQL refuses to start while that pid lives. The file is not removed: by its shared
        memory line PostgreSQL detects backends that outlived their postmaster.
        """
        if self._recorded_pid() is not None:
            _, _, rest = self.pid_file.read_text().partition("\n")
            self.pid_file.write_text(f"{IMPOSSIBLE_PID}\n{rest}")
        else:
            self.pid_file.unlink(missing_ok=True)  # truncated, so without information

    def _recorded_pid(self) -> int | None:
        try:
            return int(self.pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    def _is_ours(self, pid: int) -> bool:
        """Raises: PermissionError for a process that we may not inspect."""
        process = Path("/proc") / str(pid)
        try:
            program = os.readlink(process / "exe")  # "... (deleted)" after an upgrade
            is_postgres = Path(program).name.split(" ")[0] == "postgres"
            return is_postgres and os.path.samefile(process / "cwd", self.directory)
        except PermissionError:
            raise
        except OSError:
            return False

    def _cannot_be_excluded(self, process: Path) -> bool:
        """True if a process of the pid file that we may not inspect can be our server.

        PostgreSQL runs only as the owner of its cluster. A false positive ends in an error at
        worst, a false negative in two servers on one cluster.
        """
        try:
            status = (process / "status").read_text()
        except OSError:
            return False
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        effective_uid = int(facts["Uid"].split()[1])
        return facts["Name"] == "postgres" and effective_uid == self.owner_uid()


def is_private(directory: Path) -> bool:
    """True for a real directory that no other user can enter or could have created."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077


def _fits(directory: Path) -> bool:
    path = str(directory / SOCKET_NAME)
    # libpq splits a host at commas.
    return len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES and "," not in path
