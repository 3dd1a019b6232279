import errno
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from server.postgres import account
from server.postgres import cluster as postgres_cluster
from server.postgres.account import PostgresError, ServerAccount, choose_account
from server.postgres.cluster import MAX_SOCKET_PATH_BYTES, SOCKET_NAME, Cluster
from server.postgres.embedded import EmbeddedPostgres, PostgresNotRunning
from server.postgres.ownership import Owned

ROOT = Path(__file__).resolve().parents[3]
QUICK = {"fsync": "off", "dynamic_shared_memory_type": "mmap"}  # a kill leaves no shared memory
OWNER_PROGRAM = """
import signal, sys
from pathlib import Path
from server.postgres.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), {"fsync": "off", "dynamic_shared_memory_type": "mmap"}).start()
print("up", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def made_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped DATA_DIR to copy: initdb takes longer than most tests here."""
    data_dir = tmp_path_factory.mktemp("made") / "data"
    with EmbeddedPostgres(data_dir, QUICK):
        pass
    return data_dir


@pytest.fixture
def data_dir(made_cluster: Path, tmp_path: Path) -> Iterator[Path]:
    target = tmp_path / "data"
    shutil.copytree(made_cluster, target)
    yield target
    end_everything(target)


def end_everything(data_dir: Path) -> None:
    for pid in Cluster(data_dir / "postgres").process_ids():
        os.kill(pid, signal.SIGKILL)


@contextmanager
def owner_process(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has started, and owns, the server."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER_PROGRAM, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        try:
            yield owner
        finally:
            owner.kill()


def killed_owner(data_dir: Path) -> int:
    """Leaves a server behind whose owner was killed; returns the server's pid."""
    with owner_process(data_dir):
        pass
    pid = Cluster(data_dir / "postgres").server_pid()
    assert pid is not None
    return pid


def scalar(dsn: str, sql: str) -> object:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(sql)
        row = cursor.fetchone()
        return row[0] if row else None


def server_pid(data_dir: Path) -> int | None:
    return Cluster(data_dir / "postgres").server_pid()


def test_a_new_data_dir_gets_a_cluster_that_answers_over_a_private_socket(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"

    with EmbeddedPostgres(data_dir, QUICK) as postgres:
        assert scalar(postgres.dsn, "SHOW listen_addresses") == ""
        assert scalar(postgres.dsn, "SHOW server_encoding") == "UTF8"
        assert scalar(postgres.dsn, "SELECT current_database()") == "coursestream"
        sockets = Cluster(data_dir / "postgres").socket_directory
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        password = data_dir / "postgres" / "password"
        assert stat.S_IMODE(password.stat().st_mode) == 0o600

    assert Cluster(data_dir / "postgres").process_ids() == []


def test_a_password_that_others_can_read_is_refused(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, QUICK):
        pass
    password = data_dir / "postgres" / "password"
    password.chmod(0o644)

    with pytest.raises(PostgresError, match="password can be read by others: `chmod 600 "):
        EmbeddedPostgres(data_dir, QUICK).start()

    assert Cluster(data_dir / "postgres").process_ids() == []


def test_the_password_is_required_and_not_in_the_dsn(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, QUICK) as postgres:
        password = (data_dir / "postgres" / "password").read_text().strip().split(":")[-1]
        without = postgres.dsn.replace("/password", "/no-such-file")

        assert password not in postgres.dsn
        with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
            psycopg2.connect(without)


def test_what_was_written_is_there_after_a_restart(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, QUICK) as postgres:
        scalar(postgres.dsn, "CREATE TABLE kept AS SELECT 42 AS answer; SELECT 1")
    with EmbeddedPostgres(data_dir, QUICK) as postgres:
        assert scalar(postgres.dsn, "SELECT answer FROM kept") == 42


def test_settings_keep_commits_durable_by_default(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        assert scalar(postgres.dsn, "SHOW fsync") == "on"
        assert scalar(postgres.dsn, "SHOW synchronous_commit") == "on"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        pytest.param(
            "INSERT INTO people VALUES (%s)", psycopg2.IntegrityError, id="value-of-a-row"
        ),
        pytest.param("SELECT %s, 1 / 0", psycopg2.DataError, id="parameter"),
        pytest.param("SELECT %s FROM missing", psycopg2.ProgrammingError, id="statement"),
    ],
)
def test_the_log_names_nobody(data_dir: Path, statement: str, error: type[Exception]) -> None:
    with (
        EmbeddedPostgres(data_dir, QUICK) as postgres,
        closing(psycopg2.connect(postgres.dsn)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE people (id text PRIMARY KEY)")
        cursor.execute("INSERT INTO people VALUES ('somebody')")
        with pytest.raises(error):
            cursor.execute(statement, ("somebody",))

    log = Cluster(data_dir / "postgres").log_file.read_text()
    assert "ERROR:  " in log
    assert "somebody" not in log


def test_an_odd_path_is_no_obstacle(made_cluster: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / 'it\'s $HOME, "a" `b` é'
    shutil.copytree(made_cluster, data_dir)
    with EmbeddedPostgres(data_dir, QUICK) as postgres:
        assert scalar(postgres.dsn, "SELECT 1") == 1


def test_a_very_long_data_dir_gets_a_short_private_socket_directory(
    made_cluster: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / ("long" * 40) / "data"
    shutil.copytree(made_cluster, data_dir)
    cluster = Cluster(data_dir / "postgres")

    with EmbeddedPostgres(data_dir, QUICK) as postgres:
        sockets = cluster.socket_directory
        assert scalar(postgres.dsn, "SELECT 1") == 1
        assert len(os.fsencode(sockets / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        EmbeddedPostgres(data_dir, QUICK).attach()

    assert not sockets.exists()


def test_a_socket_directory_opened_to_others_is_not_trusted(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, QUICK):
        (data_dir / "postgres" / "socket").chmod(0o777)
        with pytest.raises(PostgresNotRunning):
            EmbeddedPostgres(data_dir, QUICK).attach()


def test_a_killed_initdb_leaves_nothing_that_is_taken_for_a_cluster(tmp_path: Path) -> None:
    unfinished = tmp_path / "data" / "postgres" / "cluster.new-1"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(tmp_path / "data", QUICK) as postgres:
        assert scalar(postgres.dsn, "SELECT 1") == 1
    assert not unfinished.exists()


def test_a_cluster_of_another_major_version_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresError, match="made by PostgreSQL 16"):
        EmbeddedPostgres(data_dir, QUICK).start()


@pytest.mark.parametrize("below", ["", "below", "below/this"])
def test_a_data_dir_that_is_no_directory_is_said(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    for use in (EmbeddedPostgres.start, EmbeddedPostgres.attach):
        with pytest.raises(PostgresError, match=f"^{file}.* is no directory, or within none$"):
            use(EmbeddedPostgres(file / below, QUICK))
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "No space left on device"), (errno.EACCES, "Permission denied")],
)
def test_what_a_disk_does_not_allow_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "truncate", refuse)
    postgres = EmbeddedPostgres(tmp_path, QUICK)
    with pytest.raises(PostgresError, match=f"^{tmp_path}/postgres: {said}$"):
        postgres.start()


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    with pytest.raises(PostgresError, match="shared_buffers"):
        EmbeddedPostgres(data_dir, {"shared_buffers": "nonsense"}).start()


class TestOwnership:
    def test_a_second_owner_is_refused_with_the_pid_of_the_first(self, data_dir: Path) -> None:
        with owner_process(data_dir) as owner:
            with pytest.raises(Owned, match=rf"pid {owner.pid}\).*COURSESTREAM_DATA_DIR"):
                EmbeddedPostgres(data_dir, QUICK).start()
            assert server_pid(data_dir) is not None

    def test_a_refused_owner_stops_nothing(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir, QUICK) as postgres:
            second = EmbeddedPostgres(data_dir, QUICK)
            with pytest.raises(Owned):
                second.start()
            second.stop()
            assert scalar(postgres.dsn, "SELECT 1") == 1

    def test_a_server_whose_owner_was_killed_is_taken_over_without_a_restart(
        self, data_dir: Path
    ) -> None:
        left = killed_owner(data_dir)

        with EmbeddedPostgres(data_dir, QUICK) as postgres:
            assert server_pid(data_dir) == left
            assert scalar(postgres.dsn, "SELECT 1") == 1
        assert Cluster(data_dir / "postgres").process_ids() == []

    def test_a_left_server_whose_socket_was_cleaned_away_is_restarted(self, data_dir: Path) -> None:
        left = killed_owner(data_dir)
        (data_dir / "postgres" / "socket" / SOCKET_NAME).unlink()

        with EmbeddedPostgres(data_dir, QUICK) as postgres:
            assert scalar(postgres.dsn, "SELECT 1") == 1
            assert server_pid(data_dir) != left

    def test_attaching_never_starts(self, data_dir: Path) -> None:
        with pytest.raises(PostgresNotRunning, match="serve"):
            EmbeddedPostgres(data_dir, QUICK).attach()
        assert Cluster(data_dir / "postgres").process_ids() == []

    def test_attaching_makes_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(PostgresNotRunning):
            EmbeddedPostgres(tmp_path / "none", QUICK).attach()
        assert list(tmp_path.iterdir()) == []

    def test_an_attached_one_never_stops(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir, QUICK) as postgres:
            guest = EmbeddedPostgres(data_dir, QUICK)
            guest.attach()
            guest.stop()
            assert scalar(guest.dsn, "SELECT 1") == 1
            assert guest.dsn == postgres.dsn


class TestAfterACrash:
    def test_a_killed_server_starts_again(self, data_dir: Path) -> None:
        os.kill(killed_owner(data_dir), signal.SIGKILL)

        with EmbeddedPostgres(data_dir, QUICK) as postgres:
            assert scalar(postgres.dsn, "SELECT 1") == 1

    def test_a_stale_pid_file_naming_a_foreign_process_neither_blocks_nor_harms_it(
        self, data_dir: Path
    ) -> None:
        os.kill(killed_owner(data_dir), signal.SIGKILL)
        with bystander() as foreign:
            name_in_pid_file(data_dir, foreign.pid)

            with EmbeddedPostgres(data_dir, QUICK) as postgres:
                assert scalar(postgres.dsn, "SELECT 1") == 1
            assert foreign.poll() is None

    def test_stopping_after_a_crash_does_not_signal_the_pid_in_the_stale_file(
        self, data_dir: Path
    ) -> None:
        postgres = EmbeddedPostgres(data_dir, QUICK)
        postgres.start()
        pid = server_pid(data_dir)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with bystander() as foreign:
            name_in_pid_file(data_dir, foreign.pid)

            postgres.stop()

            assert foreign.poll() is None
        assert Cluster(data_dir / "postgres").process_ids() == []

    def test_a_pid_file_cut_short_does_not_block(self, data_dir: Path) -> None:
        (data_dir / "postgres" / "cluster" / "postmaster.pid").write_text("")
        with EmbeddedPostgres(data_dir, QUICK) as postgres:
            assert scalar(postgres.dsn, "SELECT 1") == 1


@contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            yield process
        finally:
            process.kill()


def name_in_pid_file(data_dir: Path, pid: int) -> None:
    path = data_dir / "postgres" / "cluster" / "postmaster.pid"
    _, _, rest = path.read_text().partition("\n")
    path.write_text(f"{pid}\n{rest}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become another user")
class TestAsRoot:
    def test_runs_in_a_user_namespace_and_leaves_the_files_to_root(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir, QUICK):
            pid = server_pid(data_dir)
            assert os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
            assert (data_dir / "postgres" / "cluster" / "PG_VERSION").stat().st_uid == 0

    def test_runs_below_a_directory_that_only_root_can_enter(self, data_dir: Path) -> None:
        data_dir.parent.chmod(0o700)
        with EmbeddedPostgres(data_dir, QUICK) as postgres:
            assert scalar(postgres.dsn, "SELECT 1") == 1
        assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700

    def test_runs_as_nobody_where_namespaces_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, open_directory: Path
    ) -> None:
        monkeypatch.setattr(account, "_namespace", lambda: None)
        if not program_is_open_to_all():
            pytest.skip("nobody cannot reach the installed programs")

        for _ in range(2):  # made, then found again
            with EmbeddedPostgres(open_directory / "data", QUICK) as postgres:
                assert scalar(postgres.dsn, "SELECT 1") == 1
                pid = server_pid(open_directory / "data")
                assert Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid

    def test_says_what_to_do_when_nobody_cannot_reach_the_directory(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(account, "_namespace", lambda: None)
        tmp_path.chmod(0o700)
        with pytest.raises(PostgresError, match="chmod o\\+x"):
            choose_account(tmp_path, None)

    def test_a_cluster_of_an_ordinary_user_runs_as_that_user(self, open_directory: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        if not program_is_open_to_all():
            pytest.skip("nobody cannot reach the installed programs")
        chosen = choose_account(open_directory, nobody.pw_uid)
        assert chosen == ServerAccount(uid=nobody.pw_uid, gid=nobody.pw_gid)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can reach, as pytest's own are not."""
    directory = Path("/tmp") / f"coursestream-open-{os.getpid()}"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    yield directory
    end_everything(directory / "data")
    shutil.rmtree(directory)


def program_is_open_to_all() -> bool:
    try:
        ServerAccount(uid=65534, gid=65534).run(
            [account.program("postgres"), "--version"], Path("/"), {}, 10
        )
    except PostgresError:
        return False
    return True


def test_a_socket_path_at_the_limit_is_used_and_one_byte_more_is_not() -> None:
    room = MAX_SOCKET_PATH_BYTES - len(SOCKET_NAME) - 1
    at_the_limit = Path("/" + "x" * (room - 1))

    assert postgres_cluster._fits(at_the_limit)
    assert not postgres_cluster._fits(Path(f"{at_the_limit}x"))
