"""Health endpoints: liveness and readiness."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from db.errors import DatabaseError
from db.postgres.server_state import read_server_state
from events.errors import ForeignStorage
from events.progress.persister import ProgressPersister
from handlers import keys
from handlers.checks.own_storage import require_own_storage
from handlers.errors import NotFound
from handlers.messages import Health, Readiness, answer_json
from handlers.openapi.descriptions import JSON, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from storage.errors import StorageError, StorageForeign

CHECK_TIMEOUT_S = 3.0  # of all checks, side by side: balancers wait little longer
# Of our clock against the database's: tokens are allowed 30 s of leeway, some issuers' far less.
CLOCK_WARNING_S, CLOCK_LIMIT_S = 1.0, 5.0
ASYNCHRONOUS = "asynchronous: a fail-over of the database may lose what was acknowledged"


@endpoint(
    "GET /healthz",
    Operation(
        tag=Tag.OPERATING,
        summary="Alive",
        answers=(Answer(200, "The process runs.", {JSON: Health}),),
    ),
)
async def get_healthz(request: web.Request) -> web.Response:
    """200 while the process runs."""
    return answer_json(Health())


@endpoint(
    "GET /drainz",
    Operation(
        tag=Tag.OPERATING,
        summary="Not stopping",
        answers=(Answer(200, "This process takes new connections.", {JSON: Health}),),
        problems=(NotFound,),
    ),
)
async def get_drainz(request: web.Request) -> web.Response:
    """200 until the process stops, then 404, by which balancers tell leaving from broken.

    Raises: NotFound.
    """
    request.app[keys.BALANCERS].note()
    if request.app[keys.LEAVING].is_set():
        raise NotFound("This process is stopping.")
    return answer_json(Health())


@endpoint(
    "GET /readyz",
    Operation(
        tag=Tag.OPERATING,
        summary="Able to work",
        answers=(
            Answer(200, "Everything that is needed is in order.", {JSON: Readiness}),
            Answer(503, "Something is not.", {JSON: Readiness}),
        ),
    ),
)
async def get_readyz(request: web.Request) -> web.Response:
    """200 when a writable database, migrations, clock, secrets, storage and the persister are in
    order, else 503 and which is not."""
    request.app[keys.BALANCERS].note()
    (of_database, details), of_storage, of_progress = await asyncio.gather(
        _database_state(request.app),
        _storage_state(request),
        _progress_state(request.app[keys.PERSISTER]),
    )
    if of_storage == "unknown" and of_database["database"] == "unavailable":
        of_storage = "ok"  # it is there; whose it is waits for the database
    faults = {
        "server": "stopping" if request.app[keys.LEAVING].is_set() else "ok",
        **of_database,
        "storage": of_storage,
        "progress": of_progress,
    }
    ready = all(state == "ok" for state in faults.values())
    details |= _damage_details(len(request.app[keys.DAMAGED_FILES]))
    return answer_json(
        Readiness("ok" if ready else "unavailable", faults, details),
        status=200 if ready else 503,
    )


async def _database_state(app: web.Application) -> tuple[dict[str, str], dict[str, str]]:
    """Returns checks and details."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            asked_at = datetime.now(UTC)
            state = await read_server_state(app[keys.DATABASE])
            answered_at = datetime.now(UTC)
            contradicted = await app[keys.MEMBERSHIP].find_contradiction()
    except (DatabaseError, TimeoutError):
        unknown = dict.fromkeys(("migrations", "clock", "secrets"), "unknown")
        return {"database": "unavailable", **unknown}, {}
    clock, details = judge_clock(asked_at, state.now, answered_at)
    if contradicted is not None:
        details["secrets"] = f"not those of {contradicted}, which has run for longer"
    if state.may_lose_commits:
        details["replication"] = ASYNCHRONOUS
    checks = {
        "database": "ok" if state.is_writable else "read-only",
        "migrations": "pending" if app[keys.MIGRATIONS] - state.migrations else "ok",
        "clock": clock,
        "secrets": "ok" if contradicted is None else "different",
    }
    return checks, details


def judge_clock(
    asked_at: datetime, database: datetime, answered_at: datetime
) -> tuple[str, dict[str, str]]:
    """Returns check and details, given our clock before and after the database's was read."""
    skew_s = max(
        0.0, (asked_at - database).total_seconds(), (database - answered_at).total_seconds()
    )
    if skew_s < CLOCK_WARNING_S:
        return "ok", {}
    side = "behind" if database > answered_at else "ahead of"
    details = {"clock": f"{skew_s:.1f} s {side} the database's"}
    return ("ok" if skew_s < CLOCK_LIMIT_S else "wrong"), details


async def _storage_state(request: web.Request) -> str:
    """Returns `foreign` for a storage of another database, `unknown` if it cannot be asked."""
    check = request.app[keys.DISK].start(request.app[keys.STORAGE].check)
    state = "unavailable"
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await asyncio.shield(check)
            state = "unknown"
            await require_own_storage(request)
    except (ForeignStorage, StorageForeign):
        return "foreign"
    except StorageError:
        return "unavailable"
    except (DatabaseError, TimeoutError):
        return state
    return "ok"


async def _progress_state(persister: ProgressPersister) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return "ok" if await persister.can_store() else "unavailable"
    except TimeoutError:
        return "unavailable"


def _damage_details(damaged: int) -> dict[str, str]:
    """Returns counts without file names: load balancers need not know them."""
    if not damaged:
        return {}
    return {"damaged_files": f"{damaged} not as recorded; `run_server.py check` tells which"}


def migration_ids(directory: Path) -> frozenset[str]:
    """Returns the ids of this version's migrations."""
    found = [*directory.glob("*.sql"), *directory.glob("*.py")]
    return frozenset(path.stem for path in found if not path.stem.endswith(".rollback"))
