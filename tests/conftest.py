"""Fixtures of all tests: a database of its own, a clean environment, an unblocked loop."""

import gc
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
import structlog
from blockbuster import BlockBuster

from db.postgres.migrations import migrate
from server.postgres.cluster import Cluster
from server.postgres.embedded import EmbeddedPostgres
from server.web import middlewares
from tests.harness.making import add_coming_days, made_once, make_cluster
from tests.harness.ordinary_priority import renounce_real_time
from tests.harness.serving import Serve, served_from, write_large_mp4

ROOT = Path(__file__).resolve().parents[1]
MIGRATIONS = ROOT / "migrations"

# Nothing here has to survive a power cut, and each test pays for a copy of the template.
HASTY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
}
SHARED_MEMORY = Path("/dev/shm")
ENOUGH_SHARED_MEMORY_BYTES = 2 * 1024**3

OUR_PACKAGES = ("server", "handlers", "storage", "events", "db")
# What our code may block the loop with: blocked call, then the file and function allowed to.
ALLOWED_BLOCKING_CALLS = (
    # A log line goes to a pipe or a terminal; the reader is the operator's.
    ("io.TextIOWrapper.write", "logging/__init__.py", "emit"),
    ("io.TextIOWrapper.write", "server/takeover/progress_display.py", "_print"),
    # As asyncio starts a process: until its program has begun, 1 ms, once for 64 children.
    ("os.read", "storage/sandbox/forked_child.py", "__init__"),
    # The socket does not block, and the window was read into memory before.
    ("os.sendfile", "handlers/delivery/output/outlets.py", "send_file"),
    ("os.sendfile", "handlers/delivery/output/outlets.py", "send_at_once"),
)

# What is in them takes longest, mostly waiting: begun first, nothing long is left for the end.
SLOW_DIRECTORIES = ("faults", "flows", "deploy", "server")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the garbage collector off what collecting makes: a million objects that all stay.

    It looked at them again and again: 1.9 of 9.3 s of CPU, and after that in each full collection.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure() -> None:
    renounce_real_time()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sorts the tests of slow directories first where several processes share them."""
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    directory = item.path.relative_to(ROOT / "tests").parts[0]
    is_slow = directory in SLOW_DIRECTORIES
    return SLOW_DIRECTORIES.index(directory) if is_slow else len(SLOW_DIRECTORIES)


@pytest.fixture(autouse=True)
def unblocked_loop() -> Iterator[None]:
    """Our code that blocks inside an event loop fails the test with BlockingError."""
    blockbuster = BlockBuster(OUR_PACKAGES)
    for blocked, file, function in ALLOWED_BLOCKING_CALLS:
        blockbuster.functions[blocked].can_block_in(file, function)
    blockbuster.activate()
    yield
    blockbuster.deactivate()


@pytest.fixture(autouse=True)
def unconfigured_logging() -> Iterator[None]:
    """Undoes a test's changes to logging, loggers that were cached included."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers]
    root.setLevel(level)
    structlog.reset_defaults()
    for cached in (middlewares.access_logger, middlewares.logger):
        vars(cached).pop("bind", None)  # where structlog caches


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person running the tests reaches them."""
    for name in os.environ:
        if name.startswith(("COURSESTREAM_", "PG")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedPostgres]:
    """The one PostgreSQL of this test process.

    Holds the databases `migrated` and `template`, which also has what a service's start adds to it.
    """
    directory = Path(tempfile.mkdtemp(prefix="coursestream-test-", dir=_fast_directory()))
    directory.chmod(0o711)
    with reaped(directory), EmbeddedPostgres(directory, HASTY_SETTINGS) as postgres:
        _trust_connections(postgres, directory)
        _run(postgres, "CREATE DATABASE migrated")
        migrate(postgres.dsn_of("migrated"), MIGRATIONS)
        _run(postgres, "CREATE DATABASE template TEMPLATE migrated STRATEGY FILE_COPY")
        add_coming_days(postgres.dsn_of("template"))
        yield postgres


@pytest.fixture
def dsn(cluster: EmbeddedPostgres) -> Iterator[str]:
    """A migrated, empty database for this test alone."""
    with cloned_database(cluster, "template") as made:
        yield made


@pytest.fixture
def other_dsn(cluster: EmbeddedPostgres) -> Iterator[str]:
    """As `dsn`, of another database."""
    with cloned_database(cluster, "template") as made:
        yield made


@pytest.fixture(scope="module")
def shared_dsn(cluster: EmbeddedPostgres) -> Iterator[str]:
    """A migrated database for the tests of a module that do not mind each other."""
    with cloned_database(cluster, "template") as made:
        yield made


@pytest.fixture
def empty_dsn(cluster: EmbeddedPostgres) -> Iterator[str]:
    """A database without any schema."""
    with cloned_database(cluster, "template0") as made:
        yield made


@pytest.fixture(scope="session")
def made_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR with a migrated database and nothing else, for `served_from` to copy."""
    return made_once(tmp_path_factory, "cluster", make_cluster)


@pytest.fixture
def serve(tmp_path: Path, made_cluster: Path) -> Iterator[Serve]:
    """A `serve` to start, with a DATA_DIR that outlives it."""
    with served_from(tmp_path, made_cluster) as served:
        yield served


@pytest.fixture(scope="session")
def large_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_large_mp4(tmp_path_factory.mktemp("large"))


@contextmanager
def cloned_database(cluster: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    _run(cluster, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield cluster.dsn_of(name)
    finally:
        _run(cluster, f"DROP DATABASE {name} WITH (FORCE)")


def _trust_connections(cluster: EmbeddedPostgres, directory: Path) -> None:
    """Lets connections in without a password, whose 4,096 hashes take longer than a statement."""
    rules = Cluster(directory / "postgres").directory / "pg_hba.conf"
    rules.write_text("local all all trust\n")
    _run(cluster, "SELECT pg_reload_conf()")


def _run(cluster: EmbeddedPostgres, statement: str) -> None:
    with closing(psycopg2.connect(cluster.dsn_of("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


@contextmanager
def reaped(directory: Path) -> Iterator[None]:
    """The directory and a server in it go away even when this process is killed."""
    reaper = subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("harness") / "cluster_reaper.py"),
            str(directory),
        ],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert reaper.stdin is not None
        reaper.stdin.close()
        reaper.wait()


def _fast_directory() -> Path | None:
    is_usable = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
    if is_usable and shutil.disk_usage(SHARED_MEMORY).free >= ENOUGH_SHARED_MEMORY_BYTES:
        return SHARED_MEMORY
    return None
