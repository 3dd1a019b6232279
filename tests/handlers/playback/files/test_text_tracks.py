"""Captions and chapters over HTTP: put, read by bearer and by grant, deleted, told of."""

import asyncio
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from db.media import text_tracks
from db.media.text_tracks import TrackName
from events.upkeep.trash import sweep
from handlers import keys
from handlers.playback.text_tracks import MAX_TRACKS
from storage.media.facts import MAX_TRACK_BYTES as MAX_BYTES
from tests.handlers.support.playing import REVOKED, change, enrolled, playback
from tests.handlers.support.watching import Course, new_course

pytestmark = pytest.mark.asyncio(loop_scope="module")

SRT = b"1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Hello</i> & <script>\r\n"
WEBVTT = b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<i>Hello</i> &amp; &lt;script&gt;\n"
OTHER = b"WEBVTT\n\n00:01.000 --> 00:02.000\nBonjour\n"
BAD = "400 invalid-request"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


@pytest_asyncio.fixture(loop_scope="module")
async def video_id(course: Course) -> str:
    """A video that can be watched."""
    return await course.video()


async def put(
    course: Course, video_id: str, what: str, body: bytes = WEBVTT, **headers: str
) -> Any:
    path, named = f"videos/{video_id}/{what}", {k.replace("_", "-"): v for k, v in headers.items()}
    headers = {"Content-Type": "text/vtt", **named}
    return await course.service.ask(
        course.instructor, "PUT", path, data=BytesIO(body), headers=headers
    )


async def get(course: Course, video_id: str, what: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await course.service.ask(
        course.student, "GET", f"videos/{video_id}/{what}", headers=named
    )


async def delete(course: Course, video_id: str, what: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await course.service.ask(
        course.instructor, "DELETE", f"videos/{video_id}/{what}", headers=named
    )


async def events_of(course: Course, video_id: str) -> list[Any]:
    return await course.service.app[keys.DATABASE].fetch_all(
        "SELECT type, user_id, payload FROM event_log WHERE video_id = %s ORDER BY id", (video_id,)
    )


@pytest.mark.parametrize(
    "media_type",
    ["text/vtt", "application/x-subrip", "text/srt", "text/plain", "application/octet-stream"],
)
@pytest.mark.parametrize("body", [pytest.param(WEBVTT, id="WebVTT"), pytest.param(SRT, id="SRT")])
@pytest.mark.parametrize("what", ["captions/en", "chapters"])
async def test_cues_come_out_as_webvtt(
    course: Course, video_id: str, what: str, body: bytes, media_type: str
) -> None:
    assert (await put(course, video_id, what, body, Content_Type=media_type)).said == "201"

    answer = await get(course, video_id, what)

    words = b"Hello" if what == "chapters" else b"<i>Hello</i>"
    assert answer.said == "200"
    assert answer.body == WEBVTT.replace(b"<i>Hello</i>", words)
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_they_are_listed_in_the_video_and_by_playback(course: Course, video_id: str) -> None:
    await put(course, video_id, "captions/PT-br")
    await put(course, video_id, "captions/en", OTHER)
    answer = await put(course, video_id, "chapters")

    video = (await course.service.ask(course.student, "GET", f"videos/{video_id}")).json
    told = await playback(course.service, {"id": video_id}, course.student)

    assert answer.json == {**video, "warnings": []}
    base = f"/api/v1/videos/{video_id}"
    by_grant = f"/play/{told['grant']}/{video_id}"
    for listed, place in ((video, base), (told, by_grant)):
        assert listed["captions"] == [
            {"language": "en", "url": f"{place}/captions/en"},
            {"language": "pt-BR", "url": f"{place}/captions/pt-BR"},
        ]
        assert listed["chapters_url"] == f"{place}/chapters"
    for one, who in ((video, course.student), (told, None)):
        answers = [
            await course.service.ask(who, "GET", url)
            for url in (one["captions"][0]["url"], one["chapters_url"])
        ]
        assert [answer.said for answer in answers] == ["200", "200"]
        assert b"Bonjour" in answers[0].body


async def test_a_faulty_cue_is_left_out_with_a_warning(course: Course, video_id: str) -> None:
    body = WEBVTT + b"\n00:00:05.000 --> 00:00:05.000\nno time\n"

    answer = await put(course, video_id, "captions/en", body)

    line = WEBVTT.count(b"\n") + 2
    assert answer.said == "201"
    assert answer.json["warnings"] == [{"line": line, "detail": "a cue ends after it starts"}]
    assert (await get(course, video_id, "captions/en")).body == WEBVTT


async def test_nothing_is_listed_where_nothing_is(course: Course, video_id: str) -> None:
    video = (await course.service.ask(course.student, "GET", f"videos/{video_id}")).json
    told = await playback(course.service, video, course.student)

    for listed in (video, told):
        assert (listed["captions"], listed["chapters_url"]) == ([], None)


async def test_change_is_published_and_what_changes_nothing_is_not(
    course: Course, video_id: str
) -> None:
    saids = [
        (await put(course, video_id, "captions/en")).said,
        (await put(course, video_id, "captions/EN", SRT)).said,  # the same cues
        (await put(course, video_id, "captions/en", OTHER)).said,
        (await delete(course, video_id, "captions/en")).said,
        (await delete(course, video_id, "captions/en")).said,
        (await put(course, video_id, "captions/en")).said,
    ]

    events = await events_of(course, video_id)
    assert saids == ["201", "200", "200", "204", "404 not-found", "201"]
    assert {(event.type, event.user_id) for event in events} == {
        ("video.updated", course.instructor)
    }
    listed = [len(event.payload["video"]["captions"]) for event in events]
    assert listed == [1, 1, 0, 1]


async def test_updated_at_of_the_video_tells_a_change(course: Course, video_id: str) -> None:
    first = (await put(course, video_id, "captions/en")).json["updated_at"]
    same = (await put(course, video_id, "captions/en")).json["updated_at"]
    changed = (await put(course, video_id, "captions/en", OTHER)).json["updated_at"]

    assert first == same < changed


class TestConditions:
    async def test_unchanged_captions_are_not_sent_again(
        self, course: Course, video_id: str
    ) -> None:
        await put(course, video_id, "captions/en")
        first = await get(course, video_id, "captions/en")
        etag, date = first.headers["ETag"], first.headers["Last-Modified"]

        again = await get(course, video_id, "captions/en", If_None_Match=etag)
        since = await get(course, video_id, "captions/en", If_Modified_Since=date)
        await put(course, video_id, "captions/en", OTHER)
        changed = await get(course, video_id, "captions/en", If_None_Match=etag)
        failed = await get(course, video_id, "captions/en", If_Match=etag)

        assert [one.said for one in (again, since, changed)] == ["304", "304", "200"]
        assert failed.said == "412 precondition-failed"
        assert again.headers["ETag"] == etag != changed.headers["ETag"]

    async def test_put_tells_no_etag_of_what_it_has_rewritten(
        self, course: Course, video_id: str
    ) -> None:
        assert "ETag" not in (await put(course, video_id, "captions/en", SRT)).headers

    async def test_lost_update_is_refused(self, course: Course, video_id: str) -> None:
        await put(course, video_id, "captions/en")
        etag = (await get(course, video_id, "captions/en")).headers["ETag"]
        await put(course, video_id, "captions/en", OTHER)

        saids = [
            (await put(course, video_id, "captions/en", If_Match=etag)).said,
            (await put(course, video_id, "captions/en", If_None_Match="*")).said,
            (await put(course, video_id, "captions/de", If_Match="*")).said,
            (await delete(course, video_id, "captions/en", If_Match=etag)).said,
            (await put(course, video_id, "captions/de", If_None_Match="*")).said,
        ]

        assert saids == [*["412 precondition-failed"] * 4, "201"]
        assert b"Bonjour" in (await get(course, video_id, "captions/en")).body

    async def test_only_one_of_many_creates(self, course: Course, video_id: str) -> None:
        puts = [put(course, video_id, "captions/en", If_None_Match="*") for _ in range(8)]
        saids = [answer.said for answer in await asyncio.gather(*puts)]

        assert sorted(saids) == ["201", *["412 precondition-failed"] * 7]


class TestRefusals:
    @pytest.mark.parametrize("language", ["e", "en_US", "x-none", "en%20", "en%2Fus", "a" * 36])
    async def test_what_names_no_language(
        self, course: Course, video_id: str, language: str
    ) -> None:
        path = f"captions/{language}"

        assert (await put(course, video_id, path)).said == BAD
        assert (await get(course, video_id, path)).said == BAD
        assert (await delete(course, video_id, path)).said == BAD

    @pytest.mark.parametrize(
        ("body", "said", "detail"),
        [
            pytest.param(b"", "400 empty", "empty", id="empty"),
            pytest.param(b"{}", BAD, "Line 2: times are expected here", id="neither"),
            pytest.param(b"WEBVTT\n\n00:02.000 --> 00:01.000\nx", BAD, "Line 3: ", id="reversed"),
            pytest.param(WEBVTT + b"\xe9", BAD, "Line 5: this is not UTF-8", id="not UTF-8"),
            pytest.param(b" " * (MAX_BYTES + 1), "413 too-large", "", id="over 1 MiB"),
        ],
    )
    async def test_body_is_refused_and_nothing_changed(
        self, course: Course, video_id: str, body: bytes, said: str, detail: str
    ) -> None:
        await put(course, video_id, "captions/en")

        answer = await put(course, video_id, "captions/en", body)

        assert answer.said == said
        assert detail in answer.json["detail"]
        assert (await get(course, video_id, "captions/en")).body == WEBVTT
        assert len(await events_of(course, video_id)) == 1

    async def test_what_grows_past_the_limit_is_too_large(
        self, course: Course, video_id: str
    ) -> None:
        cue = b"00:01.000 --> 00:02.000\n" + b"&" * 390 + b"\n\n"

        answer = await put(course, video_id, "captions/en", cue * (MAX_BYTES // len(cue)))

        assert answer.said == "413 too-large"

    @pytest.mark.parametrize("media_type", ["application/json", "text/html", "image/png"])
    async def test_other_media_types_are_refused(
        self, course: Course, video_id: str, media_type: str
    ) -> None:
        answer = await put(course, video_id, "captions/en", Content_Type=media_type)

        assert answer.said == "415 unsupported-format"

    async def test_a_video_has_only_so_many(self, course: Course, video_id: str) -> None:
        async with course.service.app[keys.DATABASE].transaction() as transaction:
            for number in range(MAX_TRACKS):
                name = TrackName("captions", f"en-x-{number}")
                await text_tracks.put(transaction, UUID(video_id), name, "WEBVTT\n", "0")

        assert (await put(course, video_id, "captions/de")).said == BAD
        assert (await put(course, video_id, "captions/en-x-1", OTHER)).said == "200"

    async def test_what_is_not_there_is_not_found(self, course: Course, video_id: str) -> None:
        for what in ("captions/en", "chapters"):
            assert (await get(course, video_id, what)).said == "404 not-found"
            assert (await delete(course, video_id, what)).said == "404 not-found"


async def test_largest_captions_are_taken(course: Course, video_id: str) -> None:
    cue = b"00:00:01.000 --> 00:00:02.000\n" + b"x" * 1900 + b"\n\n"
    body = b"WEBVTT\n\n" + cue * (MAX_BYTES // len(cue))

    assert (await put(course, video_id, "captions/en", body)).said == "201"
    assert (await get(course, video_id, "captions/en")).body == body[:-1]


async def test_withdrawn_student_is_refused_by_grant(shared_service: Any) -> None:
    video = {"id": await shared_service.video_row(status="ready")}
    course = Course(shared_service, "c1", "m1", "tess", "ada")
    async with shared_service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "INSERT INTO representations VALUES (%s, 'mp4', 'source-0123456789abcdef.mp4',"
            " 'video/mp4', 1, '', true)",
            (video["id"],),
        )
    await put(course, video["id"], "captions/en")
    who = await enrolled(shared_service, "reader")
    url = (await playback(shared_service, video, who))["captions"][0]["url"]
    assert (await shared_service.ask(None, "GET", url)).said == "200"

    await change(shared_service, who, "DELETE")

    assert await shared_service.is_soon(REVOKED, None, "GET", url)


async def test_they_go_and_come_back_with_the_video(course: Course, video_id: str) -> None:
    service, path = course.service, f"videos/{video_id}"
    before = (await put(course, video_id, "captions/en")).json["captions"]
    await service.ask(course.instructor, "DELETE", path)
    assert (await get(course, video_id, "captions/en")).said == "403 not-enrolled"
    assert (await put(course, video_id, "captions/en")).said == "403 not-enrolled"

    restored = await service.ask(course.instructor, "POST", f"{path}/restore")

    assert restored.json["captions"] == before
    assert (await get(course, video_id, "captions/en")).body == WEBVTT


async def test_they_leave_the_trash_with_the_video(course: Course, video_id: str) -> None:
    service = course.service
    await put(course, video_id, "captions/en")
    await service.ask(course.instructor, "DELETE", f"videos/{video_id}")

    gone = await sweep(service.app[keys.DATABASE], service.app[keys.STORAGE], 0)

    assert UUID(video_id) in gone
    name = TrackName("captions", "en")
    assert await text_tracks.get(service.app[keys.DATABASE], UUID(video_id), name) is None
