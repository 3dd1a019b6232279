"""The writable one of several hosts in a DSN.

libpq takes several hosts and tries one after the other, but aiopg watches the socket of the first
alone (aiopg#647). So the writable host is found first, and aiopg connects to that one.
"""

import asyncio

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from db.errors import DatabaseUnavailable

CONNECT_TIMEOUT_S = 2  # for each host; libpq's least


def split_hosts(dsn: str) -> list[str]:
    """A DSN for each host. Ports go with hosts as in libpq: as many, or one for all."""
    parts = parse_dsn(dsn)
    hosts = parts.get("host", "").split(",")
    ports = parts.get("port", "").split(",")
    if len(hosts) < 2:
        return [dsn]
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return [
        make_dsn(**{**parts, "host": host, "port": port or "5432"})
        for host, port in zip(hosts, ports, strict=True)
    ]


def find_writable(dsn: str) -> str:
    """The DSN of the first host that takes writes; a single host is not tried. Blocks.

    Raises: DatabaseUnavailable.
    """
    single = split_hosts(dsn)
    if len(single) == 1:
        return dsn
    for one in single:
        try:
            psycopg2.connect(
                one, connect_timeout=CONNECT_TIMEOUT_S, target_session_attrs="read-write"
            ).close()
        except psycopg2.Error:
            continue
        return one
    raise DatabaseUnavailable("none of the hosts of the database takes writes")


async def await_writable(dsn: str) -> str:
    """Like `find_writable`, on a thread."""
    return await asyncio.to_thread(find_writable, dsn) if "," in dsn else dsn
