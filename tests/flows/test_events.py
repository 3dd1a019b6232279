"""Events that each user receives while a lecture is uploaded, gets ready, and is watched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.commands.tokens import mint_token
from storage.samples import write_clock_mp4
from tests.harness.running import SECRET, Service
from tests.service.listening import Stream, Told, listening

COURSE, ELSEWHERE = "flow-events", "flow-events-elsewhere"
MODULE = "flow-events-1"
INSTRUCTOR, WATCHER, CLASSMATE, STRANGER = "e-tess", "e-ada", "e-bob", "e-eve"
EVENTS = "/api/v1/events"
LEEWAY_S = 30  # of token times, by default
LIFE_S = 2  # of a stream whose token is about to expire
PATIENCE_S = 60.0
THE_END = "The end"


async def call(session: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> Any:
    async with session.request(method, path, json=body) as response:
        answer = await response.json()
        assert response.status in (200, 201), answer
        return answer


@pytest.fixture
async def admin(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    async with service.client("root", "admin") as session:
        roles = {INSTRUCTOR: "instructor", WATCHER: "student", CLASSMATE: "student"}
        for course_id in (COURSE, ELSEWHERE):
            await call(session, "PUT", f"/api/v1/courses/{course_id}", {"title": "Events"})
        for user_id, role in roles.items():
            path = f"/api/v1/courses/{COURSE}/enrollments/{user_id}"
            await call(session, "PUT", path, {"role": role})
        path = f"/api/v1/courses/{COURSE}/modules/{MODULE}"
        await call(session, "PUT", path, {"title": "One", "position": 1})
        yield session


async def upload(session: aiohttp.ClientSession, file: Path) -> str:
    form = aiohttp.FormData()
    with file.open("rb") as body:
        form.add_field("file", body, filename="lecture.mp4")
        async with session.post(f"/api/v1/modules/{MODULE}/videos", data=form) as response:
            assert response.status == 201, await response.text()
            video_id: str = (await response.json())["id"]
            return video_id


async def watch(session: aiohttp.ClientSession, video_id: str) -> str:
    """Watches the video from its beginning to its end; returns the session's id."""
    playback = await call(session, "POST", f"/api/v1/videos/{video_id}/playback", {})
    duration_s = playback["duration"]
    steps = [
        ("started", 0.0, []),
        ("progress", duration_s / 2, [[0, duration_s / 2]]),
        ("completed", duration_s, [[duration_s / 2, duration_s]]),
        ("stopped", duration_s, []),
    ]
    for sequence, (event, position, watched) in enumerate(steps):
        report = {
            "session_id": playback["session_id"],
            "sequence": sequence,
            "position": position,
            "watched": watched,
            "event": event,
        }
        await call(session, "POST", f"/play/{playback['grant']}/{video_id}/progress", report)
    session_id: str = playback["session_id"]
    return session_id


def has_all_pictures(stream: Stream) -> bool:
    """Further ones and the storyboard, each told by itself."""
    return stream.types.count("video.updated") == 2


def is_end(told: list[Told]) -> bool:
    return bool(told) and told[-1].data.get("title") == THE_END


async def reconnecting(service: Service, user_id: str, last_id: str) -> tuple[list[Told], int]:
    """Events of a browser that the server sends away again and again; the number of its streams."""
    told: list[Told] = []
    ended = 0
    while ended < 2 or not is_end(told):
        token = mint_token(SECRET, user_id, ttl_s=LIFE_S - LEEWAY_S)
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(service.url, headers=headers) as session,
            listening(session, last_id=last_id) as stream,
        ):
            told += await stream.until_end()
            last_id = stream.last_id
        ended += 1
    return told, ended


async def test_each_hears_what_they_may_and_hears_it_once(
    service: Service, admin: aiohttp.ClientSession, tmp_path: Path
) -> None:
    file = tmp_path / "lecture.mp4"
    await asyncio.to_thread(write_clock_mp4, file, 3)
    streams: dict[str, Stream] = {}
    async with AsyncExitStack() as opened, asyncio.timeout(PATIENCE_S):
        sessions = {
            user_id: await opened.enter_async_context(service.client(user_id))
            for user_id in (INSTRUCTOR, WATCHER, CLASSMATE, STRANGER)
        }
        grant = await call(sessions[CLASSMATE], "POST", f"{EVENTS}/grant", {})
        paths = {CLASSMATE: grant["events_url"]}
        for user_id, session in sessions.items():
            path = paths.get(user_id, EVENTS)
            streams[user_id] = await opened.enter_async_context(listening(session, path))
        away = asyncio.create_task(reconnecting(service, WATCHER, streams[WATCHER].last_id))

        video_id = await upload(sessions[INSTRUCTOR], file)
        for user_id in (INSTRUCTOR, WATCHER, CLASSMATE):
            await streams[user_id].until_type("video.ready")
            await streams[user_id].until(has_all_pictures)
        session_id = await watch(sessions[WATCHER], video_id)
        path = f"/api/v1/videos/{video_id}"
        renamed = await call(sessions[INSTRUCTOR], "PATCH", path, {"title": THE_END})
        path = f"/api/v1/courses/{ELSEWHERE}/enrollments/{STRANGER}"
        await call(admin, "PUT", path, {"role": "student"})

        for user_id in (INSTRUCTOR, WATCHER, CLASSMATE):
            await streams[user_id].until(lambda stream: is_end(stream.told))
        await streams[STRANGER].take(1)
        told_away, ended = await away

    playback = [
        "playback.started",
        "playback.progress",
        "playback.progress",
        "playback.completed",
        "playback.stopped",
    ]
    assert streams[STRANGER].types == ["enrollment.changed"]
    assert streams[CLASSMATE].types[0] == "video.ready"
    assert set(streams[CLASSMATE].types[1:]) == {"video.updated"}
    assert [kind for kind in streams[WATCHER].types if kind != "video.updated"] == [
        "video.ready",
        *playback,
    ]
    instructors = [kind for kind in streams[INSTRUCTOR].types if kind != "video.processing"]
    assert instructors[0] == "video.uploaded"
    assert instructors[1:] == streams[WATCHER].types
    assert "video.processing" in streams[INSTRUCTOR].types

    of_students = streams[CLASSMATE].told + streams[WATCHER].told
    assert all(
        one.data["user_id"] == (WATCHER if one.type in playback else None) for one in of_students
    )
    assert all(one.data["user_id"] for one in streams[INSTRUCTOR].told)
    assert all(
        one.data["session_id"] == session_id
        for one in streams[WATCHER].told
        if one.type in playback
    )
    ready = streams[WATCHER].told[0].data
    assert (ready["status"], ready["video_id"]) == ("ready", video_id)
    assert ready["thumbnails"]
    last = streams[WATCHER].told[-1].data
    assert {name: last[name] for name in renamed} == renamed

    assert ended >= 2
    assert told_away == streams[WATCHER].told
