"""Timelines of sessions: what the player said beside what the server saw, and what follows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import nlargest
from operator import attrgetter

from db.insight import moments
from db.insight.moments import ReadMoment
from db.insight.session_search import FoundSession
from db.pool import Queries
from db.processes import web_processes
from events.insight.sessions.causes import (
    Cause,
    DroppedFrames,
    Evidence,
    SeenRefusal,
    ServedTime,
    Stall,
    cause_of,
    is_shared,
    sentence_of,
)
from events.insight.sessions.observations import EDGES, PROCESS, REFUSED, SERVED, VIEWERS

MOST_MOMENTS = 1000
MOST_COMPARED = 20  # stalls that are looked for among other viewers, the longest
SILENT_S = 30.0  # no process is, that runs: three of its refreshes
AROUND = timedelta(seconds=60)
OF_THE_PROCESS = frozenset({VIEWERS, PROCESS})


@dataclass(frozen=True, slots=True)
class ExplainedSession:
    moments: Sequence[ReadMoment]
    cause: Cause | None
    sentence: str


async def read_timeline(
    queries: Queries, session: FoundSession, *, is_by_edge: bool
) -> ExplainedSession:
    """The timeline of a session; if its bytes come by an edge, also what the edges waited for.

    Raises: DatabaseError.
    """
    found = await _read(queries, session, session.user_id)
    evidence = evidence_of(found)
    if evidence.stalls and is_by_edge:
        fetched = await _read(queries, session, EDGES)
        found = sorted([*found, *fetched], key=attrgetter("at"))
        is_whole = not await _have_processes_changed(queries, evidence.stalls)
        evidence = replace(evidence_of(found), is_by_edge=True, is_whole=is_whole)
    elif evidence.stalls:
        evidence = replace(evidence, stalls=await _compared(queries, evidence.stalls, found))
    cause = cause_of(evidence)
    return ExplainedSession([_shown(one) for one in found], cause, sentence_of(cause))


def evidence_of(found: Sequence[ReadMoment]) -> Evidence:
    return Evidence(
        [_stall(one) for one in found if one.kind == "stalled"],
        [_served(one) for one in found if one.kind == SERVED],
        [SeenRefusal(one.at, one.details["code"]) for one in found if one.kind == REFUSED],
        [
            DroppedFrames(one.at, one.details["frames"])
            for one in found
            if one.kind == "frames-dropped"
        ],
        any(one.kind == "error" for one in found),
    )


async def _read(queries: Queries, session: FoundSession, user_id: str) -> list[ReadMoment]:
    return await moments.read(
        queries,
        user_id,
        session.video_id,
        session.session_id,
        session.started_at - AROUND,
        session.last_report_at + AROUND,
        MOST_MOMENTS,
    )


async def _have_processes_changed(queries: Queries, stalls: Sequence[Stall]) -> bool:
    longest = max(stalls, key=attrgetter("stalled_s"))
    return await web_processes.have_changed(queries, longest.since, longest.until, SILENT_S)


async def _compared(
    queries: Queries, stalls: Sequence[Stall], found: Sequence[ReadMoment]
) -> list[Stall]:
    """Returns the longest stalls, each with the answer to: did most others wait as well?"""
    longest = nlargest(MOST_COMPARED, stalls, key=attrgetter("stalled_s"))
    served = [one for one in found if one.kind == SERVED and PROCESS in one.details]
    processes = {one.details[PROCESS] for one in served}
    if not processes:
        return list(stalls)
    spans = [(one.since, one.until) for one in longest]
    waiting = await moments.count_waiting(queries, spans, processes)
    compared = [
        replace(one, is_shared=is_shared(people, _viewers(served, one.since, one.until)))
        for one, people in zip(longest, waiting, strict=True)
    ]
    return [*compared, *(one for one in stalls if one not in longest)]


def _viewers(served: Iterable[ReadMoment], since: datetime, until: datetime) -> int:
    """Returns the most viewers whom each process that served this one had at the time."""
    most: dict[str, int] = {}
    for one in served:
        if since <= one.at <= until:
            process = one.details[PROCESS]
            most[process] = max(most.get(process, 0), one.details[VIEWERS])
    return sum(most.values())


def _shown(moment: ReadMoment) -> ReadMoment:
    """The moment without details of the process, which are not of the session."""
    details = {name: said for name, said in moment.details.items() if name not in OF_THE_PROCESS}
    return replace(moment, details=details)


def _stall(moment: ReadMoment) -> Stall:
    return Stall(moment.at, moment.details["stalled_ms"] / 1000)


def _served(moment: ReadMoment) -> ServedTime:
    said = moment.details
    return ServedTime(
        moment.at,
        moment.at + timedelta(seconds=said["seconds"]),
        said["waited_for_client_s"],
        said["waited_for_disk_s"],
        said["paced_s"],
        said["late_s"],
        said["bytes"],
    )
