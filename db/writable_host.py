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
    """A DSN for each host, by name or address. Ports go with hosts as in libpq: as many, or one for
    all. Raises ValueError for other numbers of them."""
    parts = parse_dsn(dsn)
    names = [name for name in ("host", "hostaddr") if name in parts]
    lists: dict[str, list[str]] = {name: parts[name].split(",") for name in names}
    count = max(map(len, lists.values()), default=1)
    ports = parts.get("port", "").split(",")
    lists["port"] = ports * count if len(ports) == 1 else ports
    each = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    if count < 2:
        return [dsn]
    return [make_dsn(**{**parts, **one, "port": one["port"] or "5432"}) for one in each]


def find_writable(dsn: str) -> str:
    """The DSN of the first host that takes writes; a single host is not tried. Blocks.

    Raises: DatabaseUnavailable.
    """
    single = split_hosts(dsn)
    if len(single) == 1:
        return dsn
    reasons = []
    for one in single:
        try:
            psycopg2.connect(
                one, connect_timeout=CONNECT_TIMEOUT_S, target_session_attrs="read-write"
            ).close()
        except psycopg2.Error as exc:
            reasons.append(str(exc).strip())
            continue
        return one
    raise DatabaseUnavailable("\n".join(("none of the hosts takes writes:", *reasons)))


def has_several_hosts(dsn: str) -> bool:
    return len(split_hosts(dsn)) > 1


async def await_writable(dsn: str) -> str:
    """Like `find_writable`, on a thread."""
    return await asyncio.to_thread(find_writable, dsn) if has_several_hosts(dsn) else dsn
