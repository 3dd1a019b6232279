"""Event streams over HTTP: what is told to whom, from where on, and when it ends."""

import asyncio
import gc
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp
import psycopg2
import pytest
import pytest_asyncio
from aiohttp import web

from events.log import log
from events.log.types import (
    EnrollmentChanged,
    Event,
    PlaybackCompleted,
    PlaybackProgressed,
    PlaybackStarted,
    PlaybackStopped,
    VideoFailed,
    VideoProcessing,
    VideoReady,
    VideoUpdated,
    VideoUploaded,
)
from handlers import keys
from handlers.access.grants import EventsGrant
from handlers.connection import aiohttp_private
from server.commands.tokens import mint_token
from tests.handlers.conftest import SECRET
from tests.handlers.support.outage import cut_connections, no_database
from tests.handlers.support.watching import Course, new_course, new_player, settled
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected
from tests.service.listening import PATIENCE_S, Stream, Told, listening

on_shared_loop = pytest.mark.asyncio(loop_scope="module")

LEEWAY_S = 30  # of token times, by default
WITHIN_S = 5.0  # the contract's bound for a withdrawal to be felt
EVENTS = "/api/v1/events"
BAD = "400 invalid-request"

VIDEO_KINDS = (VideoUploaded, VideoProcessing, VideoReady, VideoFailed, VideoUpdated)
PLAYBACK_KINDS = (PlaybackStarted, PlaybackProgressed, PlaybackCompleted, PlaybackStopped)
ALL_VIDEO = [kind.name for kind in VIDEO_KINDS]
ALL_PLAYBACK = [kind.name for kind in PLAYBACK_KINDS]


@pytest_asyncio.fixture(loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


def speaking(course: Course, user_id: str, *roles: str) -> aiohttp.ClientSession:
    session: aiohttp.ClientSession = course.service.client(user_id, *roles)
    return session


async def tell(service: Any, *events: Event) -> list[int]:
    """As if it had happened."""
    async with service.app[keys.DATABASE].transaction() as transaction:
        return await log.append(transaction, events)


def happened(
    kind: type[Event], course: Course, video_id: str = str(UUID(int=0)), user_id: str = "nobody"
) -> Event:
    told: dict[str, Any] = {
        "course_id": course.id,
        "user_id": user_id,
        "occurred_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    if kind is EnrollmentChanged:
        return kind(**told, role="student", version=99)
    told["video_id"] = UUID(video_id)
    if kind is VideoProcessing:
        return kind(**told, processing_ratio=0.5)
    if kind in PLAYBACK_KINDS:
        return kind(**told, position_s=1.5, watched_ratio=0.25, session_id="s")
    told["video"] = {"id": video_id, "title": "A video"}
    return kind(**told)


async def tell_everything(course: Course, video_id: str) -> None:
    """One event of each type, those of playback by the student and by a classmate."""
    await tell(
        course.service,
        *(happened(kind, course, video_id, course.instructor) for kind in VIDEO_KINDS),
        *(happened(kind, course, video_id, course.student) for kind in PLAYBACK_KINDS),
        *(happened(kind, course, video_id, "classmate") for kind in PLAYBACK_KINDS),
        happened(EnrollmentChanged, course, user_id="classmate"),
    )


def is_of(course: Course, told: list[Told]) -> bool:
    return any(one.data["course_id"] == course.id for one in told)


def by(user_id: str | None, *types: str) -> list[tuple[str, str | None]]:
    return [(event_type, user_id) for event_type in types]


ALL_IN_FULL = [
    *by("instructor", *ALL_VIDEO),
    *by("student", *ALL_PLAYBACK),
    *by("classmate", *ALL_PLAYBACK, "enrollment.changed"),
]


@on_shared_loop
@pytest.mark.parametrize(
    ("who", "roles", "seen"),
    [
        pytest.param(
            "student",
            (),
            [*by(None, "video.ready", "video.updated"), *by("student", *ALL_PLAYBACK)],
            id="student",
        ),
        pytest.param("another", (), by(None, "video.ready", "video.updated"), id="another student"),
        pytest.param("instructor", (), ALL_IN_FULL, id="instructor"),
        pytest.param("root", ("admin",), ALL_IN_FULL, id="admin"),
        pytest.param("svc", ("service",), ALL_IN_FULL, id="service"),
        pytest.param("student", ("admin",), ALL_IN_FULL, id="admin who is enrolled"),
        pytest.param("stranger", (), [], id="stranger"),
        pytest.param("withdrawn", (), [], id="withdrawn"),
    ],
)
async def test_a_stream_shows_what_the_table_says_and_replays_the_same(
    course: Course, who: str, roles: tuple[str, ...], seen: list[tuple[str, str | None]]
) -> None:
    service = course.service
    names = {"student": course.student, "instructor": course.instructor}
    user_id = names.get(who, who)
    elsewhere = await new_course(service)
    await elsewhere.enroll(user_id)
    if who in ("another", "withdrawn"):
        await course.enroll(user_id)
    if who == "withdrawn":
        await course.withdraw(user_id)
    elsewhere_video = await elsewhere.video()
    session = speaking(course, user_id, *roles)
    async with listening(session) as live:
        start = live.last_id
        await tell_everything(course, await course.video())
        await elsewhere.rename(elsewhere_video, "The end")
        told = await live.until(lambda stream: is_of(elsewhere, stream.told[-1:]))

    of_course = [one for one in told if one.data["course_id"] == course.id]
    users = {user: name for name, user in names.items()}
    shown = [(one.type, one.data["user_id"]) for one in of_course]
    assert [(event_type, users.get(user, user)) for event_type, user in shown] == seen
    ids = [int(one.id) for one in told]
    assert ids == sorted(set(ids))
    async with listening(session, last_id=start) as again:
        assert await again.take(len(told)) == told


@on_shared_loop
async def test_payloads_are_flat(course: Course) -> None:
    video_id = await course.video()
    async with listening(speaking(course, course.instructor)) as stream:
        await tell_everything(course, video_id)
        told = {one.type: one.data for one in await stream.until_type("enrollment.changed")}

    of_video = {"video_id": video_id, "course_id": course.id, "occurred_at": "2026-01-02T03:04:05Z"}
    video = of_video | {"user_id": course.instructor, "id": video_id, "title": "A video"}
    playback: dict[str, Any] = {**of_video, "user_id": "classmate"}
    playback |= {"position": 1.5, "watched_ratio": 0.25, "session_id": "s"}
    assert told.pop("video.processing") == of_video | {
        "user_id": course.instructor,
        "processing_ratio": 0.5,
    }
    assert told.pop("enrollment.changed") == of_video | {
        "video_id": None,
        "user_id": "classmate",
        "role": "student",
    }
    assert told == dict.fromkeys(ALL_VIDEO[:1] + ALL_VIDEO[2:], video) | dict.fromkeys(
        ALL_PLAYBACK, playback
    )


@on_shared_loop
async def test_an_event_of_a_video_carries_the_video(course: Course) -> None:
    video_id = await course.video()
    async with listening(speaking(course, course.student)) as stream:
        await course.rename(video_id, "line\u2028separator")
        [renamed] = await stream.take(1)

    shown = await course.service.ask(course.student, "GET", f"videos/{video_id}")
    assert shown.json["title"] == "line\u2028separator"
    occurred_at = renamed.data["occurred_at"]
    assert renamed.data == shown.json | {
        "video_id": video_id,
        "user_id": None,
        "occurred_at": occurred_at,
    }


@on_shared_loop
async def test_the_answers_headers_and_opening(course: Course) -> None:
    session = speaking(course, course.student)
    async with listening(session) as stream:
        headers = stream.response.headers
        [retry_ms] = stream.retries_ms

    assert headers["Content-Type"] == "text/event-stream"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Encoding" not in headers
    assert "X-Request-ID" in headers
    assert 2000 <= retry_ms <= 4000
    assert stream.last_id.isdigit()
    async with session.head(EVENTS) as head:
        assert (head.status, await head.read()) == (200, b"")
        assert head.headers["Content-Type"] == "text/event-stream"


async def all_told(course: Course, user_id: str, query: str) -> Stream:
    """Returns a stream's events until its token expires, at most two seconds later."""
    token = mint_token(SECRET, user_id, ttl_s=2 - LEEWAY_S)
    async with (
        aiohttp.ClientSession(
            course.service.url, headers={"Authorization": f"Bearer {token}"}
        ) as session,
        listening(session, EVENTS + query) as stream,
    ):
        await stream.until_end()
    return stream


FILTERS = [
    pytest.param("?video_id={video}", ["video.updated", "playback.progress"], id="video"),
    pytest.param("?video_id={other}", ["playback.started"], id="another video"),
    pytest.param("?course_id={course}", ["video.updated", "playback.progress", "playback.started"]),
    pytest.param("?types=video.updated", ["video.updated"], id="one type"),
    pytest.param(
        "?types=playback.progress,video.updated",
        ["video.updated", "playback.progress"],
        id="two types",
    ),
    pytest.param(
        "?types=playback.progress&types=video.updated",
        ["video.updated", "playback.progress"],
        id="two types, each by itself",
    ),
    pytest.param("?user_id={student}", ["playback.progress"], id="user"),
    pytest.param("?user_id={student}&types=video.updated", [], id="user and another's type"),
    pytest.param("?course_id=elsewhere", [], id="no such course"),
    pytest.param("?user_id=nobody", [], id="no such user"),
    pytest.param("?video_id=00000000-0000-0000-0000-000000000000", [], id="no such video"),
    pytest.param("?types=reset", [], id="reset alone"),
    pytest.param(
        "?unknown=1", ["video.updated", "playback.progress", "playback.started"], id="no filter"
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filtered(shared_service: Any) -> dict[str, Any]:
    """Each query with what it shows the instructor, live and replayed; all asked at once."""
    course = await new_course(shared_service)
    video, other = await course.video(), await course.video()
    names = {"video": video, "other": other, "course": course.id, "student": course.student}
    queries = [str(one.values[0]).format(**names) for one in FILTERS]
    token = mint_token(SECRET, course.instructor, ttl_s=3 - LEEWAY_S)
    async with AsyncExitStack() as streams:
        session = await streams.enter_async_context(
            aiohttp.ClientSession(shared_service.url, headers={"Authorization": f"Bearer {token}"})
        )
        live = [
            await streams.enter_async_context(listening(session, EVENTS + query))
            for query in queries
        ]
        start = live[0].last_id
        await tell(
            shared_service,
            happened(VideoUpdated, course, video, course.instructor),
            happened(PlaybackProgressed, course, video, course.student),
            happened(PlaybackStarted, course, other, "classmate"),
        )
        for stream in live:
            await stream.until_end()
    replayed = []
    session = speaking(course, course.instructor)
    for query, stream in zip(queries, live, strict=True):
        async with listening(session, EVENTS + query, last_id=start) as again:
            replayed.append(await again.take(len(stream.told)))
    return {
        str(one.values[0]): (stream.types, stream.told == again)
        for one, stream, again in zip(FILTERS, live, replayed, strict=True)
    }


@on_shared_loop
@pytest.mark.parametrize(("query", "types"), FILTERS)
async def test_a_filter_narrows(filtered: dict[str, Any], query: str, types: list[str]) -> None:
    assert filtered[query] == (types, True)


@on_shared_loop
@pytest.mark.parametrize(
    "query",
    [
        "?types=nope",
        "?types=video.ready,nope",
        "?types=",
        "?types=video.ready,",
        "?types=video.ready&types=nope",
        "?types=video.*",
        "?video_id=nope",
        "?video_id=",
        "?course_id=a%20b",
        "?course_id=",
        "?course_id=%00",
        "?user_id=%00",
        "?user_id=" + "a" * 65,
    ],
)
async def test_a_malformed_filter_is_refused(shared_service: Any, query: str) -> None:
    events_url = (await shared_service.ask("ada", "POST", "events/grant")).json["events_url"]

    by_bearer = await shared_service.ask("ada", "GET", EVENTS + query)
    by_grant = await shared_service.ask(None, "GET", events_url + query)

    assert (by_bearer.said, by_grant.said) == (BAD, BAD)


@on_shared_loop
async def test_the_place_to_go_on_from(course: Course) -> None:
    session = speaking(course, course.student)
    video_id = await course.video()
    async with listening(session) as stream:
        for title in ("one", "two", "three"):
            await course.rename(video_id, title)
        told = await stream.take(3)
    [first, second, third] = told
    before = str(int(first.id) - 1)

    async def read(path: str, last_id: str | None = None) -> list[Any]:
        async with listening(session, path, last_id) as again:
            await course.rename(video_id, f"{time.monotonic()}")
            newest = await again.until(
                lambda one: bool(one.told) and int(one.told[-1].id) > int(third.id)
            )
        return [one for one in newest if int(one.id) <= int(third.id)]

    assert await read(EVENTS) == []
    assert await read(EVENTS, first.id) == [second, third]
    assert await read(EVENTS, before) == told
    assert await read(f"{EVENTS}?last_event_id={second.id}") == [third]
    assert await read(f"{EVENTS}?last_event_id={first.id}", second.id) == [third], "header wins"
    from_the_beginning = await read(EVENTS, "0")
    assert from_the_beginning[-3:] == told
    assert from_the_beginning[0].type == "enrollment.changed"


@on_shared_loop
@pytest.mark.parametrize(
    "last_id",
    ["x", "-1", "1.5", "1e3", "9" * 18, "9" * 19, "9" * 400, "é", "1 2"],
)
@pytest.mark.parametrize("way", ["header", "query"])
async def test_what_is_no_place_in_the_log_is_reset(course: Course, last_id: str, way: str) -> None:
    session = speaking(course, course.student)
    [newest_id] = await tell(course.service, happened(VideoReady, course))
    video_id = await course.video()
    path = f"{EVENTS}?last_event_id={last_id}" if way == "query" else EVENTS

    async with listening(session, path, last_id if way == "header" else None) as stream:
        await course.rename(video_id, "live")
        [reset, live, *_] = await stream.take(2)

    assert (reset.type, reset.data) == ("reset", {})
    assert int(reset.id) >= newest_id
    assert (live.type, live.data["title"]) == ("video.updated", "live")


async def test_older_than_the_retention_is_reset(service: Any) -> None:
    course = await new_course(service)
    [place, _] = await tell(
        service,
        happened(VideoReady, course),
        happened(VideoReady, course),
    )
    async with service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute("UPDATE event_log_retention SET dropped_id = %s", (place,))
    session = speaking(course, course.student)

    async with listening(session, last_id=str(place - 1)) as stream:
        [reset] = await stream.take(1)
    async with listening(session, last_id=str(place)) as stream:
        [kept] = await stream.take(1)

    assert (reset.type, reset.id, reset.data) == ("reset", str(place + 1), {})
    assert (kept.type, kept.id) == ("video.ready", str(place + 1))


async def test_more_than_ten_thousand_of_ones_own_behind_is_reset(service: Any) -> None:
    course = await new_course(service)
    [place] = await tell(service, happened(VideoReady, course))
    session = speaking(course, course.student)
    async with listening(session) as live:
        async with service.app[keys.DATABASE].transaction() as transaction:
            await transaction.execute(
                "INSERT INTO event_log (type, course_id, user_id, occurred_at, payload)"
                " SELECT 'video.ready', %s, 'nobody', now(), '{\"video\": {}}'"
                " FROM generate_series(1, 10000)",
                (course.id,),
            )
        [last] = await tell(service, happened(VideoReady, course))
        newest = str(last)
        await live.until(lambda stream: stream.last_id == newest)  # the hub has come so far

    async with listening(session, last_id=str(place)) as stream:
        [reset] = await stream.take(1)
    async with listening(speaking(course, "stranger"), last_id=str(place)) as of_others:
        await service.put("courses/c1/enrollments/stranger", {"role": "student"})
        [enrolled] = await of_others.take(1)

    assert (reset.type, reset.id) == ("reset", newest)
    assert enrolled.type == "enrollment.changed"


@on_shared_loop
async def test_every_report_neither_late_nor_doubled_makes_one_event(course: Course) -> None:
    player = await new_player(course)
    async with (
        listening(speaking(course, course.student)) as own,
        listening(speaking(course, course.instructor)) as instructors,
    ):
        for sequence, (event, position) in enumerate(
            [("started", 0), ("progress", 5), ("seeked", 20), ("paused", 21), ("completed", 30)]
        ):
            await player.say(sequence=sequence, event=event, position=position)
        await player.say(sequence=4, event="progress", position=1)  # doubled
        await player.say(sequence=3, event="stopped", position=1, watched=[[0, 28]])  # late
        await player.say(sequence=9, event="progress", position=2, watched=[[0, 28]])
        await player.say(sequence=10, event="stopped", position=3)
        told = await own.until_type("playback.stopped")
        assert await instructors.until_type("playback.stopped") == told

    assert [(one.type, one.data["position"], one.data["watched_ratio"]) for one in told] == [
        ("playback.started", 0, 0),
        ("playback.progress", 5, 0),
        ("playback.progress", 20, 0),
        ("playback.progress", 21, 0),
        ("playback.progress", 30, 0),
        ("playback.completed", 1, pytest.approx(28 / 30)),
        ("playback.progress", 2, pytest.approx(28 / 30)),
        ("playback.stopped", 3, pytest.approx(28 / 30)),
    ]
    assert all(one.data["session_id"] == "s" for one in told)
    assert all(one.data["user_id"] == course.student for one in told)


@on_shared_loop
async def test_an_event_tells_the_other_device_where_to_go_on(course: Course) -> None:
    laptop = await new_player(course)
    phone = replace(laptop, playback=await laptop.reload())
    laptop_session = laptop.playback["session_id"]
    async with listening(course.service.anonymous(), phone.playback["events_url"]) as stream:
        await phone.say(session_id=phone.playback["session_id"], position=3, event="paused")
        await laptop.say(session_id=laptop_session, position=12.34, watched=[[10, 12.34]])
        told = await stream.take(2)

    elsewhere = [one.data for one in told if one.data["session_id"] != phone.playback["session_id"]]
    assert [(one["session_id"], one["position"]) for one in elsewhere] == [(laptop_session, 12.34)]
    assert elsewhere[0]["video_id"] == phone.video_id
    assert (await phone.reload())["resume_position"] == 12.34


@on_shared_loop
async def test_silence_stops_a_playback_once(course: Course) -> None:
    player = await new_player(course)
    async with listening(speaking(course, course.student)) as stream:
        await player.say(position=7)
        async with course.service.app[keys.DATABASE].transaction() as transaction:
            await transaction.execute(
                "UPDATE playback_sessions SET last_report_at = now() - interval '31 s'"
                " WHERE video_id = %s",
                (player.video_id,),
            )
            await transaction.execute("UPDATE silence_slices SET due_at = now()")
        told = await stream.until_type("playback.stopped")

    assert [one.type for one in told] == ["playback.progress", "playback.stopped"]
    assert told[-1].data["position"] == 7


@on_shared_loop
async def test_the_withdrawn_get_notice_and_nothing_more_of_the_course(course: Course) -> None:
    video_id = await course.video()
    elsewhere = await new_course(course.service)
    await elsewhere.enroll(course.student)
    other_video = await elsewhere.video()
    async with listening(speaking(course, course.student)) as stream:
        await course.rename(video_id, "before")
        await course.withdraw(course.student)
        await course.rename(video_id, "after")
        await elsewhere.rename(other_video, "The end")
        told = await stream.take(3)

    assert [one.type for one in told] == ["video.updated", "enrollment.changed", "video.updated"]
    assert told[1].data == {
        "video_id": None,
        "course_id": course.id,
        "user_id": course.student,
        "occurred_at": told[1].data["occurred_at"],
        "role": None,
    }
    assert told[2].data["course_id"] == elsewhere.id


@on_shared_loop
async def test_who_enrols_hears_the_course_from_then_on(course: Course) -> None:
    video_id = await course.video()
    async with listening(speaking(course, "newcomer")) as stream:
        await course.rename(video_id, "before")
        await course.enroll("newcomer")
        await course.rename(video_id, "after")
        [enrolled, renamed] = await stream.take(2)

    assert (enrolled.type, enrolled.data["role"]) == ("enrollment.changed", "student")
    assert renamed.data["title"] == "after"


@on_shared_loop
async def test_a_withdrawal_ends_the_grants_stream_and_is_its_last_event(course: Course) -> None:
    player = await new_player(course)
    events_url = player.playback["events_url"]
    async with listening(course.service.anonymous(), events_url) as stream:
        await player.say(position=1)
        await course.withdraw(course.student)
        async with asyncio.timeout(WITHIN_S):
            told = await stream.until_end()

    assert [one.type for one in told] == ["playback.progress", "enrollment.changed"]
    assert told[-1].data["role"] is None
    nothing_more = await course.service.ask(None, "GET", events_url)
    assert (nothing_more.said, nothing_more.body) == ("204", b"")

    await course.enroll(course.student)

    assert (await course.service.ask(None, "GET", events_url)).said == "204"
    again = await player.reload()
    async with listening(course.service.anonymous(), again["events_url"]) as stream:
        await player.put(sequence=1)
        assert [one.type for one in await stream.take(1)] == ["playback.progress"]


@on_shared_loop
async def test_a_deleted_video_ends_its_grants_stream(course: Course) -> None:
    player = await new_player(course)
    async with listening(course.service.anonymous(), player.playback["events_url"]) as stream:
        await course.delete(player.video_id)
        async with asyncio.timeout(WITHIN_S):
            told = await stream.until_end()

    assert [one.type for one in told] == ["video.deleted"]
    assert (await course.service.ask(None, "GET", player.playback["events_url"])).said == "204"


@on_shared_loop
async def test_a_playback_grant_shows_its_video_only(course: Course) -> None:
    player = await new_player(course)
    other = await new_player(course)
    async with (
        listening(course.service.anonymous(), player.playback["events_url"]) as of_video,
        listening(course.service.anonymous(), other.playback["events_url"]) as of_other,
    ):
        start = of_video.last_id
        await tell_everything(course, player.video_id)
        await other.say(position=1)
        await course.enroll("somebody")
        await course.rename(other.video_id, "The end")
        await course.rename(player.video_id, "The end")
        told = await of_video.take(7)
        told_of_other = await of_other.take(2)

    assert [one.type for one in told] == [
        "video.ready",
        "video.updated",
        *ALL_PLAYBACK,
        "video.updated",
    ]
    assert [one.type for one in told_of_other] == ["playback.progress", "video.updated"]
    assert {one.data["user_id"] for one in told} == {None, course.student}
    async with listening(
        course.service.anonymous(), player.playback["events_url"], start
    ) as replayed:
        assert await replayed.take(7) == told


@on_shared_loop
@pytest.mark.parametrize("roles", [("admin",), ("service",)])
async def test_a_privileged_playback_grant_shows_all_of_its_video(
    course: Course, roles: tuple[str, ...]
) -> None:
    video_id = await course.video()
    async with speaking(course, "visitor", *roles).post(
        f"/api/v1/videos/{video_id}/playback", json={}
    ) as response:
        events_url = (await response.json())["events_url"]
    async with listening(course.service.anonymous(), events_url) as stream:
        await tell_everything(course, video_id)
        told = await stream.take(13)

    assert [one.type for one in told] == ALL_VIDEO + ALL_PLAYBACK * 2


@on_shared_loop
@pytest.mark.parametrize("options", [{}, {"body": {}}], ids=["no body", "{}"])
async def test_an_events_grant_shows_all_of_its_user(
    course: Course, options: dict[str, Any]
) -> None:
    elsewhere = await new_course(course.service)
    await elsewhere.enroll(course.student)
    player = await new_player(course)
    answer = await course.service.ask(course.student, "POST", "events/grant", **options)
    assert answer.said == "201"
    assert answer.json.keys() == {"events_url", "expires_at"}

    async with listening(course.service.anonymous(), answer.json["events_url"]) as stream:
        await player.say(position=1)
        await course.enroll("somebody")
        await elsewhere.enroll(course.student, "instructor")
        await elsewhere.enroll("somebody")
        told = await stream.take(3)

    assert [(one.type, one.data["user_id"]) for one in told] == [
        ("playback.progress", course.student),
        ("enrollment.changed", course.student),
        ("enrollment.changed", "somebody"),
    ]


@on_shared_loop
async def test_an_events_grant_takes_no_field(course: Course) -> None:
    answer = await course.service.ask(course.student, "POST", "events/grant", {"video_id": "x"})

    assert answer.said == BAD


@on_shared_loop
async def test_grants_that_are_none_are_refused(course: Course) -> None:
    ask = course.service.ask
    expired = course.service.app[keys.GRANTS].mint(
        EventsGrant(user_id=course.student, expires_at=time.time() - 1)
    )
    token = mint_token(SECRET, course.student)

    for grant in ("nonsense", expired, token):
        answer = await ask(None, "GET", f"/play/{grant}/events")
        assert answer.said == "401 invalid-token"
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert (await ask(None, "GET", EVENTS)).said == "401 invalid-token"
    assert (await ask(None, "GET", f"{EVENTS}?token={token}")).said == "401 invalid-token"


@on_shared_loop
async def test_a_stream_ends_with_its_token(course: Course) -> None:
    token = mint_token(SECRET, course.student, ttl_s=2 - LEEWAY_S)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(course.service.url, headers=headers) as session,
        listening(session) as stream,
    ):
        assert await stream.until_end() == []
        async with session.get(EVENTS) as response:
            assert response.status == 401


@on_shared_loop
async def test_a_stream_ends_with_its_grant(course: Course) -> None:
    grant = course.service.app[keys.GRANTS].mint(
        EventsGrant(user_id=course.student, expires_at=time.time() + 2)
    )
    async with listening(course.service.anonymous(), f"/play/{grant}/events") as stream:
        assert await stream.until_end() == []

    assert (await course.service.ask(None, "GET", f"/play/{grant}/events")).status == 401


@on_shared_loop
async def test_http_1_0_gets_its_stream_without_chunks(course: Course) -> None:
    token = mint_token(SECRET, course.student)
    async with connected(course.service.url) as wire:
        await wire.send(f"GET {EVENTS} HTTP/1.0", f"Authorization: Bearer {token}")
        head = await wire.reader.readuntil(b"\r\n\r\n")
        opening = await wire.reader.readuntil(b"\n\n")
        await course.enroll(course.student, "instructor")
        told = await wire.reader.readuntil(b"\n\n")

    assert b"Transfer-Encoding" not in head
    assert opening.startswith(b"retry: ")
    assert told.startswith(b"id: ")


@on_shared_loop
async def test_a_connection_whose_stream_ended_in_order_carries_the_next_request(
    course: Course,
) -> None:
    token = mint_token(SECRET, course.student, ttl_s=2 - LEEWAY_S)
    async with connected(course.service.url) as wire:
        await wire.send(f"GET {EVENTS} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
        stream = await wire.reader.readuntil(b"\r\n0\r\n\r\n")
        answer = await wire.ask("GET /healthz HTTP/1.1", "Host: x")

    assert b"\r\nretry: " in stream
    assert answer.status == 200


@on_shared_loop
@pytest.mark.parametrize(
    ("version", "field"),
    [("HTTP/1.0", "Connection: keep-alive"), ("HTTP/1.1", "Connection: close")],
)
async def test_the_last_stream_of_a_connection_ends_with_it(
    course: Course, version: str, field: str
) -> None:
    token = mint_token(SECRET, course.student, ttl_s=1 - LEEWAY_S)
    async with connected(course.service.url) as wire:
        await wire.send(
            f"GET {EVENTS} {version}", "Host: x", f"Authorization: Bearer {token}", field
        )
        stream = await wire.rest()

    assert b"retry: " in stream
    assert stream.endswith(b"\r\n0\r\n\r\n") == (version == "HTTP/1.1")


def requests_for(target: str) -> int:
    gc.collect()
    alive = (one for one in gc.get_objects() if isinstance(one, web.Request))
    return sum(one.path_qs == target for one in alive)


@on_shared_loop
async def test_a_live_stream_keeps_neither_a_task_nor_its_request(course: Course) -> None:
    before, token = len(asyncio.all_tasks()), mint_token(SECRET, course.student)
    target = f"{EVENTS}?course_id={course.id}"
    async with connected(course.service.url) as wire:
        await wire.send(f"GET {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
        await wire.reader.readuntil(b"retry: ")
        await wait_until(lambda: len(asyncio.all_tasks()) <= before, within_s=PATIENCE_S)

        assert requests_for(target) == 0
        await course.enroll(course.student, "instructor")
        await wire.reader.readuntil(b"event: enrollment.changed")


async def test_another_aiohttp_gets_its_streams_the_long_way(
    start_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        aiohttp_private, "ATTRIBUTES", aiohttp_private.ATTRIBUTES | {"_of_tomorrow"}
    )
    service = await start_service()
    token = mint_token(SECRET, "ada", ttl_s=1 - LEEWAY_S)
    async with connected(service.url) as wire:
        for _ in range(2):
            await wire.send(f"GET {EVENTS} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
            assert b"\r\nretry: " in await wire.reader.readuntil(b"\r\n0\r\n\r\n")
            token = mint_token(SECRET, "ada", ttl_s=1 - LEEWAY_S)


async def nobody_listens(service: Any, within_s: float) -> None:
    await wait_until(lambda: not len(service.app[keys.HUB]), within_s=within_s)


async def test_limits_and_who_vanishes_leaves_no_trace(start_service: Any) -> None:
    service = await start_service(SSE_HEARTBEAT="1s", SSE_PER_USER="1", SSE_TOTAL="2")
    async with AsyncExitStack() as streams:
        for user_id in ("one", "two"):
            session = service.client(user_id)
            await streams.enter_async_context(listening(session))
        ones_second = await service.ask("one", "GET", EVENTS)
        third = await service.ask("three", "GET", EVENTS)

    assert ones_second.said == "429 rate-limited"
    assert int(ones_second.headers["Retry-After"]) > 0
    assert_is_told_to_reconnect(third)
    assert third.headers["Connection"] == "close", "a balancer then asks another process"
    await nobody_listens(service, within_s=1.5)
    async with listening(service.client("one")), listening(service.client("three")):
        pass


async def test_who_leaves_is_forgotten_at_once(service: Any) -> None:
    """Not only at the next heartbeat, 15 s later."""
    token = mint_token(SECRET, "ada")
    async with connected(service.url) as wire:
        await wire.send(f"GET {EVENTS} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
        await wire.reader.readuntil(b"retry: ")
        wire.writer.write_eof()
        await nobody_listens(service, within_s=5)


async def test_heartbeats_come_in_time_however_much_happens(start_service: Any) -> None:
    service = await start_service(SSE_HEARTBEAT="1s")
    course = await new_course(service)
    video_id = await course.video()
    async with (
        listening(service.client("idle")) as idle,
        listening(speaking(course, course.student)) as busy,
        asyncio.timeout(3),
    ):
        reading = asyncio.create_task(idle.until(lambda stream: stream.comments == 2))
        while busy.comments < 2:
            await course.rename(video_id, f"{time.monotonic()}")
            await busy.take(len(busy.told) + 1)
        await reading


async def test_stopping_ends_streams_in_order_with_a_retry(service: Any) -> None:
    course = await new_course(service)
    player = await new_player(course)
    async with (
        listening(speaking(course, course.student)) as by_bearer,
        listening(service.anonymous(), player.playback["events_url"]) as by_grant,
    ):
        await player.say(position=1)
        await by_bearer.take(1)
        assert (await service.ask(None, "GET", "/drainz")).json == {"status": "ok"}
        service.app[keys.STOPPING].set()
        for stream in (by_bearer, by_grant):
            told = await stream.until_end()
            assert [one.type for one in told] == ["playback.progress"]
            assert len(stream.retries_ms) == 2
            assert 2000 <= stream.retries_ms[-1] <= 4000

    late = await service.ask(course.student, "GET", EVENTS)
    assert late.headers["Connection"] == "close"
    assert_is_told_to_reconnect(late)


@asynccontextmanager
async def held_up(
    service: Any, dsn: str, who: str | None, path: str
) -> AsyncIterator["asyncio.Task[Any]"]:
    """A stream that is being opened, and gets no further before the block ends."""
    with closing(await asyncio.to_thread(psycopg2.connect, dsn)) as connection:
        await asyncio.to_thread(connection.cursor().execute, "LOCK TABLE enrollments")
        opening = asyncio.create_task(service.ask(who, "GET", path))
        await wait_until(lambda: len(service.app[keys.HUB]), within_s=PATIENCE_S)
        yield opening


async def test_a_stream_that_opens_while_the_server_stops_is_not_turned_away_for_good(
    service: Any, dsn: str
) -> None:
    async with held_up(service, dsn, "ada", EVENTS) as opening:
        service.app[keys.LEAVING].set()
        service.app[keys.STOPPING].set()
        assert (await service.ask(None, "GET", "/readyz")).status == 503
        assert (await service.ask(None, "GET", "/drainz")).said == "404 not-found"

    assert_is_told_to_reconnect(await opening)


async def test_a_stream_that_the_database_does_not_let_in_is_not_turned_away_for_good(
    service: Any, dsn: str
) -> None:
    async with held_up(service, dsn, "ada", EVENTS) as opening:
        assert_is_told_to_reconnect(await opening)


async def test_a_filter_that_the_database_does_not_look_up_turns_nobody_away_for_good(
    start_service: Any, cluster: Any, dsn: str
) -> None:
    service = await start_service(PSEUDONYMS="on")
    student = service.app[keys.PSEUDONYMS].of("bob")
    async with no_database(cluster, dsn):
        assert_is_told_to_reconnect(await service.ask("ada", "GET", f"{EVENTS}?user_id={student}"))


async def test_a_grant_that_nothing_is_known_of_yet_turns_nobody_away_for_good(
    start_service: Any,
) -> None:
    service = await start_service()
    player = await new_player(await new_course(service))
    service.app[keys.REVOCATIONS]._is_loaded = False

    assert_is_told_to_reconnect(await service.ask(None, "GET", player.playback["events_url"]))


def assert_is_told_to_reconnect(answer: Any) -> None:
    """EventSource gives up for good after a status other than 200."""
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert re.fullmatch(rb"retry: [234]\d{3}\n\n", answer.body)


async def test_a_stream_that_opens_while_its_video_is_deleted_does_not_stay(
    service: Any, dsn: str
) -> None:
    course = await new_course(service)
    player = await new_player(course)
    async with held_up(service, dsn, None, player.playback["events_url"]) as opening:
        await service.ask("root", "DELETE", f"videos/{player.video_id}")
        await settled(service)

    assert (await opening).said == "204"


async def until_event(wire: Wire, event_type: bytes) -> None:
    """Reads up to the first event of this type."""
    async with asyncio.timeout(PATIENCE_S):
        while event_type not in await wire.reader.readuntil(b"\n"):
            pass


def large_event(course: Course, number: int) -> Event:
    return VideoReady(
        video_id=UUID(int=number),
        course_id=course.id,
        user_id="nobody",
        occurred_at=datetime.now(UTC),
        video={"title": "x" * 200_000},
    )


async def test_who_stops_reading_is_dropped_and_catches_up(start_service: Any) -> None:
    service = await start_service(SSE_BACKLOG="8")
    course = await new_course(service)
    events = [large_event(course, number) for number in range(100)]
    session = speaking(course, course.student)
    async with listening(session) as stuck:
        start = stuck.last_id
        for begin in range(0, 100, 4):
            await tell(service, *events[begin : begin + 4])
        await nobody_listens(service, within_s=PATIENCE_S)
        with pytest.raises((aiohttp.ClientError, ConnectionError, AssertionError)):
            await stuck.until_end()

    read = [UUID(one.data["video_id"]).int for one in stuck.told]
    async with listening(session, last_id=stuck.last_id or start) as again:
        told = await again.take(100 - len(read))
    assert read + [UUID(one.data["video_id"]).int for one in told] == list(range(100))


async def test_a_slow_reader_gets_all_and_is_live_again(service: Any) -> None:
    course = await new_course(service)
    video_id, token = await course.video(), mint_token(SECRET, course.student)
    async with connected(service.url, buffer_bytes=2**18, receive_buffer_bytes=4096) as wire:
        await wire.send(f"GET {EVENTS} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
        await wire.reader.readuntil(b"retry: ")
        async with asyncio.timeout(PATIENCE_S):
            for number in range(50):
                await tell(service, large_event(course, number))
        await wait_until(lambda: service.app[keys.HUB].waiting_count, within_s=PATIENCE_S)
        for _ in range(50):
            await until_event(wire, b"video.ready")
        await course.rename(video_id, "Now")
        await until_event(wire, b"video.updated")


async def test_a_stream_lives_through_a_database_that_is_cut_off(
    service: Any, cluster: Any, dsn: str
) -> None:
    course = await new_course(service)
    player = await new_player(course)
    async with listening(speaking(course, course.student)) as stream:
        await player.say(sequence=0, position=1)
        await cut_connections(cluster, dsn)
        await wait_until(
            lambda: player.post(sequence=1, position=2),
            lambda seen: seen.said == "200",
            within_s=PATIENCE_S,
        )
        told = await stream.take(2)

    assert [one.data["position"] for one in told] == [1, 2]
