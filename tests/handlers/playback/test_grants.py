"""Grants, as the contract tells it: what they say, and that they open nothing else."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from handlers import keys
from handlers.access.grants import EventsGrant, Grants
from tests.handlers.support.playing import (
    REVOKED,
    enrolled,
    playback,
    stream_of,
)
from tests.harness.wire import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD_GRANT = "401 invalid-token"


class TestGrant:
    async def test_tells_all_that_a_player_needs(self, shared_service: Any, video: Any) -> None:
        answer = await shared_service.ask("ada", "POST", f"videos/{video['id']}/playback", {})

        told = answer.json
        grant = told["grant"]
        base = rf"/play/{re.escape(grant)}/{video['id']}/"
        assert answer.status == 201
        assert set(told) == {
            *("grant", "expires_at", "session_id", "next_sequence", "stream_url", "sources"),
            *(
                "hls_url",
                "dash_url",
                "sizes",
                "thumbnails",
                "storyboard_url",
                "events_url",
                "resume_position",
            ),
            *("captions", "chapters_url", "media_expires_at"),
            *("duration", "completed", "report_interval"),
        }
        assert re.fullmatch(base + r"source-[0-9a-f]{16}\.mp4", told["stream_url"])
        assert told["sources"] == [{"url": told["stream_url"], "type": video["mime_type"]}]
        assert set(told["thumbnails"]) == {"small", "medium", "large"}
        assert all(
            re.fullmatch(base + rf"{size}-[0-9a-f]{{16}}\.jpg", url)
            for size, url in told["thumbnails"].items()
        )
        assert told["events_url"] == f"/play/{grant}/events"
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", told["session_id"])
        assert (told["next_sequence"], told["resume_position"], told["completed"]) == (0, 0, False)
        assert (told["duration"], told["report_interval"]) == (video["duration"], 5)
        assert (told["hls_url"], told["dash_url"], told["sizes"]) == (None, None, [])
        assert re.fullmatch(base + r"storyboard-[0-9a-f]{16}\.vtt", told["storyboard_url"])

    async def test_goes_on_with_a_session(self, shared_service: Any, video: Any) -> None:
        who = await enrolled(shared_service, "resumer")
        first = await playback(shared_service, video, who)
        report = {
            "session_id": first["session_id"],
            "sequence": 7,
            "position": 1.5,
            "watched": [[0, 1.5]],
            "event": "progress",
        }
        progress_url = f"/play/{first['grant']}/{video['id']}/progress"
        assert (await shared_service.ask(None, "POST", progress_url, report)).status == 200

        same = await playback(shared_service, video, who, body={"session_id": first["session_id"]})
        new = await playback(shared_service, video, who)

        assert (same["session_id"], same["next_sequence"]) == (first["session_id"], 8)
        assert new["session_id"] != first["session_id"]
        assert new["next_sequence"] == 0
        assert same["resume_position"] == new["resume_position"] == 1.5

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            pytest.param({}, "201", id="no body"),
            pytest.param({"json": {"session_id": "a" * 64}}, "201", id="longest session"),
            pytest.param({"json": {"session_id": "a" * 65}}, "400 invalid-request", id="too long"),
            pytest.param({"json": {"session_id": ""}}, "400 invalid-request", id="empty"),
            pytest.param({"json": {"session_id": "a/b"}}, "400 invalid-request", id="no such sign"),
            pytest.param({"json": {"session": "a"}}, "400 invalid-request", id="misspelt"),
            pytest.param({"json": []}, "400 invalid-request", id="a list"),
            pytest.param({"data": b"{"}, "415 unsupported-format", id="no media type"),
        ],
    )
    async def test_body_is_checked(
        self, shared_service: Any, video: Any, options: Any, said: str
    ) -> None:
        path = f"videos/{video['id']}/playback"

        assert (await shared_service.ask("ada", "POST", path, **options)).said == said

    @pytest.mark.parametrize(
        ("who", "ttl_s"),
        [
            pytest.param("ada", 6 * 3600, id="student"),
            pytest.param("tess", 6 * 3600, id="instructor"),
            pytest.param("root", 15 * 60, id="admin"),
            pytest.param("svc", 15 * 60, id="service"),
        ],
    )
    @pytest.mark.parametrize("kind", ["videos/{id}/playback", "events/grant"])
    async def test_lives_as_long_as_it_says(
        self, shared_service: Any, video: Any, who: str, ttl_s: int, kind: str
    ) -> None:
        answer = await shared_service.ask(who, "POST", kind.format(**video))

        told = datetime.fromisoformat(answer.json["expires_at"])
        assert (told - datetime.now(UTC)).total_seconds() == pytest.approx(ttl_s, abs=5)

    @pytest.mark.parametrize("suffix", ["stream", "download", "playback", "thumbnails/small"])
    async def test_not_ready_is_said_with_a_time_to_retry(
        self, shared_service: Any, suffix: str
    ) -> None:
        path = f"videos/{await shared_service.video_row()}/{suffix}"
        method = "POST" if suffix == "playback" else "GET"

        answer = await shared_service.ask("ada", method, path)

        assert answer.said == "409 not-ready"
        assert int(answer.headers["Retry-After"]) > 0

    @pytest.mark.parametrize("suffix", ["stream", "download", "playback", "thumbnails/small"])
    async def test_failed_is_said_with_its_reason(self, shared_service: Any, suffix: str) -> None:
        path = f"videos/{await shared_service.video_row(status='failed')}/{suffix}"
        method = "POST" if suffix == "playback" else "GET"

        answer = await shared_service.ask("ada", method, path)

        assert answer.said == "409 failed"
        assert answer.json["detail"] == "It cannot be decoded."
        assert "Retry-After" not in answer.headers


def expired(grants: Grants, token: str) -> str:
    return grants.mint(msgspec.structs.replace(grants.playback(token), expires_at=time.time() - 1))


def foreign(grants: Grants, token: str) -> str:
    return Grants("a secret of somebody else, 32 bytes", 60).mint(grants.playback(token))


def of_events(grants: Grants, token: str) -> str:
    grant = grants.playback(token)
    return grants.mint(EventsGrant(user_id=grant.user_id, expires_at=grant.expires_at))


def altered(grants: Grants, token: str) -> str:
    head, claims, signature = token.split(".")
    return f"{head}.{claims[:-4]}AAAA.{signature}"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(expired, id="expired"),
        pytest.param(foreign, id="signed by another"),
        pytest.param(altered, id="altered"),
        pytest.param(of_events, id="of events"),
        pytest.param(lambda grants, token: token.rpartition(".")[0] + ".", id="unsigned"),
        pytest.param(lambda grants, token: "x", id="no token"),
        pytest.param(lambda grants, token: token + "%00", id="nul"),
        pytest.param(lambda grants, token: "%ff" + token, id="not UTF-8"),
        pytest.param(lambda grants, token: "a" * 5000, id="long"),
        pytest.param(lambda grants, token: "..%2f" + token, id="path"),
    ],
)
async def test_bad_grant_is_401(shared_service: Any, video: Any, make: Any) -> None:
    token = (await playback(shared_service, video))["grant"]
    bad = make(shared_service.app[keys.GRANTS], token)
    stream_url = (await playback(shared_service, video))["stream_url"]
    asset = stream_url.rpartition("/")[2]

    async with connected(shared_service.url) as wire:
        answer = await wire.ask(f"GET /play/{bad}/{video['id']}/{asset} HTTP/1.1", "Host: x")

    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert msgspec.json.decode(answer.body)["type"] == "urn:coursestream:invalid-token"


async def test_bearer_token_is_no_grant(shared_service: Any, video: Any) -> None:
    stream_url = (await playback(shared_service, video))["stream_url"]
    bearer = shared_service.student.headers["Authorization"].removeprefix("Bearer ")
    path = re.sub("/play/[^/]+", f"/play/{bearer}", stream_url)

    assert (await shared_service.ask(None, "GET", path)).said == BAD_GRANT


async def test_grant_is_no_bearer_token(shared_service: Any, video: Any) -> None:
    headers = {"Authorization": f"Bearer {(await playback(shared_service, video))['grant']}"}

    answer = await shared_service.ask(None, "GET", stream_of(video), headers=headers)

    assert answer.said == BAD_GRANT


@pytest.mark.parametrize("query", ["access_token", "token", "grant", "jwt"])
async def test_query_is_never_read_for_a_token(shared_service: Any, video: Any, query: str) -> None:
    token = shared_service.student.headers["Authorization"].removeprefix("Bearer ")

    answer = await shared_service.ask(None, "GET", f"{stream_of(video)}?{query}={token}")

    assert answer.said == BAD_GRANT


async def test_grant_for_another_video_is_403(
    shared_service: Any, video: Any, other_video: Any
) -> None:
    theirs = (await playback(shared_service, other_video))["stream_url"]
    ours = (await playback(shared_service, video))["grant"]
    path = re.sub("/play/[^/]+", f"/play/{ours}", theirs)

    assert (await shared_service.ask(None, "GET", path)).said == REVOKED
    unknown = path.replace(other_video["id"], str(UUID(int=0)))
    assert (await shared_service.ask(None, "GET", unknown)).said == REVOKED


@pytest.mark.asyncio(loop_scope="function")
async def test_grants_live_as_long_as_is_configured(start_service: Any, mp4: Path) -> None:
    service = await start_service(GRANT_TTL="60s")
    await service.put("courses/c1", {"title": "One"})
    await service.put("courses/c1/enrollments/tess", {"role": "instructor"})
    await service.put("courses/c1/modules/m1", {"title": "One", "position": 1})
    video = await service.ready_video(mp4)

    for who in ("tess", "root"):
        told = await playback(service, video, who)
        left = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
        assert 50 < left.total_seconds() <= 60
