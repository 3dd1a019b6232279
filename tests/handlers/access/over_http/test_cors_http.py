"""A page of another origin uses the service: metadata, byte ranges, refusals, events."""

from pathlib import Path
from typing import Any

import pytest

from tests.handlers.uploads.tusing import OCTETS, VERSION, create, patch

ORIGIN = "https://lms.example"
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
async def cross(start_service: Any) -> Any:
    service = await start_service(CORS_ORIGINS=f"{ORIGIN},http://localhost:3000")
    for path, body in (
        ("courses/c1", {"title": "Course one"}),
        ("courses/c1/enrollments/tess", {"role": "instructor"}),
        ("courses/c1/modules/m1", {"title": "Module one", "position": 1}),
    ):
        await service.put(path, body)
    return service


async def test_page_plays_a_video(cross: Any, mp4: Path) -> None:
    video = await cross.ready_video(mp4)
    page = {"Origin": ORIGIN}

    playback = await cross.ask("tess", "POST", f"videos/{video['id']}/playback", {}, headers=page)
    url = playback.json["stream_url"]
    part = await cross.ask(None, "GET", url, headers={**page, "Range": "bytes=0-9"})
    etag = part.headers["ETag"]
    kept = await cross.ask(None, "GET", url, headers={**page, "If-None-Match": etag})
    beyond = await cross.ask(None, "GET", url, headers={**page, "Range": "bytes=999999999-"})
    asked = {**page, "Access-Control-Request-Method": "POST"}
    report = await cross.ask(None, "OPTIONS", url.rsplit("/", 1)[0] + "/progress", headers=asked)

    answers = (playback, part, kept, beyond, report)
    assert [answer.status for answer in answers] == [201, 206, 304, 416, 204]
    assert {answer.headers[ALLOWED] for answer in answers} == {ORIGIN}
    assert all("Origin" in answer.headers["Vary"] for answer in answers)
    assert "Content-Range" in part.headers["Access-Control-Expose-Headers"]


async def test_page_uploads_by_tus(cross: Any, mp4: Path) -> None:
    page, film = {"Origin": ORIGIN}, mp4.read_bytes()

    able = await cross.ask(None, "OPTIONS", "uploads", headers=page)
    began = await create(cross, len(film), **page)
    location = began.headers["Location"]
    asked = {**page, "Access-Control-Request-Method": "PATCH"}
    preflight = await cross.ask(None, "OPTIONS", location, headers=asked)
    done = await patch(cross, location, 0, film, **page)

    answers = (able, began, preflight, done)
    assert [answer.status for answer in answers] == [204, 201, 204, 204]
    assert {answer.headers[ALLOWED] for answer in answers} == {ORIGIN}
    assert {"PATCH", "HEAD", "DELETE"} <= words(preflight, "Access-Control-Allow-Methods")
    assert set(VERSION | OCTETS) <= words(preflight, "Access-Control-Allow-Headers")
    for answer in (able, began, done):
        told = {name for name in answer.headers if name.startswith(("Tus-", "Upload-", "X-Video"))}
        assert told <= words(answer, "Access-Control-Expose-Headers")
    assert "X-Video-ID" in done.headers
    assert "Location" in words(began, "Access-Control-Expose-Headers")


async def test_other_pages_see_what_tus_can_and_no_more(cross: Any) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    answer = await cross.ask(None, "OPTIONS", "uploads", headers=asked)

    assert (answer.status, answer.headers["Tus-Version"]) == (204, "1.0.0")
    assert ALLOWED not in answer.headers


def words(answer: Any, header: str) -> set[str]:
    return set(answer.headers[header].split(", "))


async def test_page_follows_events(cross: Any) -> None:
    grant = (await cross.ask("tess", "POST", "events/grant", {})).json

    for who, path in (("tess", "/api/v1/events"), (None, grant["events_url"])):
        session = cross.client(who) if who else cross.anonymous()
        async with session.get(path, headers={"Origin": ORIGIN}) as response:
            assert response.status == 200
            assert response.headers[ALLOWED] == ORIGIN


async def test_page_of_another_origin_gets_no_permission(cross: Any) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}

    preflight = await cross.ask(None, "OPTIONS", "courses", headers=asked)
    answer = await cross.ask("tess", "GET", "courses", headers=asked)

    assert (preflight.status, answer.status) == (401, 200)
    assert ALLOWED not in {*preflight.headers, *answer.headers}


async def test_without_the_setting_no_origin_is_allowed(service: Any) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}

    preflight = await service.ask(None, "OPTIONS", "courses", headers=asked)
    answer = await service.ask("tess", "GET", "courses", headers=asked)

    assert (preflight.status, answer.status) == (401, 200)
    assert ALLOWED not in {*preflight.headers, *answer.headers}
    assert "Vary" not in answer.headers
