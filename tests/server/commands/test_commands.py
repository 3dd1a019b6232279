import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import jwt
import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

import run_server
from db.postgres.migrations import migrate, pending
from server.postgres.cluster import Cluster
from server.postgres.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a secret of the tests, 32 bytes!"
TIMEOUT_S = 60
Program = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated DATA_DIR to copy."""
    data_dir = tmp_path_factory.mktemp("made") / "data"
    with EmbeddedPostgres(data_dir, {"fsync": "off"}) as postgres:
        migrate(postgres.dsn)
    return data_dir


@pytest.fixture
def environ(made_data_dir: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of a server of its own; no PostgreSQL of it is left afterwards."""
    data_dir = tmp_path / "data"
    shutil.copytree(made_data_dir, data_dir)
    yield {
        "PATH": os.environ["PATH"],
        "COURSESTREAM_DATA_DIR": str(data_dir),
        "COURSESTREAM_JWT_SECRET": SECRET,
        "COURSESTREAM_PORT": "0",
        "COURSESTREAM_MEDIA_WORKERS": "1",
    }
    if cluster_of(data_dir).process_ids():  # a killed `serve` left it running
        with EmbeddedPostgres(data_dir):
            pass


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """Runs a command that only prints: exit code, standard output, standard error."""
    monkeypatch.setattr(run_server, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setenv("COURSESTREAM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COURSESTREAM_JWT_SECRET", SECRET)

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = run_server.main(list(arguments))
        except SystemExit as exc:  # argparse
            code = int(exc.code or 0)
        return code, *capsys.readouterr()

    return call


def cluster_of(data_dir: Path | str) -> Cluster:
    return Cluster(Path(data_dir) / "postgres")


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run_server.py", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


class Running:
    """A `serve` that listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"coursestream listens on (http://\S+)\n", line)
        assert match, (line, process.stderr.read() if process.stderr else "")
        self.url = match[1]

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def get(self, path: str) -> tuple[int, dict[str, object]]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.load(exc)


@contextmanager
def serving(environ: dict[str, str]) -> Iterator[Running]:
    with subprocess.Popen(
        [sys.executable, "run_server.py", "serve"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


class TestServe:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ends_with_0_and_leaves_no_process(
        self, environ: dict[str, str], number: signal.Signals
    ) -> None:
        with serving(environ) as server:
            assert server.get("/readyz")[0] == 200
            children = server.children()
            server.process.send_signal(number)
            assert server.process.wait(TIMEOUT_S) == 0

        assert children
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)
        assert cluster_of(environ["COURSESTREAM_DATA_DIR"]).process_ids() == []

    def test_a_killed_one_is_followed_by_one_that_takes_over(self, environ: dict[str, str]) -> None:
        cluster = cluster_of(environ["COURSESTREAM_DATA_DIR"])
        with serving(environ) as server:
            server.process.kill()
            server.process.wait()
        left = cluster.server_pid()
        cut_upload = Path(environ["COURSESTREAM_DATA_DIR"]) / "storage" / "tmp" / str(uuid4())
        cut_upload.write_bytes(b"half a lecture")

        with serving(environ) as server:
            assert cluster.server_pid() == left is not None
            assert not cut_upload.exists()
            assert server.get("/readyz")[0] == 200
            server.process.terminate()
            assert server.process.wait(TIMEOUT_S) == 0
        assert cluster.process_ids() == []

    def test_a_second_one_on_the_same_data_is_refused(self, environ: dict[str, str]) -> None:
        with serving(environ) as server:
            second = run(environ, "serve")
            assert second.returncode == 1
            assert f"in use by another server (pid {server.process.pid})" in second.stderr
            assert "Traceback" not in second.stderr
            assert server.get("/readyz")[0] == 200

    def test_refuses_a_stale_schema_of_a_database_that_is_not_its_own(
        self, environ: dict[str, str], empty_dsn: str
    ) -> None:
        done = run(with_database(environ, empty_dsn), "serve")
        assert done.returncode == 1
        assert "0001_courses" in done.stderr
        assert "run_server.py migrate" in done.stderr

    def test_serves_from_a_database_that_is_not_its_own(
        self, environ: dict[str, str], dsn: str
    ) -> None:
        with serving(with_database(environ, dsn)) as server:
            assert server.get("/readyz")[0] == 200
            server.process.terminate()
            assert server.process.wait(TIMEOUT_S) == 0

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            pytest.param({"METRICS_PORT": "{taken}"}, "for metrics: in use", id="metrics"),
            pytest.param(
                {"METRICS_PORT": "{taken}", "WORKERS": "2"}, "for metrics: in use", id="of two"
            ),
            pytest.param({"PORT": "{taken}"}, "{taken}: in use", id="port"),
            pytest.param({"HOST": "203.0.113.9"}, "assign requested address", id="not our address"),
            pytest.param({"HOST": "no.such.invalid"}, "cannot listen on no.such", id="no address"),
        ],
    )
    def test_an_address_that_cannot_be_had_is_a_sentence(
        self, environ: dict[str, str], settings: dict[str, str], sentence: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            taken = holder.getsockname()[1]
            named = {
                f"COURSESTREAM_{name}": value.format(taken=taken)
                for name, value in settings.items()
            }
            done = run({**environ, **named}, "serve")

        assert done.returncode == 1
        assert sentence.format(taken=taken) in done.stderr + done.stdout
        assert "Traceback" not in done.stderr + done.stdout
        assert cluster_of(environ["COURSESTREAM_DATA_DIR"]).process_ids() == []

    @pytest.mark.parametrize("command", ["serve", "worker", "migrate", "check", "adopt-storage"])
    def test_a_data_dir_that_is_no_directory_is_a_sentence(
        self, environ: dict[str, str], tmp_path: Path, command: str
    ) -> None:
        file = tmp_path / "file"
        file.touch()
        done = run({**environ, "COURSESTREAM_DATA_DIR": str(file)}, command)
        assert done.returncode in (1, 2)
        assert done.stderr.startswith(f"coursestream: {file}")
        assert done.stderr.count("\n") == 1

    def test_runs_on_asyncios_loop(self, environ: dict[str, str]) -> None:
        with serving({**environ, "COURSESTREAM_EVENT_LOOP": "asyncio"}) as server:
            assert server.get("/healthz")[0] == 200
            server.process.terminate()
            assert server.process.wait(TIMEOUT_S) == 0


@contextmanager
def connected(dsn: str) -> Iterator[psycopg2.extensions.connection]:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        yield connection


def with_database(environ: dict[str, str], dsn: str) -> dict[str, str]:
    parts = psycopg2.extensions.parse_dsn(dsn)
    url = "postgresql:///{dbname}?host={host}&port={port}&user={user}&passfile={passfile}"
    return {**environ, "COURSESTREAM_DATABASE_URL": url.format(**parts)}


class TestMigrate:
    def test_brings_an_empty_database_up_to_date(
        self, environ: dict[str, str], empty_dsn: str
    ) -> None:
        done = run(with_database(environ, empty_dsn), "migrate")
        assert done.returncode == 0
        assert "applied 0001_courses" in done.stdout
        assert pending(empty_dsn) == []

    @pytest.mark.parametrize("options", [{"encoding": "SQL_ASCII"}, {"encoding": "LATIN1"}])
    def test_refuses_a_database_that_holds_not_every_text(
        self, environ: dict[str, str], empty_dsn: str, options: dict[str, str]
    ) -> None:
        name = parse_dsn(empty_dsn)["dbname"] + "_" + options["encoding"].lower()
        locale = "locale_provider = libc locale = 'C'"
        with connected(empty_dsn) as connection:
            connection.cursor().execute(
                f"CREATE DATABASE {name} TEMPLATE template0 {locale} ENCODING {options['encoding']}"
            )
        done = run(with_database(environ, make_dsn(empty_dsn, dbname=name)), "migrate")
        assert done.returncode == 1
        assert f"UTF8, this one has {options['encoding']}" in done.stderr
        assert "Traceback" not in done.stderr

    def test_brings_the_schema_of_the_url_up_to_date(
        self, environ: dict[str, str], empty_dsn: str
    ) -> None:
        with connected(empty_dsn) as connection:
            connection.cursor().execute("CREATE SCHEMA elsewhere")
        environ = with_database(environ, empty_dsn)
        environ["COURSESTREAM_DATABASE_URL"] += "&options=-csearch_path%3Delsewhere"
        environ["COURSESTREAM_DATABASE_URL"] += "&client_encoding=LATIN1"
        environ["COURSESTREAM_STORAGE_PATH"] = environ["COURSESTREAM_DATA_DIR"] + "/new"
        assert run(environ, "migrate").returncode == 0
        with serving(environ) as server:
            assert server.get("/readyz")[0] == 200
            server.process.terminate()
            assert server.process.wait(TIMEOUT_S) == 0

    def test_names_what_a_role_may_not(self, environ: dict[str, str], dsn: str) -> None:
        role = f"reader_{parse_dsn(dsn)['dbname']}"
        with connected(dsn) as connection:
            connection.cursor().execute(f"CREATE ROLE {role} LOGIN")
        environ = with_database(environ, dsn)
        environ["COURSESTREAM_DATABASE_URL"] += f"&user={role}"
        try:
            for command in ("migrate", "serve", "check"):
                done = run(environ, command)
                assert done.returncode in (1, 2)
                assert "permission denied for" in done.stderr
                assert "Traceback" not in done.stderr
        finally:
            with connected(dsn) as connection:
                connection.cursor().execute(f"DROP ROLE {role}")

    def test_starts_the_embedded_database_for_itself_and_stops_it(
        self, environ: dict[str, str]
    ) -> None:
        done = run(environ, "migrate")
        assert (done.returncode, done.stdout) == (0, "nothing to apply\n")
        assert cluster_of(environ["COURSESTREAM_DATA_DIR"]).process_ids() == []

    def test_uses_the_embedded_database_of_a_running_server(self, environ: dict[str, str]) -> None:
        data_dir = Path(environ["COURSESTREAM_DATA_DIR"])
        with EmbeddedPostgres(data_dir, {"fsync": "off"}) as postgres:
            assert run(environ, "migrate").returncode == 0
            with closing(psycopg2.connect(postgres.dsn)):
                pass

    def test_a_database_that_cannot_be_reached_is_reported_without_its_password(
        self, environ: dict[str, str], tmp_path: Path
    ) -> None:
        url = f"postgresql://user:hunter2@/nothing?host={tmp_path}"
        done = run({**environ, "COURSESTREAM_DATABASE_URL": url}, "migrate")
        assert done.returncode == 1
        assert str(tmp_path) in done.stderr
        assert "hunter2" not in done.stderr
        assert "Traceback" not in done.stderr


class TestToken:
    def test_prints_a_token_of_that_user(self, program: Program) -> None:
        code, out, _ = program("token", "--user", "ann", "--role", "admin", "--ttl", "15m")
        claims = jwt.decode(out.strip(), SECRET, algorithms=["HS256"])
        assert (code, claims["sub"], claims["roles"]) == (0, "ann", ["admin"])

    def test_carries_the_issuer_and_audience_that_are_checked(
        self, program: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COURSESTREAM_JWT_ISSUER", "us")
        monkeypatch.setenv("COURSESTREAM_JWT_AUDIENCE", "courses")
        _, out, _ = program("token", "--user", "ann")
        claims = jwt.decode(out.strip(), SECRET, ["HS256"], issuer="us", audience="courses")
        assert claims["iss"] == "us"

    @pytest.mark.parametrize(
        "arguments",
        [(), ("--user", "ann", "--ttl", "soon"), ("--user", "ann", "--role", "teacher")],
        ids=["no user", "no duration", "no role"],
    )
    def test_refuses_what_makes_no_sense(
        self, program: Program, arguments: tuple[str, ...]
    ) -> None:
        assert program("token", *arguments)[0] == 2

    def test_says_what_a_life_may_be(self, program: Program) -> None:
        _, _, err = program("token", "--user", "ann", "--ttl", "soon")
        assert "argument --ttl: found 'soon', allowed is a duration like 90s, 15m, 24h or 7d" in err

    def test_prints_a_name_for_the_pages(self, program: Program) -> None:
        _, out, _ = program("token", "--user", "ann", "--name", "Ann Other")

        claims = jwt.decode(out.strip(), SECRET, algorithms=["HS256"])
        assert (claims["sub"], claims["name"]) == ("ann", "Ann Other")
        assert "roles" not in claims

    def test_help_explains_roles_and_claims_by_examples(self, program: Program) -> None:
        code, out, _ = program("token", "--help")

        assert code == 0
        for role in ("none", "admin", "service"):
            assert re.search(rf"^  {role} +\w", out, re.M)
        for claim in ("sub", "exp", "roles", "name"):
            assert re.search(rf"^  {claim} +\w", out, re.M)
        assert out.count("run_server.py token --user") == 2
        assert "enrollments/maria" in out

    def test_makes_no_token_that_the_server_would_refuse(self, program: Program) -> None:
        code, out, err = program("token", "--user", "ann/../bob")
        assert (code, out) == (1, "")
        assert "'ann/../bob' is no user id: a text of 1 to 64 letters" in err

    @pytest.mark.parametrize(
        "key", [("JWT_PUBLIC_KEY_FILE", "/no/key.pem"), ("JWT_JWKS_URL", "http://h/jwks")]
    )
    @pytest.mark.parametrize("command", [("token", "--user", "ann"), ("serve", "--demo")])
    def test_needs_a_shared_secret(
        self,
        program: Program,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        key: tuple[str, str],
        command: tuple[str, ...],
    ) -> None:
        monkeypatch.delenv("COURSESTREAM_JWT_SECRET")
        monkeypatch.setenv(f"COURSESTREAM_{key[0]}", key[1])
        code, out, err = program(*command)
        assert (code, out) == (1, "")
        assert "needs a shared secret (COURSESTREAM_JWT_SECRET)" in err
        assert "Traceback" not in err
        assert not (tmp_path / "data").exists()


def test_a_key_file_that_is_none_is_reported_before_anything_starts(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("COURSESTREAM_JWT_SECRET")
    monkeypatch.setenv("COURSESTREAM_JWT_PUBLIC_KEY_FILE", str(tmp_path / "key.pem"))
    code, _, err = program("serve")
    assert code == 1
    assert "COURSESTREAM_JWT_PUBLIC_KEY_FILE" in err
    assert "No such file" in err
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_worker_without_a_database_says_what_to_start(environ: dict[str, str]) -> None:
    done = run(environ, "worker")
    assert done.returncode == 1
    assert "run_server.py serve" in done.stderr


def test_faults_of_the_settings_are_reported_at_once(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSESTREAM_PORT", "x")
    monkeypatch.setenv("COURSESTREAM_WORKERS", "0")
    code, _, err = program()
    assert code == 2
    assert "COURSESTREAM_PORT" in err
    assert "COURSESTREAM_WORKERS" in err


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "token", "import-s3", "check"])
def test_every_command_has_help(program: Program, command: str) -> None:
    code, out, _ = program(command, "--help")
    assert (code, out[:5]) == (0, "usage")


def test_no_command_loads_codecs_before_it_needs_them() -> None:
    code = "import sys, run_server; assert not {'av', 'PIL'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
