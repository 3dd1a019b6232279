"""The `/metrics` response; needs a token on the main port, none on the loopback port."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from db import jobs
from db.errors import DatabaseError
from db.media import differences
from db.pool import Database
from db.postgres.server_state import read_server_state
from db.progress import sessions
from db.upkeep import storage_identity
from events.metrics import Metrics
from handlers import keys
from handlers.errors import NotAllowed
from handlers.openapi.descriptions import TEXT, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint

_T = TypeVar("_T")

# Of the first question to the database, and of the three after it together. With the figures of the
# installation, of two parts, it is within the ten seconds that Prometheus waits.
QUERY_TIMEOUT_S = 2.0


@endpoint(
    "GET /metrics",
    Operation(
        tag=Tag.OPERATING,
        summary="What Prometheus reads (admin, service)",
        answers=(Answer(200, "In its text format.", {"text/plain": TEXT}, ("Cache-Control",)),),
        problems=(NotAllowed,),
        access="bearer",
    ),
)
async def get_metrics(request: web.Request) -> web.Response:
    """Returns the metrics to service and admin: the numbers reveal other users' activity."""
    viewer = await request.app[keys.VERIFIER].viewer_of(request)
    if not viewer.is_privileged:
        raise NotAllowed("Only service and admin read the metrics.")
    return await show_metrics(request.app)


async def show_metrics(app: web.Application) -> web.Response:
    """Samples and returns all metrics; during a database outage without the database's own."""
    metrics, installation = app[keys.METRICS], app[keys.INSTALLATION]
    facts = await installation.storage_facts()
    if await _sample_database(metrics, app[keys.DATABASE]):
        facts += await installation.database_facts()
    metrics.set_facts(facts)
    metrics.sample()
    text = await asyncio.to_thread(metrics.text)
    return web.Response(
        body=text,
        headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_PLAIN_0_0_4, hdrs.CACHE_CONTROL: "no-store"},
    )


async def _sample_database(metrics: Metrics, database: Database) -> bool:
    """Returns False while it does not answer: each further question would wait as long."""
    of_jobs, of_playbacks = await _counts(database)
    metrics.set_database(of_jobs, of_playbacks)
    if of_jobs is None:
        return False
    until = asyncio.get_running_loop().time() + QUERY_TIMEOUT_S
    metrics.set_held_strays(await _by(until, storage_identity.read_held_strays(database)))
    metrics.set_media_differences(await _by(until, differences.count_by_made(database)))
    state = await _by(until, read_server_state(database))
    metrics.set_may_lose_commits(None if state is None else state.may_lose_commits)
    return True


async def _counts(database: Database) -> tuple[dict[str, int], dict[str, int]] | tuple[None, None]:
    """Returns jobs by status and playbacks by state."""
    try:
        async with asyncio.timeout(QUERY_TIMEOUT_S):
            of_jobs = await jobs.count_by_status(database)
            return of_jobs, await sessions.count_open(database)
    except (DatabaseError, TimeoutError):
        return None, None


async def _by(until: float, reading: Awaitable[_T]) -> _T | None:
    """Returns None if the database has not answered by that time of the loop."""
    try:
        async with asyncio.timeout_at(until):
            return await reading
    except (DatabaseError, TimeoutError):
        return None
