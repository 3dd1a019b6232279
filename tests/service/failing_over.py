"""A primary and its standby, of the binaries of the embedded PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from server.postgres.account import choose_account, program
from server.postgres.cluster import Cluster
from server.postgres.embedded import EmbeddedPostgres
from tests.harness.making import copy_tree
from tests.harness.running import wait_for

SETTINGS = {"fsync": "off", "wal_level": "replica", "max_wal_senders": "4", "hot_standby": "on"}
WITHIN_S = 30.0


@dataclass
class Failover:
    """`dsn` names both hosts; the second takes over once the first has stopped."""

    dsn: str
    first: EmbeddedPostgres
    second: EmbeddedPostgres
    standby: ExitStack

    def wait_until_equal(self) -> None:
        [[there]] = run(self.first.dsn, "SELECT pg_current_wal_flush_lsn()::text")
        sql = f"SELECT pg_last_wal_replay_lsn() >= '{there}'::pg_lsn"
        wait_for(lambda: run(self.second.dsn, sql) == [(True,)], "the standby", WITHIN_S)

    def make_synchronous(self) -> None:
        run(self.first.dsn, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
        run(self.first.dsn, "SELECT pg_reload_conf()")

    def stop_standby(self) -> None:
        self.standby.close()

    def promote(self) -> None:
        """The first stops; the second takes its place, with what it has."""
        self.first.stop()
        self.start_standby()
        run(self.second.dsn, "SELECT pg_promote()")

    def start_standby(self) -> None:
        if not self.second.is_up():
            self.standby.enter_context(self.second)


def run(dsn: str, sql: str) -> list[Any]:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def failover(directory: Path, cluster: Path) -> Iterator[Failover]:
    """Of a copy of the made cluster, which is migrated."""
    copy_tree(cluster, directory / "first")
    with ExitStack() as running:
        first = running.enter_context(EmbeddedPostgres(directory / "first", SETTINGS))
        copy_cluster(first, directory)
        second = EmbeddedPostgres(directory / "second", SETTINGS)
        standby = running.enter_context(ExitStack())
        standby.enter_context(second)
        hosts = [psycopg2.extensions.parse_dsn(one.dsn)["host"] for one in (first, second)]
        dsn = psycopg2.extensions.make_dsn(first.dsn, host=",".join(hosts), port="5432,5432")
        yield Failover(dsn, first, second, standby)


def copy_cluster(first: EmbeddedPostgres, directory: Path, **address: str) -> None:
    """Makes `second` a standby of `first`, which it finds at its socket or at the address."""
    source, target = directory / "first" / "postgres", directory / "second" / "postgres"
    target.mkdir(parents=True)
    for one in (directory, target.parent, target):
        one.chmod(0o711)
    shutil.copy(source / "password", target / "password")
    account = choose_account(source, Cluster(source).owner_uid())
    copy = directory / "copy"
    copy.mkdir()
    account.give(copy)
    private = copy / "password"
    shutil.copy(source / "password", private)
    account.give(private)
    conninfo = psycopg2.extensions.make_dsn(
        first.dsn, passfile=str(private), dbname=None, **address
    )
    backup = copy / "cluster"
    account.run(
        [
            program("pg_basebackup"),
            f"--dbname={conninfo}",
            f"--pgdata={backup}",
            "-R",
            "-c",
            "fast",
        ],
        copy,
        {},
        60,
    )
    backup.rename(target / "cluster")
