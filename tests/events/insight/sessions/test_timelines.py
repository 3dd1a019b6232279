"""Timelines of sessions: compared with other viewers, with what edges waited for, and with the
processes that served."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.insight import moments
from db.insight.session_search import FoundSession
from db.pool import Database
from db.processes import web_processes
from db.progress.report_batch import Moment
from events.insight.sessions.observations import EDGES, Window
from events.insight.sessions.timelines import SILENT_S, ExplainedSession, read_timeline
from tests.events.insight.conftest import Reporting

NOW = datetime.now(UTC) - timedelta(hours=2)
SERVER_ONLY = {"viewers", "process"}


def stalled(user_id: str, video_id: UUID) -> Moment:
    details = {"position": 1.0, "stalls": 1, "stalled_ms": 4000}
    return Moment(user_id, video_id, f"s-{user_id}", NOW, "stalled", details)


def served(
    user_id: str, video_id: UUID, process: str = "one", session_id: str = "", **waits: Any
) -> Moment:
    window = Window(NOW - timedelta(seconds=4), 5.0, sent_bytes=9, **waits)
    return window.moment((user_id, video_id, session_id), process)


async def explained(
    database: Database, video_id: UUID, found: Sequence[Moment], *, is_by_edge: bool = False
) -> ExplainedSession:
    """The session of ada, beside what is found of others."""
    async with database.transaction() as transaction:
        await moments.add(transaction, [stalled("ada", video_id), *found])
    session = FoundSession(NOW, "ada", video_id, "s-ada", "c1", NOW, "playing", None, "Optics")
    return await read_timeline(database, session, is_by_edge=is_by_edge)


@pytest.mark.parametrize(
    ("others", "viewers", "cause"),
    [
        pytest.param(["bob"], 2, "viewer-line", id="two-viewers"),
        pytest.param(["bob", "cleo"], 6, "proxy", id="half-of-them"),
        pytest.param(["bob", "cleo"], 7, "viewer-line", id="fewer-than-half"),
        pytest.param(["bob", "bob"], 3, "viewer-line", id="one-of-them-twice"),
    ],
)
async def test_a_wait_of_most_viewers_is_no_line_of_one(
    database: Database, library: Any, others: list[str], viewers: int, cause: str
) -> None:
    video_id, elsewhere = await library.video(), await library.video()
    waits = {"client_s": 4.0, "viewers": viewers}
    beside = [served(user, elsewhere, **waits) for user in others]

    told = await explained(database, video_id, [served("ada", video_id, **waits), *beside])

    assert told.cause == cause


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"process": "another", "client_s": 4.0}, id="served-by-another-process"),
        pytest.param({"client_s": 0.0, "disk_s": 4.0}, id="waiting-for-the-disk"),
    ],
)
async def test_others_whose_bytes_were_not_ready_here_share_no_wait(
    database: Database, library: Any, other: dict[str, Any]
) -> None:
    video_id = await library.video()
    own = served("ada", video_id, client_s=4.0, viewers=3)
    beside = [served(user, video_id, viewers=3, **other) for user in ("bob", "cleo")]

    told = await explained(database, video_id, [own, *beside])

    assert told.cause == "viewer-line"


@pytest.mark.parametrize(
    ("session_id", "cause"),
    [
        pytest.param("", "server-disk", id="by-token"),
        pytest.param("s-ada", "server-disk", id="its-own"),
        pytest.param("tab", "unknown", id="of-another-tab"),
        pytest.param("granted", "server-disk", id="granted-and-never-reported"),
    ],
)
async def test_what_another_tab_waited_for_is_no_evidence(
    database: Database, library: Any, reporting: Reporting, session_id: str, cause: str
) -> None:
    video_id = await library.video()
    await reporting.report(video_id, "ada", session_id="tab")

    told = await explained(
        database, video_id, [served("ada", video_id, session_id=session_id, disk_s=4.0)]
    )

    assert told.cause == cause


async def test_a_session_shows_nothing_of_the_process(database: Database, library: Any) -> None:
    video_id = await library.video()
    own = served("ada", video_id, client_s=4.0, viewers=3)

    told = await explained(database, video_id, [own])

    assert [one.kind for one in told.moments] == ["served", "stalled"]
    assert not any(SERVER_ONLY & one.details.keys() for one in told.moments)


async def test_windows_of_before_an_upgrade_are_read(database: Database, library: Any) -> None:
    video_id = await library.video()
    own = served("ada", video_id, client_s=4.0)
    for name in SERVER_ONLY:
        del own.details[name]

    assert (await explained(database, video_id, [own])).cause == "viewer-line"


async def test_by_an_edge_what_the_edge_waited_for_counts(database: Database, library: Any) -> None:
    video_id, other = await library.video(), await library.video()
    fetched = [served(EDGES, video_id, disk_s=4.0), served(EDGES, other, lag_s=4.0)]

    told = await explained(database, video_id, fetched, is_by_edge=True)

    assert told.cause == "server-disk"
    assert [one.details["to"] for one in told.moments if one.kind == "served"] == ["edge"]


@pytest.mark.parametrize(
    ("began_s", "last_seen_s", "cause"),
    [
        pytest.param(-3600, 3600, "edge", id="there-all-the-time"),
        pytest.param(-2, 3600, "unknown", id="began-meanwhile"),
        pytest.param(-3600, -2, "unknown", id="killed-meanwhile"),
        pytest.param(-3600, -60, "edge", id="killed-before"),
        pytest.param(60, 3600, "edge", id="began-later"),
    ],
)
async def test_an_edge_is_blamed_if_all_processes_were_there(
    database: Database, library: Any, began_s: float, last_seen_s: float, cause: str
) -> None:
    video_id = await library.video()
    began, last_seen = (NOW + timedelta(seconds=s) for s in (began_s, last_seen_s))
    await database.fetch_all(
        "INSERT INTO web_processes (id, host, secrets_sha256, started_at, seen_at)"
        " VALUES (%s, 'host', 'x', %s, %s) RETURNING 1",
        (str(uuid4()), began, last_seen),
    )

    assert (await explained(database, video_id, [], is_by_edge=True)).cause == cause


async def test_a_process_that_was_just_seen_is_not_killed(database: Database) -> None:
    await web_processes.refresh(database, uuid4(), "host", "x")
    now = datetime.now(UTC)
    later, minute = now + timedelta(minutes=1), timedelta(minutes=1)

    changed = await web_processes.have_changed(database, now - minute, later, SILENT_S)
    await database.fetch_all(
        "UPDATE web_processes SET started_at = started_at - interval '1 hour' RETURNING 1"
    )
    unchanged = await web_processes.have_changed(database, now - minute, later, SILENT_S)

    assert (changed, unchanged) == (True, False)
