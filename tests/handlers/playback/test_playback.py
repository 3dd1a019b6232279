"""The bytes of videos and pictures, as the contract tells it."""

import asyncio
import hashlib
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
import structlog

from db.media import assets
from db.media.assets import RepresentationRow
from db.pool import Database
from handlers import keys
from storage.paths import asset_name
from storage.videos import adopt_asset
from tests.handlers.support.playing import (
    REVOKED,
    change,
    enrolled,
    playback,
    stream_of,
)
from tests.harness.wire import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEBM_TYPE = 'video/webm; codecs="vp09.00.10.08, opus"'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_formats(shared_service: Any, mp4: Path, webm: Path, tmp_path_factory: Any) -> Any:
    """A video that there is as WebM, too."""
    found = await shared_service.ready_video(mp4)
    temp = shutil.copy(webm, tmp_path_factory.mktemp("webm") / "webm")
    sha256 = hashlib.sha256(webm.read_bytes()).hexdigest()
    name = asset_name("alt", sha256, "webm")
    app, video_id = shared_service.app, UUID(found["id"])
    await asyncio.to_thread(
        adopt_asset, app[keys.STORAGE], temp, found["course_id"], video_id, name
    )
    row = RepresentationRow("webm", name, WEBM_TYPE, webm.stat().st_size, sha256, False)
    await assets.add_representation(app[keys.DATABASE], video_id, row)
    app[keys.CATALOG].forget(video_id)
    return found


@pytest.mark.parametrize(
    "asset",
    [
        "source-0000000000000000.mp4",
        "original.mp4",
        "..",
        ".",
        "%2e%2e",
        "..%2Foriginal.mp4",
        "%2E%2E%2F%2E%2E%2F.coursestream",
        "..%5coriginal.mp4",
        "%2Fetc%2Fpasswd.mp4",
        "{other_id}%2F{asset}",
        "..%2F{other_id}%2F{asset}",
        "../{id}/{asset}",
        "./{asset}",
        "/{asset}",
        "{asset}/",
        "{asset}%2F",
        "{asset}%00",
        "{asset}%00.jpg",
        "{asset}%0a",
        "{asset}%20",
        "{asset}.",
        "{ASSET}",
        "%C0%AE%C0%AE%2Foriginal.mp4",
        "%ff%fe.mp4",
        "a" * 5000 + ".mp4",
        "events",
        "",
    ],
)
async def test_asset_is_a_name_and_never_a_path(
    shared_service: Any, video: Any, other_video: Any, asset: str
) -> None:
    base, _, known = (await playback(shared_service, video))["stream_url"].rpartition("/")
    names = {"asset": known, "ASSET": known.upper(), "id": video["id"]}
    target = f"{base}/{asset.format(other_id=other_video['id'], **names)}"

    async with connected(shared_service.url) as wire:
        answer = await wire.ask(f"GET {target} HTTP/1.1", "Host: x")

    assert answer.status == 404
    assert msgspec.json.decode(answer.body)["type"] == "urn:coursestream:not-found"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_asset_may_be_percent_encoded(shared_service: Any, video: Any) -> None:
    base, _, asset = (await playback(shared_service, video))["stream_url"].rpartition("/")

    async with connected(shared_service.url) as wire:
        answer = await wire.ask(f"HEAD {base}/{asset.replace('o', '%6F')} HTTP/1.1", "Host: x")

    assert answer.status == 200


class TestBytes:
    async def test_are_the_same_by_bearer_and_by_grant(
        self, shared_service: Any, video: Any
    ) -> None:
        by_grant = await shared_service.ask(
            None, "GET", (await playback(shared_service, video))["stream_url"]
        )
        by_bearer = await shared_service.ask("ada", "GET", stream_of(video))

        assert hashlib.sha256(by_bearer.body).hexdigest() == video["sha256"]
        assert by_grant.body == by_bearer.body
        for name in ("ETag", "Last-Modified", "Content-Type", "Accept-Ranges", "Content-Length"):
            assert by_grant.headers[name] == by_bearer.headers[name]

    async def test_carry_the_headers_of_the_contract(self, shared_service: Any, video: Any) -> None:
        answer = await shared_service.ask("ada", "GET", stream_of(video))

        headers = answer.headers
        assert headers["Content-Type"] == video["mime_type"]
        assert 'codecs="' in headers["Content-Type"]
        assert headers["ETag"] == f'"{video["sha256"][:16]}"'
        assert headers["Accept-Ranges"] == "bytes"
        assert headers["Cache-Control"] == "private, no-cache"
        assert headers["Vary"] == "Accept"
        assert headers["Content-Length"] == str(video["size"])
        assert "Content-Disposition" not in headers
        assert "Content-Encoding" not in headers
        assert http_time(headers["Last-Modified"]) <= http_time(headers["Date"])

    async def test_by_grant_may_be_kept_as_long_as_the_grant(
        self, shared_service: Any, video: Any
    ) -> None:
        told = await playback(shared_service, video, "root")

        for url in (told["stream_url"], told["thumbnails"]["small"]):
            answer = await shared_service.ask(None, "GET", url)

            match = re.fullmatch(r"private, max-age=(\d+)", answer.headers["Cache-Control"])
            assert match
            assert 15 * 60 - 10 < int(match[1]) <= 15 * 60
            assert "Vary" not in answer.headers

    async def test_are_never_compressed(self, shared_service: Any, video: Any) -> None:
        answer = await shared_service.ask(
            "ada", "GET", stream_of(video), headers={"Accept-Encoding": "gzip, br, zstd"}
        )

        assert "Content-Encoding" not in answer.headers
        assert len(answer.body) == video["size"]

    async def test_need_no_range_to_be_a_post(self, shared_service: Any, video: Any) -> None:
        answer = await shared_service.ask("ada", "POST", stream_of(video))

        assert answer.said == "405 method-not-allowed"
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}

    @pytest.mark.parametrize(
        "headers",
        [
            pytest.param({}, id="plain"),
            pytest.param({"Range": "bytes=0-1"}, id="a range"),
            pytest.param({"Range": "bytes=99999999-"}, id="a range past the end"),
            pytest.param({"If-None-Match": "*"}, id="not modified"),
        ],
    )
    @pytest.mark.parametrize("by", ["bearer", "grant"])
    async def test_head_answers_the_headers_of_get(
        self, shared_service: Any, video: Any, headers: dict[str, str], by: str
    ) -> None:
        who: str | None = "ada"
        path = stream_of(video)
        if by == "grant":
            who, path = None, (await playback(shared_service, video, "tess"))["stream_url"]
        of_get = {name: value for name, value in headers.items() if name != "Range"}

        head = await shared_service.ask(who, "HEAD", path, headers=headers)
        get = await shared_service.ask(who, "GET", path, headers=of_get)

        assert head.status == get.status
        assert head.body == b""
        assert stable(head.headers) == stable(get.headers)


def http_time(text: str) -> datetime:
    return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")


def stable(headers: Any) -> dict[str, str]:
    """Without what no two answers share."""
    varying = ("Date", "X-Request-ID", "Cache-Control")
    return {name: value for name, value in headers.items() if name not in varying}


class TestFormat:
    @pytest.mark.parametrize(
        ("query", "accept", "chosen"),
        [
            pytest.param("", None, "mp4", id="MP4 without a wish"),
            pytest.param("", "*/*", "mp4", id="MP4 wins a tie"),
            pytest.param("", "video/webm,video/mp4;q=0.9", "webm", id="Accept chooses"),
            pytest.param("", "video/webm", "webm", id="the only one accepted"),
            pytest.param("?format=webm", None, "webm", id="by name"),
            pytest.param("?format=mp4", "video/webm", "mp4", id="the name goes before Accept"),
            pytest.param("?format=webm", "image/png", "webm", id="the name asks no Accept"),
        ],
    )
    async def test_is_chosen(
        self, shared_service: Any, two_formats: Any, query: str, accept: str | None, chosen: str
    ) -> None:
        answer = await shared_service.ask(
            "ada", "GET", stream_of(two_formats) + query, headers=accepting(accept)
        )

        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(f"video/{chosen};")
        assert answer.headers["Vary"] == "Accept"
        assert (answer.body[4:8] == b"ftyp") == (chosen == "mp4")

    @pytest.mark.parametrize(
        ("query", "accept", "said"),
        [
            pytest.param("", "video/webm", "406 not-acceptable", id="none fits"),
            pytest.param("", "*/*;q=0", "406 not-acceptable", id="nothing is wanted"),
            pytest.param("?format=webm", None, "406 not-acceptable", id="not made"),
            pytest.param("?format=avi", None, "400 invalid-request", id="unknown"),
            pytest.param("?format=", None, "400 invalid-request", id="no name"),
        ],
    )
    async def test_that_there_is_not(
        self, shared_service: Any, video: Any, query: str, accept: str | None, said: str
    ) -> None:
        answer = await shared_service.ask(
            "ada", "GET", stream_of(video) + query, headers=accepting(accept)
        )

        assert answer.said == said
        assert said.startswith("400") or answer.headers["Vary"] == "Accept"

    async def test_is_accepted_on_any_line(self, shared_service: Any, two_formats: Any) -> None:
        token = shared_service.student.headers["Authorization"]

        async with connected(shared_service.url) as wire:
            answer = await wire.ask(
                f"HEAD {stream_of(two_formats)} HTTP/1.1",
                "Host: x",
                f"Authorization: {token}",
                "Accept: video/mp4;q=0.1",
                "Accept: video/webm",
            )

        assert answer.headers["Content-Type"] == WEBM_TYPE

    async def test_has_an_etag_of_its_own(self, shared_service: Any, two_formats: Any) -> None:
        etags = {
            (await shared_service.ask("ada", "HEAD", stream_of(two_formats) + query)).headers[
                "ETag"
            ]
            for query in ("", "?format=webm")
        }

        assert len(etags) == 2

    async def test_each_has_its_source(self, shared_service: Any, two_formats: Any) -> None:
        sources = (await playback(shared_service, two_formats))["sources"]

        assert [source["type"] for source in sources] == [two_formats["mime_type"], WEBM_TYPE]
        answer = await shared_service.ask(None, "GET", sources[1]["url"])
        assert answer.headers["Content-Type"] == WEBM_TYPE
        assert answer.body[:4] == b"\x1a\x45\xdf\xa3"


def accepting(accept: str | None) -> dict[str, str]:
    return {} if accept is None else {"Accept": accept}


class TestConditions:
    """RFC 9110 section 13.2.2 through the whole stack; the table of cases is `conditional.py`'s."""

    @pytest_asyncio.fixture(loop_scope="module", params=["bearer", "grant"])
    async def where(self, request: Any, shared_service: Any, video: Any) -> tuple[Any, str]:
        if request.param == "bearer":
            return "ada", stream_of(video)
        return None, (await playback(shared_service, video))["stream_url"]

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            pytest.param({"If-None-Match": "{etag}"}, 304, id="If-None-Match"),
            pytest.param({"If-None-Match": "W/{etag}"}, 304, id="compared weakly"),
            pytest.param({"If-None-Match": '"other"'}, 200, id="If-None-Match of another"),
            pytest.param({"If-Modified-Since": "{date}"}, 304, id="If-Modified-Since"),
            pytest.param(
                {"If-None-Match": '"other"', "If-Modified-Since": "{date}"}, 200, id="the tag wins"
            ),
            pytest.param({"If-Match": "{etag}"}, 200, id="If-Match"),
            pytest.param({"If-Match": '"other"'}, 412, id="If-Match of another"),
            pytest.param({"If-Match": "W/{etag}"}, 412, id="compared strongly"),
            pytest.param(
                {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 412, id="changed since"
            ),
            pytest.param(
                {"If-None-Match": "{etag}", "Range": "bytes=0-1"}, 304, id="304 goes before Range"
            ),
            pytest.param({"If-Range": "{etag}", "Range": "bytes=0-1"}, 206, id="If-Range"),
            pytest.param({"If-Range": "{date}", "Range": "bytes=0-1"}, 206, id="If-Range date"),
            pytest.param({"If-Range": "W/{etag}", "Range": "bytes=0-1"}, 200, id="If-Range weak"),
            pytest.param({"If-Range": '"other"', "Range": "bytes=0-1"}, 200, id="If-Range other"),
            pytest.param({"Range": "bytes=99999999-"}, 416, id="past the end"),
            pytest.param(
                {"If-Range": '"other"', "Range": "bytes=99999999-"}, 200, id="no range to miss"
            ),
        ],
    )
    async def test_are_answered(
        self, shared_service: Any, where: Any, headers: dict[str, str], status: int
    ) -> None:
        who, path = where
        known = (await shared_service.ask(who, "HEAD", path)).headers
        names = {"etag": known["ETag"], "date": known["Last-Modified"]}
        filled = {name: value.format(**names) for name, value in headers.items()}

        answer = await shared_service.ask(who, "GET", path, headers=filled)

        assert answer.status == status
        assert answer.headers["ETag"] == known["ETag"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers.get("Vary") == known.get("Vary")
        assert (answer.body == b"") == (status == 304)

    @pytest.mark.parametrize(
        ("headers", "said"),
        [
            pytest.param({"If-Match": '"x"'}, "412 precondition-failed", id="412"),
            pytest.param({"Range": "bytes=99999999-"}, "416 range-not-satisfiable", id="416"),
            pytest.param({"Range": "bytes=-0"}, "416 range-not-satisfiable", id="416 of nothing"),
        ],
    )
    async def test_refusals_are_problems_with_the_headers_that_help(
        self, shared_service: Any, video: Any, where: Any, headers: dict[str, str], said: str
    ) -> None:
        who, path = where

        answer = await shared_service.ask(who, "GET", path, headers=headers)

        assert answer.said == said
        assert answer.json["instance"] == answer.headers["X-Request-ID"]
        assert answer.headers["Content-Length"] == str(len(answer.body))
        assert "Last-Modified" not in answer.headers
        assert "max-age" not in answer.headers["Cache-Control"]
        if said.startswith("416"):
            assert answer.headers["Content-Range"] == f"bytes */{video['size']}"

    async def test_not_modified_says_nothing_of_the_bytes(
        self, shared_service: Any, where: Any
    ) -> None:
        who, path = where

        answer = await shared_service.ask(who, "GET", path, headers={"If-None-Match": "*"})

        assert answer.status == 304
        assert answer.headers["Cache-Control"].startswith("private, ")
        assert not {"Content-Range", "Content-Length"} & set(answer.headers)

    async def test_come_after_the_right_to_ask(self, shared_service: Any, video: Any) -> None:
        headers = {"If-None-Match": "*", "Range": "bytes=99999999-"}

        assert (
            await shared_service.ask("eve", "GET", stream_of(video), headers=headers)
        ).said == REVOKED
        assert (
            await shared_service.ask(None, "GET", stream_of(video), headers=headers)
        ).said == "401 invalid-token"


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        pytest.param("GET", "{stream}", {}, 200, id="whole"),
        pytest.param("GET", "{stream}", {"Range": "bytes=0-1"}, 206, id="range"),
        pytest.param("GET", "{stream}", {"Range": "bytes=0-1,5-6"}, 206, id="ranges"),
        pytest.param("GET", "{stream}", {"If-None-Match": "*"}, 304, id="not modified"),
        pytest.param("GET", "{stream}", {"If-Match": '"x"'}, 412, id="precondition"),
        pytest.param("GET", "{stream}", {"Range": "bytes=-0"}, 416, id="no such range"),
        pytest.param("GET", "{small}", {}, 200, id="thumbnail"),
        pytest.param("HEAD", "{stream}", {}, 200, id="HEAD"),
        pytest.param("POST", "{stream}", {}, 405, id="POST"),
        pytest.param("OPTIONS", "{stream}", {}, 405, id="OPTIONS"),
        pytest.param("GET", "{stream}x", {}, 404, id="unknown"),
        pytest.param("GET", "/play/x/y/z", {}, 401, id="bad grant"),
        pytest.param("GET", "/play/x/events", {}, 401, id="bad grant of events"),
        pytest.param("GET", "/play/x", {}, 404, id="no such address"),
        pytest.param("POST", "{progress}", {}, 400, id="bad report"),
    ],
)
async def test_answers_by_grant_carry_the_common_headers(
    shared_service: Any,
    video: Any,
    method: str,
    target: str,
    headers: dict[str, str],
    status: int,
) -> None:
    told = await playback(shared_service, video)
    names = {
        "stream": told["stream_url"],
        "small": told["thumbnails"]["small"],
        "progress": f"/play/{told['grant']}/{video['id']}/progress",
    }

    answer = await shared_service.ask(None, method, target.format(**names), headers=headers)

    assert answer.status == status
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


class TestThumbnail:
    @pytest.mark.parametrize("size", ["small", "medium", "large"])
    async def test_is_the_same_by_bearer_and_by_grant(
        self, shared_service: Any, video: Any, size: str
    ) -> None:
        url = (await playback(shared_service, video))["thumbnails"][size]

        by_bearer = await shared_service.ask("ada", "GET", video["thumbnails"][size])
        by_grant = await shared_service.ask(None, "GET", url)

        assert by_bearer.headers["Content-Type"] == "image/jpeg"
        assert by_bearer.headers["Cache-Control"] == "private, no-cache"
        assert by_bearer.headers["Vary"] == "Accept"
        assert by_bearer.body[:3] == b"\xff\xd8\xff"
        assert by_bearer.body == by_grant.body
        assert by_bearer.headers["ETag"] == by_grant.headers["ETag"]

    @pytest.mark.parametrize(
        ("size", "accept", "said"),
        [
            pytest.param("huge", None, "404 not-found", id="unknown size"),
            pytest.param("..%2fsmall", None, "404 not-found", id="no path"),
            pytest.param("small", "image/png", "406 not-acceptable", id="not made"),
            pytest.param("small", "image/avif,image/*;q=0.1", "200", id="the one there is"),
        ],
    )
    async def test_that_there_may_not_be(
        self, shared_service: Any, video: Any, size: str, accept: str | None, said: str
    ) -> None:
        path = f"videos/{video['id']}/thumbnails/{size}"

        answer = await shared_service.ask("ada", "GET", path, headers=accepting(accept))

        assert answer.said == said


CHROMIUM_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
JPEG, WEBP, AVIF = b"\xff\xd8\xff", b"RIFF", b"\0\0\0 ftypavif"


class TestPictureByAccept:
    @pytest.mark.parametrize(
        ("accept", "media_type", "begins"),
        [
            pytest.param(None, "image/jpeg", JPEG, id="anything"),
            pytest.param("image/*", "image/jpeg", JPEG, id="any picture"),
            pytest.param(CHROMIUM_IMAGE, "image/avif", AVIF, id="a browser"),
            pytest.param("image/webp,*/*;q=0.8", "image/webp", WEBP, id="WebP is named"),
        ],
    )
    async def test_is_of_the_type_chosen_and_behaves_like_the_video(
        self, shared_service: Any, video: Any, accept: str | None, media_type: str, begins: bytes
    ) -> None:
        url, wanted = video["thumbnails"]["large"], accepting(accept)

        whole = await shared_service.ask("ada", "GET", url, headers=wanted)
        head = await shared_service.ask("ada", "HEAD", url, headers=wanted)
        known = {**wanted, "If-None-Match": whole.headers["ETag"]}
        unchanged = await shared_service.ask("ada", "GET", url, headers=known)
        part = await shared_service.ask("ada", "GET", url, headers={**wanted, "Range": "bytes=0-3"})

        assert [each.status for each in (whole, head, unchanged, part)] == [200, 200, 304, 206]
        assert whole.body.startswith(begins)
        assert part.body == whole.body[:4]
        assert whole.headers["Content-Type"] == media_type
        for each in (whole, head, unchanged, part):
            assert each.headers["Vary"] == "Accept"
            assert each.headers["ETag"] == whole.headers["ETag"]
            assert each.headers["Cache-Control"] == "private, no-cache"
            assert each.headers["X-Content-Type-Options"] == "nosniff"

    async def test_each_type_has_its_own_validator(self, shared_service: Any, video: Any) -> None:
        answers = [
            await shared_service.ask(
                "ada", "GET", video["thumbnails"]["small"], headers=accepting(accept)
            )
            for accept in ("image/jpeg", "image/webp", "image/avif")
        ]

        assert len({answer.headers["ETag"] for answer in answers}) == 3

    @pytest.mark.parametrize(("kind", "begins"), [("webp", WEBP), ("avif", AVIF)])
    async def test_is_an_asset_by_grant(
        self, shared_service: Any, video: Any, kind: str, begins: bytes
    ) -> None:
        grant = (await playback(shared_service, video))["grant"]
        by_bearer = await shared_service.ask(
            "ada", "GET", video["thumbnails"]["small"], headers=accepting(f"image/{kind}")
        )
        name = f"small-{by_bearer.headers['ETag'].strip(chr(34))}.{kind}"

        by_grant = await shared_service.ask(None, "GET", f"/play/{grant}/{video['id']}/{name}")

        assert by_grant.headers["Content-Type"] == f"image/{kind}"
        assert by_grant.headers["Cache-Control"].startswith("private, max-age=")
        assert by_grant.headers["ETag"] == by_bearer.headers["ETag"]
        assert by_grant.body == by_bearer.body
        assert by_grant.body.startswith(begins)

    async def test_players_poster_is_a_jpeg(self, shared_service: Any, video: Any) -> None:
        told = await playback(shared_service, video)

        assert {url.rpartition(".")[2] for url in told["thumbnails"].values()} == {"jpg"}


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that requests make, and not those of the tasks beside them."""
    made: list[str] = []
    run = Database.run

    async def noted(self: Database, connection: Any, sql: str, parameters: Any = ()) -> Any:
        if "request_id" in structlog.contextvars.get_contextvars():
            made.append(sql)
        return await run(self, connection, sql, parameters)

    monkeypatch.setattr(Database, "run", noted)
    return made


class TestQueries:
    async def test_a_range_by_warm_bearer_makes_none(
        self, shared_service: Any, video: Any, queries: list[str]
    ) -> None:
        assert (await shared_service.ask("ada", "GET", stream_of(video))).status == 200
        queries.clear()

        for start in range(20):
            headers = {"Range": f"bytes={start}-{start + 99}"}
            answer = await shared_service.ask("ada", "GET", stream_of(video), headers=headers)
            assert answer.status == 206

        assert queries == []

    async def test_the_first_range_by_bearer_makes_two(
        self, shared_service: Any, video: Any, queries: list[str]
    ) -> None:
        who = await enrolled(shared_service, "cold")
        shared_service.app[keys.CATALOG].forget(UUID(video["id"]))
        queries.clear()

        assert (await shared_service.ask(who, "GET", stream_of(video))).status == 200

        assert len(queries) == 2

    @pytest.mark.asyncio(loop_scope="function")
    async def test_by_grant_makes_none_even_in_a_process_that_just_started(
        self, start_service: Any, mp4: Path, queries: list[str]
    ) -> None:
        first = await start_service()
        for path, body in (
            ("courses/c1", {"title": "One"}),
            ("courses/c1/enrollments/tess", {"role": "instructor"}),
            ("courses/c1/enrollments/ada", {"role": "student"}),
            ("courses/c1/modules/m1", {"title": "One", "position": 1}),
        ):
            await first.put(path, body)
        told = await playback(first, await first.ready_video(mp4))
        cold = await start_service()
        queries.clear()

        for url in (told["stream_url"], told["thumbnails"]["small"], told["stream_url"]):
            assert (await cold.ask(None, "GET", url)).status == 200
        asked = {"Range": "bytes=0-99"}
        answer = await cold.ask(None, "GET", told["stream_url"], headers=asked)

        assert answer.status == 206
        assert queries == []

    @pytest.mark.asyncio(loop_scope="function")
    async def test_a_withdrawal_is_known_to_a_process_that_just_started(
        self, start_service: Any, service: Any, mp4: Path
    ) -> None:
        video = await service.ready_video(mp4)
        student, teacher = [await playback(service, video, who) for who in ("ada", "tess")]
        deleted = await service.ready_video(mp4)
        lost = await playback(service, deleted, "tess")
        await change(service, "ada", "DELETE")
        assert (await service.ask("tess", "DELETE", f"videos/{deleted['id']}")).status == 204

        cold = await start_service()

        assert (await cold.ask(None, "GET", student["stream_url"])).said == REVOKED
        assert (await cold.ask(None, "GET", lost["stream_url"])).said == REVOKED
        assert (await cold.ask(None, "GET", teacher["stream_url"])).status == 200
