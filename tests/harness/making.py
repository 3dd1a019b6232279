"""Makes what the test processes of a run share: a directory per name, as a migrated cluster."""

import fcntl
import os
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from db.postgres.migrations import MIGRATIONS, migrate
from events.log.retention import DAYS_AHEAD, HOURS_AHEAD
from server.postgres.cluster import Cluster
from server.postgres.embedded import EmbeddedPostgres

# No test cuts the power; what a killed process gave to the kernel is written all the same.
UNSYNCED = "\nfsync = off\nfull_page_writes = off\n"
# What the first start of a service adds to the migrations' partitions, in as many transactions.
ADD_COMING_DAYS = f"""
SELECT event_log_add_days((now() AT TIME ZONE 'UTC')::date, {DAYS_AHEAD + 1});
SELECT event_log_add_hours(now(), {HOURS_AHEAD + 1})
"""
PASSABLE = 0o711  # as `serve` makes it: PostgreSQL may run as another user


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Returns the directory that `make` filled, in whichever process of the run came first."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    directory = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            unfinished = base / f"{name}.unfinished"
            unfinished.mkdir(mode=PASSABLE)
            make(unfinished)
            unfinished.rename(directory)
    return directory


def make_cluster(data_dir: Path) -> None:
    """Makes the embedded PostgreSQL of a DATA_DIR, with the schema in it."""
    with EmbeddedPostgres(data_dir, {"fsync": "off"}) as postgres:
        migrate(postgres.dsn, MIGRATIONS)
        add_coming_days(postgres.dsn)
    settings = Cluster(data_dir / "postgres").directory / "postgresql.conf"
    with settings.open("a") as file:
        file.write(UNSYNCED)


def add_coming_days(dsn: str) -> None:
    """Makes the event log's days to come, so that not each service of a test makes them."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute(ADD_COMING_DAYS)


def copy_tree(made: Path, target: Path) -> None:
    """Copies a directory to a new place, owners and permissions included."""
    target.parent.mkdir(mode=PASSABLE, parents=True, exist_ok=True)
    subprocess.run(
        ["cp", "-a", "--reflink=auto", "--no-target-directory", made, target], check=True
    )
