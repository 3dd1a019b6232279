"""The whole installation in figures for its operators: queues, storage, standbys, media work.

They are the same whichever process is asked, so the one that is asked reports them, and nobody may
add them up. What reads many rows is read again after minutes, beside the answers.
"""

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from db import space
from db.errors import DatabaseError, DatabaseTimeout, DatabaseUnavailable
from db.insight import storage_shares
from db.media import steps
from db.pool import Database
from db.upkeep import operating_figures
from db.upkeep.operating_figures import QueuedJobs
from events.distributions import Distribution
from events.errors import OUTAGES
from events.exposition import Fact, Labels
from events.media.steps import BOUNDS_S
from events.media.traces import UNEXPECTED
from storage.concurrency.tasks import end
from storage.disk import Disk
from storage.mount.space import read_space

logger = logging.getLogger(__name__)

TIMEOUT_S = 2.0  # of the ten seconds that Prometheus waits
COURSES_AGE_S = 300.0
COURSES_RETRY_S = 30.0
FIRST_COURSES_S = 1.0
COURSES = 20  # the largest; all others are one series
REST = ""  # no course has this id


class InstallationFigures:
    """Reads the facts anew for each scrape; `stop` ends what is being read beside it."""

    def __init__(self, database: Database, storage_root: Path, disk: Disk) -> None:
        self._database = database
        self._storage_root = storage_root
        self._disk = disk
        self._course_bytes: dict[str, float] = {}
        self._stored_bytes: int | None = None
        self._courses_due_s = -math.inf
        self._reading: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        if self._reading is not None:
            await end(self._reading)

    async def database_facts(self) -> list[Fact]:
        """Returns the figures of the database, none unless it answers within `TIMEOUT_S`."""
        database = self._database
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return [
                    *job_facts(await operating_figures.count_jobs(database)),
                    *step_facts(await steps.list_all(database)),
                    *await self._queues(),
                    *await self._viewing_changes(),
                    *await self._standbys(),
                    *await self._courses(),
                ]
        except (DatabaseUnavailable, DatabaseTimeout, TimeoutError):
            return []  # `database_up` tells
        except DatabaseError:
            logger.exception("figures of the database could not be read")
            return []

    async def _queues(self) -> list[Fact]:
        renditions = await operating_figures.count_renditions(self._database)
        deliveries = await operating_figures.count_deliveries(self._database)
        return [
            _number(
                "database_ladders_unfinished",
                "Videos whose renditions are not all made; up to 10,000.",
                await operating_figures.count_ladders(self._database),
            ),
            _gauge(
                "database_renditions_unfinished",
                "Renditions that are not made yet; up to 10,000.",
                "state",
                {state: renditions.get(state, 0) for state in ("waiting", "processing")},
            ),
            _gauge(
                "database_deliveries",
                "Events for webhooks and learning record stores: waiting, or given up (dead);"
                " up to 10,000.",
                "state",
                {"waiting": deliveries.waiting, "dead": deliveries.dead},
            ),
            _number(
                "database_deliveries_oldest_seconds",
                "Age of the oldest event that waits to be delivered.",
                deliveries.oldest_s,
            ),
            _number(
                "database_uploads_open",
                "Resumable uploads that are not finished; up to 10,000.",
                await operating_figures.count_open_uploads(self._database),
            ),
        ]

    async def _viewing_changes(self) -> list[Fact]:
        waiting = await operating_figures.count_viewing_changes(self._database)
        return [
            _number(
                "database_viewing_changes",
                "Commits of reports that are not in the figures of viewing yet; up to 10,000.",
                waiting.count,
            ),
            _number(
                "database_viewing_changes_oldest_seconds",
                "How long the oldest of these has waited: 15 s while all is well.",
                waiting.oldest_s,
            ),
        ]

    async def _standbys(self) -> list[Fact]:
        found = await operating_figures.read_standbys(self._database)
        return [
            _number("database_standbys", "Standbys that are connected.", found.count),
            _number(
                "database_standby_lag_seconds",
                "Lag of the standby that is the farthest behind, where the role may read it.",
                found.lag_s,
            ),
        ]

    async def _courses(self) -> list[Fact]:
        """Read rarely, since all files are, and waited for only the first time."""
        if time.monotonic() >= self._courses_due_s:
            self._courses_due_s = time.monotonic() + COURSES_AGE_S
            self._reading = asyncio.create_task(self._read_courses(), name="storage by course")
            if self._stored_bytes is None:
                await asyncio.wait([self._reading], timeout=FIRST_COURSES_S)
        if self._stored_bytes is None:
            return []
        return course_facts(self._course_bytes, self._stored_bytes)

    async def _read_courses(self) -> None:
        try:
            shares = await storage_shares.list_shares(self._database, COURSES)
            self._course_bytes = {one.course_id: one.bytes for one in shares}
            self._stored_bytes = await space.read_used_bytes(self._database)
        except DatabaseError as exc:
            logger.warning("storage by course could not be read: %s", exc)
            self._courses_due_s = time.monotonic() + COURSES_RETRY_S

    async def storage_facts(self) -> list[Fact]:
        """Returns the figures of the storage, within `TIMEOUT_S`."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                found = await read_space(self._storage_root, self._disk)
        except (*OUTAGES, TimeoutError):
            return [_number("storage_up", "Whether the storage answers.", 0)]
        return [
            _number("storage_up", "Whether the storage answers.", 1),
            _number(
                "storage_size_bytes",
                "Size of the file system of the storage.",
                found.size_bytes,
            ),
            _number(
                "storage_free_bytes",
                "Bytes of the storage's file system that are free for this service.",
                found.free_bytes,
            ),
        ]


def job_facts(found: Sequence[QueuedJobs]) -> list[Fact]:
    counts: dict[Labels, float] = {(job.task, job.status): job.count for job in found}
    ages: dict[Labels, float] = {(job.task,): job.oldest_s for job in found if job.oldest_s}
    return [
        Fact(
            "gauge",
            "database_task_jobs",
            "Background jobs by task and status; up to 10,000 are looked at.",
            ("task", "status"),
            counts,
        ),
        Fact(
            "gauge",
            "database_task_oldest_seconds",
            "How long the first job that waits has waited, by task.",
            ("task",),
            ages,
        ),
    ]


def step_facts(found: Sequence[steps.StepCounts]) -> list[Fact]:
    """A step in another version's buckets is reported once it is counted in ours.

    Each step has a series of unexpected failures from the beginning: an increase from nothing is
    none for Prometheus.
    """
    durations: dict[Labels, Distribution] = {
        (one.step, UNEXPECTED): Distribution(BOUNDS_S) for one in found
    }
    for one in found:
        if len(one.counts) == len(BOUNDS_S) + 1:
            counted = durations[one.step, one.outcome] = Distribution(BOUNDS_S)
            counted.counts, counted.total = [*one.counts], one.total_s
    return [
        Fact(
            "histogram",
            "database_media_step_seconds",
            "Durations of jobs, and of the steps in their children, on all workers; an outcome"
            " is `done` or the code of the failure.",
            ("step", "outcome"),
            durations,
            BOUNDS_S,
        )
    ]


def course_facts(of_largest: Mapping[str, float], stored_bytes: int) -> list[Fact]:
    """The largest courses, and all others under no name."""
    rest = stored_bytes - sum(of_largest.values())
    return [
        _gauge(
            "database_course_bytes",
            "Bytes stored for the largest courses, and for all others (no name); minutes old.",
            "course",
            {**of_largest, REST: rest} if rest > 0 else of_largest,
        ),
        _number(
            "database_stored_bytes", "Bytes stored for all courses; minutes old.", stored_bytes
        ),
    ]


def _number(name: str, documentation: str, number: float) -> Fact:
    numbers: dict[Labels, float] = {(): number}
    return Fact("gauge", name, documentation, (), numbers)


def _gauge(name: str, documentation: str, label: str, numbers: Mapping[str, float]) -> Fact:
    labelled: dict[Labels, float] = {(key,): number for key, number in numbers.items()}
    return Fact("gauge", name, documentation, (label,), labelled)
