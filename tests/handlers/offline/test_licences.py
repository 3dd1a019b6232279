"""Lessons kept offline: licences, the files that they name, and what ends them."""

import asyncio
import hashlib
import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from joserfc import jws
from joserfc.jwk import KeySet

from db.progress.report_batch import VideoKey
from events.offline.licences import Licence
from handlers import keys
from handlers.offline.licences import KIND
from storage.hashes import PIECE_BYTES
from tests.handlers.playback.files.laddering import publish_ladder
from tests.handlers.support.playing import playback
from tests.handlers.support.watching import Course, new_course
from tests.harness.serving import write_large_mp4
from tests.harness.waiting import wait_until

# RFC 9864 prefers the name `Ed25519`, which few libraries know yet.
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),
]

MASTER = {"hls.m3u8": b"#EXTM3U"}
REFUSED = "403 licence-refused"
TTL_S = 14 * 86400
FILLER = random.Random(20261130).randbytes(2 * PIECE_BYTES + 12_345)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lesson(shared_service: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A video of three pieces, without a ladder."""
    file = await asyncio.to_thread(write_large_mp4, tmp_path_factory.mktemp("lesson"), FILLER)
    return await shared_service.ready_video(file)


@pytest_asyncio.fixture(loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


async def ask(service: Any, video: Any, who: str = "ada", **body: Any) -> Any:
    path = f"videos/{video['id']}/offline"
    return await service.ask(who, "POST", path, {"height": 720} | body)


async def licensed(service: Any, video: Any, who: str = "ada", **body: Any) -> Any:
    answer = await ask(service, video, who, **body)
    assert answer.said == "201", answer.body
    return answer.json


async def renew(service: Any, video: Any, licence: str, who: str = "ada") -> Any:
    path = f"videos/{video['id']}/offline/renewal"
    return await service.ask(who, "POST", path, {"licence": licence})


async def claims_of(service: Any, told: Any) -> Any:
    """The licence as a client reads it: by another library and the published keys."""
    published = await service.ask(None, "GET", "/.well-known/jwks.json")
    signed = jws.deserialize_compact(
        told["licence"], KeySet.import_key_set(published.json), algorithms=["EdDSA", "Ed25519"]
    )
    assert signed.headers()["typ"] == KIND
    return json.loads(signed.payload)


async def read(service: Any, url: str, start: int = 0, etag: str | None = None) -> Any:
    headers = {"Range": f"bytes={start}-"} if start else {}
    return await service.ask(
        None, "GET", url, headers=headers | ({"If-Range": etag} if etag else {})
    )


def pieces_of(content: bytes) -> list[str]:
    starts = range(0, len(content), PIECE_BYTES)
    return [hashlib.sha256(content[at : at + PIECE_BYTES]).hexdigest() for at in starts]


async def test_a_licence_names_user_video_enrolment_and_end(
    shared_service: Any, lesson: Any
) -> None:
    told = await licensed(shared_service, lesson)

    claims = await claims_of(shared_service, told)
    expected = {"sub": "ada", "video_id": lesson["id"], "course_id": "c1", "version": 1}
    assert expected.items() <= claims.items()
    assert (claims["height"], claims["captions"]) == (720, [])
    assert claims["exp"] - claims["iat"] == TTL_S
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 60
    assert datetime.fromisoformat(told["expires_at"]).timestamp() == claims["exp"]
    files = [[one["name"], one["size"], one["type"], one["pieces"]] for one in claims["files"]]
    assert files == [
        [one["url"].split(f"{lesson['id']}/")[1], one["size"], one["type"], one["pieces"]]
        for one in told["files"]
    ]
    assert claims["poster"] == claims["files"][-1]["name"]


async def test_the_bytes_of_each_file_have_the_hashes_of_the_licence(
    shared_service: Any, lesson: Any
) -> None:
    told = await licensed(shared_service, lesson)

    assert [one["type"].partition(";")[0] for one in told["files"]] == ["video/mp4", "image/jpeg"]
    assert len(told["files"][0]["pieces"]) == 3
    for one in told["files"]:
        answer = await read(shared_service, one["url"])
        assert answer.headers["Content-Type"] == one["type"]
        assert (len(answer.body), pieces_of(answer.body)) == (one["size"], one["pieces"])


async def test_a_download_goes_on_at_any_byte(shared_service: Any, lesson: Any) -> None:
    """Within a piece, at its end, and behind all but the last byte."""
    file = (await licensed(shared_service, lesson))["files"][0]
    whole = await read(shared_service, file["url"])
    etag = whole.headers["ETag"]

    for start in (1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 7, file["size"] - 1):
        rest = await read(shared_service, file["url"], start, etag)
        assert rest.status == 206
        assert pieces_of(whole.body[:start] + rest.body) == file["pieces"]


async def test_a_download_goes_on_under_a_renewed_grant(shared_service: Any, lesson: Any) -> None:
    told = await licensed(shared_service, lesson)
    begun = await read(shared_service, told["files"][0]["url"])
    renewed = (await renew(shared_service, lesson, told["licence"])).json

    rest = await read(shared_service, renewed["files"][0]["url"], 1000, begun.headers["ETag"])

    assert (rest.status, rest.body) == (206, begun.body[1000:])
    assert renewed["files"][0]["pieces"] == told["files"][0]["pieces"]


async def test_a_changed_file_is_noticed(
    shared_service: Any, other_video: Any, tmp_path: Path
) -> None:
    video = other_video
    await publish_ladder(shared_service, video, tmp_path, MASTER | {"v240.mp4": b"before" * 100})
    told = await licensed(shared_service, video)
    before = await read(shared_service, told["files"][0]["url"])
    await publish_ladder(shared_service, video, tmp_path, MASTER | {"v240.mp4": b"after" * 100})

    renewed = (await renew(shared_service, video, told["licence"])).json

    file = renewed["files"][0]
    assert file["url"].rpartition("/")[2] != told["files"][0]["url"].rpartition("/")[2]
    assert file["pieces"] == pieces_of(b"after" * 100)
    whole = await read(shared_service, file["url"], 100, before.headers["ETag"])
    assert (whole.status, whole.body) == (200, b"after" * 100)


LADDER = MASTER | {
    "v720.mp4": b"large" * 400,
    "v720.m3u8": b"#EXTM3U large",
    "v240.mp4": b"small" * 100,
    "v240.m3u8": b"#EXTM3U small",
    "audio.m4a": b"sound" * 20,
    "audio.m3u8": b"#EXTM3U sound",
    "captions_en.m3u8": b"#EXTM3U captions",
}
SOUND = [LADDER["audio.m4a"], LADDER["audio.m3u8"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laddered(shared_service: Any, mp4: Path, tmp_path_factory: Any) -> Any:
    video = await shared_service.ready_video(mp4)
    await publish_ladder(shared_service, video, tmp_path_factory.mktemp("ladder"), LADDER)
    return video


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        pytest.param(720, [LADDER["v720.mp4"], LADDER["v720.m3u8"], *SOUND], id="the largest"),
        pytest.param(300, [LADDER["v240.mp4"], LADDER["v240.m3u8"], *SOUND], id="the next lower"),
        pytest.param(None, SOUND, id="sound alone"),
    ],
)
async def test_the_files_are_those_of_the_height(
    shared_service: Any, laddered: Any, height: int | None, expected: list[bytes]
) -> None:
    told = await licensed(shared_service, laddered, height=height)

    *media, poster = told["files"]
    contents = [(await read(shared_service, one["url"])).body for one in media]
    assert contents == expected
    assert [one["pieces"] for one in media] == list(map(pieces_of, expected))
    assert poster["type"] == "image/jpeg"


async def test_without_a_ladder_there_is_no_sound_alone(shared_service: Any, lesson: Any) -> None:
    assert (await ask(shared_service, lesson, height=None)).said == "404 not-found"


async def test_captions_are_kept_as_they_are_served(shared_service: Any, video: Any) -> None:
    captions = "WEBVTT\n\n00:00.000 --> 00:01.000\nGrüße\n"
    path = f"/api/v1/videos/{video['id']}/captions/de-AT"
    put = await shared_service.ask(
        "tess", "PUT", path, data=captions.encode(), headers={"Content-Type": "text/vtt"}
    )
    assert put.said == "201"

    told = await licensed(shared_service, video, captions=["DE-at", "de-AT"])

    file = told["files"][-1]
    answer = await read(shared_service, file["url"])
    assert "Grüße" in answer.body.decode()
    assert answer.headers["Content-Type"] == file["type"]
    assert (file["size"], file["pieces"]) == (len(answer.body), pieces_of(answer.body))
    assert (await shared_service.ask("tess", "DELETE", path)).said == "204"
    renewed = (await renew(shared_service, video, told["licence"])).json
    assert len(renewed["files"]) == len(told["files"]) - 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param({"captions": ["fr"]}, "404 not-found", id="captions that are not there"),
        pytest.param({"captions": ["not a tag"]}, "400 invalid-request", id="no language"),
        pytest.param({"captions": ["en"] * 101}, "400 invalid-request", id="too many captions"),
        pytest.param({"height": 0}, "400 invalid-request", id="height 0"),
        pytest.param({"height": "720"}, "400 invalid-request", id="height as text"),
        pytest.param({"heigth": 720}, "400 invalid-request", id="misspelt"),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    shared_service: Any, video: Any, body: Any, said: str
) -> None:
    assert (await ask(shared_service, video, **body)).said == said


async def test_a_renewed_licence_lives_anew_in_its_session(
    shared_service: Any, lesson: Any
) -> None:
    first = await licensed(shared_service, lesson)
    before = await claims_of(shared_service, first)

    answer = await renew(shared_service, lesson, first["licence"])

    assert answer.said == "201"
    after = await claims_of(shared_service, answer.json)
    assert after["session_id"] == before["session_id"]
    assert after["exp"] >= before["exp"]
    unchanged = {"sub", "video_id", "course_id", "version", "height", "captions", "files"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert first["renew_url"] == f"/api/v1/videos/{lesson['id']}/offline/renewal"


def changed(service: Any, licence: str, **changes: Any) -> str:
    """Signed by the service, with other claims."""
    payload = licence.split(".")[1]
    content = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    claims = msgspec.structs.replace(msgspec.json.decode(content, type=Licence), **changes)
    signed: str = service.app[keys.DOCUMENT_SIGNER].sign(KIND, claims)
    return signed


def forged(licence: str) -> str:
    """With a later end, under the signature of before."""
    head, payload, signature = licence.split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    content = json.dumps(claims | {"exp": claims["exp"] + 1}).encode()
    return f"{head}.{urlsafe_b64encode(content).rstrip(b'=').decode()}.{signature}"


async def test_a_licence_that_does_not_hold_is_not_renewed(
    shared_service: Any, lesson: Any, video: Any
) -> None:
    licence = (await licensed(shared_service, lesson))["licence"]
    own = await renew(shared_service, lesson, changed(shared_service, licence))
    assert own.said == "201", "what is changed below is why they are refused"
    path = f"videos/{lesson['id']}/receipt"
    receipt = (await shared_service.ask("ada", "GET", path)).json["receipt"]
    grant = (await playback(shared_service, lesson))["grant"]

    for name, refused in {
        "forged": forged(licence),
        "expired": changed(shared_service, licence, iat=0, exp=int(datetime.now(UTC).timestamp())),
        "of another version": changed(shared_service, licence, version=2),
        "of an admin": changed(shared_service, licence, version=None),
        "of another user": changed(shared_service, licence, sub="tess"),
        "a receipt": receipt,
        "a grant": grant,
        "nothing": "",
    }.items():
        assert (await renew(shared_service, lesson, refused)).said == REFUSED, name
    assert (await renew(shared_service, lesson, licence, who="tess")).said == REFUSED
    assert (await renew(shared_service, lesson, licence, who="eve")).said == REFUSED
    assert (await renew(shared_service, video, licence)).said == REFUSED
    missing = {"id": UUID(int=7)}
    assert (await renew(shared_service, missing, licence)).said == REFUSED


async def lesson_of(course: Course, file: Path) -> Any:
    """A ready video in a course of its own."""
    service = course.service
    video = await service.ready_video(file)
    async with service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "UPDATE videos SET course_id = %s, module_id = %s WHERE id = %s",
            (course.id, course.module_id, video["id"]),
        )
    storage = service.app[keys.STORAGE]
    old = storage.video_dir(video["course_id"], UUID(video["id"]))
    new = storage.video_dir(course.id, UUID(video["id"]))
    await asyncio.to_thread(new.parent.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(old.rename, new)
    service.app[keys.CATALOG].forget(UUID(video["id"]))
    return video


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(shared_service: Any, mp4: Path) -> tuple[Course, Any]:
    """A course with a ready video, both of which tests change and change back."""
    course = await new_course(shared_service)
    return course, await lesson_of(course, mp4)


async def test_withdrawal_is_told_at_the_next_contact(
    shared_service: Any, own: tuple[Course, Any]
) -> None:
    course, video = own
    told = await licensed(shared_service, video, course.student)
    await course.withdraw(course.student)

    assert (await renew(shared_service, video, told["licence"], course.student)).said == REFUSED
    assert (await ask(shared_service, video, course.student)).said == "403 not-enrolled"
    assert (await read(shared_service, told["files"][0]["url"])).said == "403 not-enrolled"

    await course.enroll(course.student)
    again = await licensed(shared_service, video, course.student)
    assert (await renew(shared_service, video, told["licence"], course.student)).said == REFUSED
    renewed = await renew(shared_service, video, again["licence"], course.student)
    assert renewed.said == "201"


async def test_a_course_may_forbid_it(shared_service: Any, own: tuple[Course, Any]) -> None:
    course, video = own
    told = await licensed(shared_service, video, course.student)

    async def switch(**body: bool) -> Any:
        path = f"courses/{course.id}"
        answer = await shared_service.ask("root", "PUT", path, {"title": "A course"} | body)
        return (answer.said, answer.json.get("offline"))

    assert await switch(offline=False) == ("200", False)
    assert await switch() == ("200", False), "it stays as it is"
    shown = await shared_service.ask(course.student, "GET", f"courses/{course.id}")
    assert shown.json["offline"] is False
    assert (await ask(shared_service, video, course.student)).said == REFUSED
    assert (await renew(shared_service, video, told["licence"], course.student)).said == REFUSED

    assert await switch(offline=True) == ("200", None)
    assert (await ask(shared_service, video, course.student)).said == "201"
    assert (await renew(shared_service, video, told["licence"], course.student)).said == "201"


async def test_a_deleted_video_ends_its_licences(
    shared_service: Any, own: tuple[Course, Any]
) -> None:
    course, video = own
    told = await licensed(shared_service, video, course.student)
    await course.delete(video["id"])

    assert (await renew(shared_service, video, told["licence"], course.student)).said == REFUSED
    restored = await shared_service.ask(course.instructor, "POST", f"videos/{video['id']}/restore")
    assert restored.said == "200"
    assert (await renew(shared_service, video, told["licence"], course.student)).said == "201"


async def test_an_admin_keeps_lessons_until_they_are_none(shared_service: Any, lesson: Any) -> None:
    told = await licensed(shared_service, lesson, "root")

    assert (await claims_of(shared_service, told))["version"] is None
    assert (await renew(shared_service, lesson, told["licence"], "root")).said == "201"


async def test_a_video_that_is_not_ready_is_not_kept(shared_service: Any) -> None:
    video = {"id": await shared_service.video_row(status="processing")}

    answer = await ask(shared_service, video)

    assert answer.said == "409 not-ready"
    assert answer.headers["Retry-After"]


async def test_a_file_that_is_gone_is_not_licensed(shared_service: Any, course: Course) -> None:
    video = {"id": await course.video()}

    assert (await ask(shared_service, video, course.student)).said == "503 unavailable"
    await wait_until(lambda: len(shared_service.app[keys.DAMAGED_FILES]) == 1)


async def test_reports_by_the_thousand_are_taken_in_order(
    shared_service: Any, course: Course
) -> None:
    """A week offline, told at once, the last twice; meanwhile a phone has gone further."""
    video_id = await course.video()
    licensed_at = datetime.now(UTC) - timedelta(days=7)
    session_id = shared_service.app[keys.SESSION_NAMES].new(
        VideoKey(course.student, UUID(video_id)), licensed_at
    )
    path = f"videos/{video_id}/progress"

    async def report(**changes: Any) -> Any:
        said = {"session_id": session_id, "event": "progress"} | changes
        answer = await shared_service.ask(course.student, "PUT", path, said)
        assert answer.said == "200", answer.body
        return answer.json

    await report(session_id="phone", sequence=0, position=29, watched=[])
    count, at_once, step = 1000, 25, 0.027

    async def late(number: int) -> Any:
        place, end = round(number * step, 3), round((number + 1) * step, 3)
        delayed_s = 6 * 86400 - number
        return await report(
            sequence=number, delayed_s=delayed_s, position=place, watched=[[place, end]]
        )

    for first in range(0, count, at_once):
        await asyncio.gather(*map(late, range(first, first + at_once)))
    told = await late(count - 1)
    again = await late(count - 1)

    assert again | {"updated_at": told["updated_at"]} == told
    assert told["watched_seconds"] == pytest.approx(count * step, abs=0.1)
    assert (told["position"], told["completed"]) == (29, True)


async def test_it_can_be_switched_off(start_shared_service: Any, lesson: Any) -> None:
    service = await start_shared_service(OFFLINE_TTL="0")

    assert (await ask(service, lesson)).said == REFUSED


async def test_the_bytes_come_from_the_edge(start_shared_service: Any, lesson: Any) -> None:
    service = await start_shared_service(CDN_URL="https://edge.example/video")

    told = await licensed(service, lesson)

    assert all(one["url"].startswith("https://edge.example/video/play/") for one in told["files"])
    assert told["renew_url"].startswith("/api/v1/")
