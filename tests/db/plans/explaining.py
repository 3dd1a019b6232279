"""A transaction that tells how many rows each of its statements read, and of sorts on disk.

An explained plan ends at functions and triggers: rows that these read are counted by the statistics
of the transaction, but for those of index-only scans, which these do not hold.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from db.pool import Parameters, Row, Transaction

EXPLAINABLE = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES")
FETCHED = """
SELECT relname AS name, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS count
FROM pg_stat_xact_user_tables
"""
ROOTS = """
SELECT relname AS name, pg_partition_root(oid)::regclass::text AS root
FROM pg_class WHERE relispartition AND relkind = 'r'
"""
SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan")


@dataclass(frozen=True, slots=True)
class Plan:
    """`read_rows`: the most that one scan of the statement looked at, of `relation`, or all that
    its scans of the partitions of one table did, or its functions and triggers."""

    sql: str
    read_rows: int
    relation: str
    sorts_on_disk: bool


class Explaining:
    """A `Transaction`, and where a function opens one itself a `Database`, over `transaction`.

    Each statement runs twice: explained, which is undone, and as it is.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.plans: list[Plan] = []

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        for statement, its_parameters in _split(sql, parameters):
            await self._explain(statement, its_parameters)
        return await self._transaction.fetch_all(sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    async def execute(self, sql: str, parameters: Parameters = ()) -> None:
        await self.fetch_all(sql, parameters)

    async def finish(self, sql: str, parameters: Parameters = ()) -> None:
        await self.fetch_all(sql, parameters)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Explaining"]:
        yield self

    async def _explain(self, sql: str, parameters: Parameters) -> None:
        if not sql.lstrip().upper().startswith(EXPLAINABLE):
            return
        await self._transaction.execute("SAVEPOINT explained")
        before = await self._fetched()
        [row] = await self._transaction.fetch_all(
            f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", parameters
        )
        fetched = await self._fetched() - before
        await self._transaction.execute("ROLLBACK TO explained")
        roots = dict(await self._transaction.fetch_all(ROOTS))
        self.plans.append(_measure(sql, row[0][0]["Plan"], fetched, roots))

    async def _fetched(self) -> Counter[str]:
        """Rows that the transaction has read so far, by table."""
        return Counter(dict(await self._transaction.fetch_all(FETCHED)))


def _split(sql: str, parameters: Parameters) -> Iterator[tuple[str, Parameters]]:
    """Statements of a text, each with its parameters."""
    rest = parameters
    for part in filter(str.strip, sql.split(";\n")):
        if isinstance(rest, Mapping):
            yield part, rest
        else:
            count = part.count("%s")
            yield part, rest[:count]
            rest = rest[count:]


def _measure(
    sql: str, plan: dict[str, Any], fetched: Counter[str], roots: Mapping[str, str]
) -> Plan:
    nodes = list(_nodes(plan))
    scans = [(_read_rows(node), node["Relation Name"]) for node in nodes if _is_scan(node)]
    nested = [(count, f"{name}, nested") for name, count in _nested(scans, fetched).items()]
    partitioned = [(count, name) for name, count in _sums(scans, roots).items()]
    read_rows, relation = max([*scans, *partitioned, *nested], default=(0, ""))
    is_on_disk = any(node.get("Sort Space Type") == "Disk" for node in nodes)
    return Plan(" ".join(sql.split()), read_rows, relation, is_on_disk)


def _sums(scans: list[tuple[int, str]], roots: Mapping[str, str]) -> Counter[str]:
    """Rows that all scans of the partitions of a table read, by table."""
    sums: Counter[str] = Counter()
    for count, relation in scans:
        if relation in roots:
            sums[roots[relation]] += count
    return sums


def _nested(scans: list[tuple[int, str]], fetched: Counter[str]) -> Counter[str]:
    """Rows that functions and triggers read, by table."""
    explained: Counter[str] = Counter()
    for count, relation in scans:
        explained[relation] += count
    return fetched - explained


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _is_scan(node: dict[str, Any]) -> bool:
    return node["Node Type"] in SCANS


def _read_rows(node: dict[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])
