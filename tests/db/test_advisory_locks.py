"""Advisory locks: registered, distinct, independent of each other."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from db import advisory_locks, space
from db.advisory_locks import MIGRATION_KEY, NAMESPACE, AdvisoryLock
from db.pool import open_database
from db.upkeep.sole_owner import try_sole_ownership

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("run_server.py", *(f"{room}/**/*.py" for room in ("db", "events", "handlers", "server")))
CALL = re.compile(r"pg_(?:try_)?advisory_(?:xact_)?lock(?:_shared)?\s*\(([^)]*)\)", re.IGNORECASE)
KEYS = {(NAMESPACE, lock) for lock in AdvisoryLock} | {(MIGRATION_KEY,)}

FUNCTIONS = """
SELECT p.proname AS name, p.prosrc AS body FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND p.prosrc <> ''
"""


def keys_of(text: str) -> list[tuple[int, ...]]:
    return [tuple(int(key, 0) for key in call.split(",")) for call in CALL.findall(text)]


def statements() -> list[str]:
    of_a_lock = (
        advisory_locks.lock_until_commit,
        advisory_locks.try_lock_until_commit,
        advisory_locks.try_lock,
    )
    made = [build(lock) for build in of_a_lock for lock in AdvisoryLock]
    return [*made, advisory_locks.lock_migrations()]


def test_no_two_locks_share_a_number() -> None:
    numbers = [*AdvisoryLock.__members__.values()]

    assert len({*map(int, numbers)}) == len(AdvisoryLock.__members__)


@pytest.mark.parametrize("statement", statements())
def test_statement_takes_a_registered_lock(statement: str) -> None:
    assert len(keys_of(statement)) == 1
    assert {*keys_of(statement)} <= KEYS


def test_python_takes_advisory_locks_through_the_registry_only() -> None:
    sources = {path for pattern in SOURCES for path in ROOT.glob(pattern)}
    assert len(sources) > 100
    taking = [path for path in sources if re.search(r"pg_\w*advisory", path.read_text("utf-8"))]

    assert [path.relative_to(ROOT).as_posix() for path in taking] == ["db/advisory_locks.py"]


async def test_functions_of_the_schema_take_registered_locks_only(dsn: str) -> None:
    async with open_database(dsn, size=1) as database:
        functions = await database.fetch_all(FUNCTIONS)
    taken = {one.name: keys_of(one.body) for one in functions if "advisory" in one.body}

    assert taken["reserve_space"] == [(NAMESPACE, AdvisoryLock.RESERVE_SPACE)]
    assert {key for keys in taken.values() for key in keys} <= KEYS
    assert all(taken.values())  # none in a form that CALL does not read


async def test_upload_reserves_space_while_a_reconcile_runs(dsn: str) -> None:
    async with (
        try_sole_ownership(dsn, AdvisoryLock.RECONCILE) as is_owner,
        open_database(dsn, size=1) as database,
    ):
        granted = await space.reserve(
            database, uuid4(), needed_bytes=1, desired_bytes=1, quota_bytes=None
        )

    assert (is_owner, granted) == (True, 1)
