"""Taking the database away from under a service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import psycopg2


async def cut_connections(cluster: Any, dsn: str) -> None:
    """All that are open to this database; new ones are taken at once."""
    await asyncio.to_thread(_run, cluster, _terminate(_name(dsn)))


@asynccontextmanager
async def no_database(cluster: Any, dsn: str) -> AsyncIterator[None]:
    """While it is away, connections are cut and new ones refused."""
    name = _name(dsn)
    refuse = f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"
    await asyncio.to_thread(_run, cluster, refuse, _terminate(name))
    try:
        yield
    finally:
        await asyncio.to_thread(_run, cluster, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def _name(dsn: str) -> str:
    parameters = psycopg2.extensions.parse_dsn(dsn)
    return str(parameters["dbname"])


def _terminate(name: str) -> str:
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"


def _run(cluster: Any, *statements: str) -> None:
    with closing(psycopg2.connect(cluster.dsn_of("postgres"))) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)
