"""A PostgreSQL and its synchronous standby on two machines."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from server.postgres.cluster import Cluster
from server.postgres.embedded import EmbeddedPostgres
from tests.conftest import reaped
from tests.harness.making import copy_tree
from tests.harness.running import wait_for
from tests.harness.serving import kill_all
from tests.nodes.network import Machine
from tests.service.failing_over import SETTINGS, copy_cluster, run

LISTENING = {**SETTINGS, "listen_addresses": "*", "wal_receiver_status_interval": "1s"}
FROM_THE_NETWORK = (
    "host all all 10.0.0.0/24 scram-sha-256\nhost replication all 10.0.0.0/24 scram-sha-256\n"
)
WITHIN_S = 30.0


@dataclass
class Database:
    """A server; `rows` asks it past all networks."""

    machine: Machine
    postgres: EmbeddedPostgres
    cluster: Cluster

    def rows(self, sql: str) -> list[Any]:
        return run(self.postgres.dsn, sql)

    def kill(self) -> None:
        kill_all(self.cluster.process_ids())

    def start(self) -> None:
        self.machine.run(self.postgres.start)

    def restart(self) -> None:
        self.machine.run(self.postgres.restart)

    def promote(self) -> None:
        self.rows("SELECT pg_promote()")


@dataclass
class Databases:
    """`url` names both; the second takes over once the first is dead."""

    first: Database
    second: Database

    @property
    def password(self) -> str:
        return self.first.cluster.password_file.read_text().strip().rpartition(":")[2]

    @property
    def url(self) -> str:
        return self.url_at(f"{self.first.machine.address},{self.second.machine.address}")

    def url_at(self, hosts: str) -> str:
        return f"postgresql://coursestream:{quote(self.password)}@{hosts}/coursestream"

    def wait_until_synchronous(self) -> None:
        sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
        wait_for(lambda: self.first.rows(sql) == [(1,)], "the synchronous standby", WITHIN_S)


@contextmanager
def running_databases(
    directory: Path, cluster: Path, machines: tuple[Machine, Machine]
) -> Iterator[Databases]:
    """Of a copy of the made cluster, which is migrated."""
    copy_tree(cluster, directory / "first")
    with ExitStack() as running:
        first = _database(directory / "first", machines[0])
        with (first.cluster.directory / "pg_hba.conf").open("a") as file:
            file.write(FROM_THE_NETWORK)
        _start(running, first)
        machines[1].run(lambda: copy_cluster(first.postgres, directory, host=machines[0].address))
        second = _database(directory / "second", machines[1])
        _start(running, second)
        first.rows("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
        first.rows("SELECT pg_reload_conf()")
        databases = Databases(first, second)
        databases.wait_until_synchronous()
        yield databases


def _database(directory: Path, machine: Machine) -> Database:
    return Database(
        machine, EmbeddedPostgres(directory, LISTENING), Cluster(directory / "postgres")
    )


def _start(running: ExitStack, database: Database) -> None:
    running.enter_context(reaped(database.cluster.home.parent))
    running.callback(database.postgres.stop)
    database.start()
