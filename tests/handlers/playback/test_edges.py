"""Edges over HTTP: the addresses they get, the answer they ask for, the origin they fetch from."""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from handlers import keys
from handlers.pages.policies import Policies
from storage.paths import asset_name
from tests.handlers.conftest import Service, StartService, furnish
from tests.handlers.playback.files.test_ladders import LARGE, SOUND, publish
from tests.handlers.support.playing import REVOKED, becomes, change, enrolled, playback
from tests.harness.waiting import wait_until
from tests.harness.wire import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

CDN = "https://cdn.example.org"
SECRET = "the origin's secret of thirty-two bytes"
KEY = "k" * 32
NOT_AN_EDGE = "403 not-allowed"
RUNGS = tuple(
    asset_name(stem, hashlib.sha256(content).hexdigest(), extension)
    for stem, extension, content in (("v720", "mp4", LARGE), ("audio", "m4a", SOUND))
)
WEBVTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
BY_EDGE = {"X-Origin-Secret": SECRET}


@dataclass(frozen=True)
class Edged:
    """A service with an edge in front, and a video that it keeps."""

    service: Service
    video: Any

    async def playback(self, who: str = "ada", **options: Any) -> Any:
        path = f"videos/{self.video['id']}/playback"
        answer = await self.service.ask(who, "POST", path, **options)
        assert answer.status == 201, answer.body
        return answer

    async def asset(self) -> str:
        told = (await self.playback()).json
        return str(told["stream_url"].rpartition("/")[2])


async def edged(start: StartService, mp4: Path, directory: Path, **settings: str) -> Edged:
    service = await start(CDN_URL=CDN, **settings)
    await furnish(service)
    video = await service.ready_video(mp4)
    for what in ("captions/en", "chapters"):
        path = f"videos/{video['id']}/{what}"
        assert (await service.ask("tess", "PUT", path, data=WEBVTT)).status == 201
    await publish(service, video, directory)
    return Edged(service, video)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_grant(
    start_shared_service: StartService, mp4: Path, tmp_path_factory: pytest.TempPathFactory
) -> Edged:
    return await edged(start_shared_service, mp4, tmp_path_factory.mktemp("ladder"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def signed(
    start_shared_service: StartService, mp4: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    """Starts a service that signs in this form, on one database."""
    directory = tmp_path_factory.mktemp("keys")
    text_key, pem_key = directory / "key", directory / "K2JCJMDEHXQW5F.pem"
    text_key.write_text(KEY)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    started: dict[str, Edged] = {}

    async def start(form: str) -> Edged:
        if form not in started:
            key_file = str(pem_key if form == "cloudfront" else text_key)
            settings = {"CDN_SIGNING": form, "CDN_KEY_FILE": key_file, "CDN_ORIGIN_SECRET": SECRET}
            started[form] = await edged(start_shared_service, mp4, directory, **settings)
        return started[form]

    yield start


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin(signed: Any) -> Edged:
    found: Edged = await signed("secure-link")
    return found


def media_urls(told: Any) -> list[str]:
    return [
        told["stream_url"],
        *(source["url"] for source in told["sources"]),
        *told["thumbnails"].values(),
        *(caption["url"] for caption in told["captions"]),
        told["chapters_url"],
        *(told["storyboard_url"], told["hls_url"], told["dash_url"]),
    ]


def is_soon(told: Any, name: str, low_s: float, high_s: float) -> bool:
    left = datetime.fromisoformat(told[name]) - datetime.now(UTC)
    return low_s - 5 < left.total_seconds() <= high_s


class TestAddresses:
    async def test_by_grant_media_alone_are_at_the_edge(self, by_grant: Edged) -> None:
        told = (await by_grant.playback()).json

        base = f"{CDN}/play/{told['grant']}/{by_grant.video['id']}/"
        assert len(media_urls(told)) == 10
        assert all(url.startswith(base) for url in media_urls(told))
        assert told["events_url"] == f"/play/{told['grant']}/events"
        assert told["media_expires_at"] == told["expires_at"]

    @pytest.mark.parametrize(
        ("form", "base"),
        [
            ("secure-link", r"/c/\d{10}/[\w-]{22}/{video}/"),
            ("hmac", r"/c/\d{10}/[\w-]{43}/{video}/"),
            (
                "bunny",
                r"/bcdn_token=HS256-[\w-]{43}&token_path=%2Fmedia%2F{video}%2F&expires=\d{10}"
                r"/media/{video}/",
            ),
            ("cloudfront", r"/media/{video}/"),
        ],
    )
    async def test_signed_media_end_before_the_grant(
        self, signed: Any, form: str, base: str
    ) -> None:
        edge: Edged = await signed(form)

        told = (await edge.playback()).json

        begins = re.compile(re.escape(CDN) + base.replace("{video}", edge.video["id"]))
        assert all(begins.match(url) for url in media_urls(told))
        assert all(told["grant"] not in url for url in media_urls(told))
        assert told["events_url"] == f"/play/{told['grant']}/events"
        assert is_soon(told, "media_expires_at", 600, 900)
        assert is_soon(told, "expires_at", 6 * 3600, 6 * 3600)

    async def test_cloudfront_gets_cookies_and_no_other(self, signed: Any) -> None:
        edge: Edged = await signed("cloudfront")
        host = {"Host": "learn.example.org"}

        answer = await edge.playback(headers=host)

        cookies = answer.headers.getall("Set-Cookie")
        assert sorted(cookie.partition("=")[0] for cookie in cookies) == [
            *("CloudFront-Key-Pair-Id", "CloudFront-Policy", "CloudFront-Signature")
        ]
        scope = f"Domain=example.org; HttpOnly; Max-Age=\\d+; Path=/media/{edge.video['id']}/"
        assert all(re.search(scope, cookie) for cookie in cookies)
        assert "Set-Cookie" not in (await (await signed("bunny")).playback()).headers

    async def test_renewal_goes_on_with_the_session(self, origin: Edged) -> None:
        first = (await origin.playback()).json

        again = (await origin.playback(body={"session_id": first["session_id"]})).json

        assert again["session_id"] == first["session_id"]
        assert is_soon(again, "media_expires_at", 600, 900)

    async def test_without_an_edge_media_are_here(self, shared_service: Any, video: Any) -> None:
        told = await playback(shared_service, video)

        assert told["stream_url"].startswith(f"/play/{told['grant']}/")
        assert told["media_expires_at"] == told["expires_at"]

    async def test_pages_may_fetch_from_the_edge(self, by_grant: Edged) -> None:
        addresses = by_grant.service.app[keys.MEDIA_ADDRESSES]

        policy = Policies((), addresses.origin).of("index.html").split("; ")
        assert f"img-src 'self' {CDN} blob:" in policy
        assert f"media-src 'self' {CDN} blob:" in policy
        assert f"connect-src 'self' {CDN}" in policy


def authorise_path(told: Any, video: Any) -> str:
    return f"/play/{told['grant']}/{video['id']}/authorise"


class TestAuthorise:
    async def test_a_grant_that_stands_is_204_without_a_body(self, by_grant: Edged) -> None:
        path = authorise_path((await by_grant.playback()).json, by_grant.video)

        for method in ("GET", "HEAD"):
            answer = await by_grant.service.ask(None, method, path)
            assert (answer.status, answer.body) == (204, b"")
            life = re.fullmatch(r"private, max-age=(\d+)", answer.headers["Cache-Control"])
            assert life is not None
            assert 6 * 3600 - 5 < int(life[1]) <= 6 * 3600

    @pytest.mark.parametrize(
        "condition",
        ["If-None-Match: *", 'If-Match: "x"', "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"],
    )
    async def test_preconditions_mean_nothing(self, by_grant: Edged, condition: str) -> None:
        path = authorise_path((await by_grant.playback()).json, by_grant.video)

        async with connected(by_grant.service.url) as wire:
            answer = await wire.ask(f"GET {path} HTTP/1.1", "Host: x", condition, "Range: bytes=0-")

        assert answer.status == 204

    async def test_a_bad_grant_is_401_without_a_body(self, by_grant: Edged) -> None:
        answer = await by_grant.service.ask(
            None, "GET", authorise_path({"grant": "x.y.z"}, by_grant.video)
        )

        assert (answer.status, answer.body) == (401, b"")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("video_id", [str(UUID(int=0)), "no-uuid"])
    async def test_another_video_is_403_without_a_body(
        self, by_grant: Edged, video_id: str
    ) -> None:
        told = (await by_grant.playback()).json

        answer = await by_grant.service.ask(None, "GET", authorise_path(told, {"id": video_id}))

        assert (answer.status, answer.body) == (403, b"")

    async def test_withdrawal_is_heeded(self, by_grant: Edged) -> None:
        who = await enrolled(by_grant.service, "withdrawn")
        path = authorise_path((await by_grant.playback(who)).json, by_grant.video)

        await change(by_grant.service, who, "DELETE")

        await wait_until(
            lambda: by_grant.service.ask(None, "GET", path),
            lambda answer: (answer.status, answer.body) == (403, b""),
            within_s=5,
        )

    async def test_it_counts_for_no_limit(
        self, start_shared_service: StartService, by_grant: Edged
    ) -> None:
        limited = await start_shared_service(STREAM_RATE_LIMIT="1/hour")
        told = await playback(limited, by_grant.video, "tess")
        path = authorise_path(told, by_grant.video)

        statuses = [(await limited.ask(None, "GET", path)).status for _ in range(10)]

        assert statuses == [204] * 10
        media = [(await limited.ask(None, "GET", told["stream_url"])).status for _ in range(2)]
        assert media[-1] == 429


class TestOrigin:
    async def test_an_edge_gets_the_bytes_of_every_other_client(self, origin: Edged) -> None:
        told = (await origin.playback()).json
        path = f"/media/{origin.video['id']}/{await origin.asset()}"
        by_play = f"/play/{told['grant']}/{path.removeprefix('/media/')}"

        for headers in ({}, {"Range": "bytes=5-99"}, {"Range": "bytes=-7"}, {"Range": "bytes=9e9"}):
            ours = await origin.service.ask(None, "GET", path, headers=BY_EDGE | headers)
            theirs = await origin.service.ask(None, "GET", by_play, headers=headers)
            assert (ours.status, ours.body) == (theirs.status, theirs.body)
            for name in ("Content-Type", "ETag", "Last-Modified", "Content-Range", "Accept-Ranges"):
                assert ours.headers.get(name) == theirs.headers.get(name)
            assert ours.headers["Cache-Control"] == "public, max-age=900, s-maxage=31536000"

    async def test_every_address_of_a_playback_is_there(self, origin: Edged) -> None:
        told = (await origin.playback()).json

        names = [url.partition(origin.video["id"] + "/")[2] for url in media_urls(told)]
        for name in (*names, *RUNGS):
            path = f"/media/{origin.video['id']}/{name}"
            for method in ("GET", "HEAD"):
                answer = await origin.service.ask(None, method, path, headers=BY_EDGE)
                assert answer.status == 200, path
                assert answer.headers["Cache-Control"].startswith("public, ")
            known = {"If-None-Match": answer.headers["ETag"]}
            answer = await origin.service.ask(None, "GET", path, headers=BY_EDGE | known)
            assert answer.status == 304

    async def test_the_sheets_of_a_storyboard_are_there(self, origin: Edged) -> None:
        told = (await origin.playback()).json
        directory = f"/media/{origin.video['id']}/"
        cues_path = directory + told["storyboard_url"].rpartition("/")[2]
        cues = await origin.service.ask(None, "GET", cues_path, headers=BY_EDGE)
        (sheet, *_) = re.findall(r"storyboard-\w+\.jpg", cues.body.decode())

        answer = await origin.service.ask(None, "GET", directory + sheet, headers=BY_EDGE)

        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-Origin-Secret": ""},
            {"X-Origin-Secret": SECRET[:-1]},
            {"X-Origin-Secret": SECRET + "x"},
            [("X-Origin-Secret", SECRET), ("X-Origin-Secret", SECRET)],
            {"X-Origin-Secret": "é" * 20},
            {"Authorization": f"Bearer {SECRET}"},
        ],
        ids=["none", "empty", "short", "long", "twice", "not ASCII", "in another header"],
    )
    async def test_others_get_nothing(self, origin: Edged, headers: Any) -> None:
        there = f"/media/{origin.video['id']}/{await origin.asset()}"
        beside = [f"/media/{origin.video['id']}/{name}" for name in ("captions/en", "chapters")]

        for path in (there, *beside, f"/media/{uuid4()}/nothing", "/media/x/y"):
            assert (await origin.service.ask(None, "GET", path, headers=headers)).said == (
                NOT_AN_EDGE
            )

    async def test_without_a_secret_there_is_no_edge(self, by_grant: Edged) -> None:
        path = f"/media/{by_grant.video['id']}/{await by_grant.asset()}"

        for headers in ({}, {"X-Origin-Secret": ""}, BY_EDGE):
            assert (await by_grant.service.ask(None, "GET", path, headers=headers)).said == (
                NOT_AN_EDGE
            )

    @pytest.mark.parametrize(
        "name",
        [
            *("original.mp4", "..%2foriginal.mp4", "source-0000000000000000.mp4", "nothing"),
            *("small-0000000000000000.jpg", "captions/de", "in-s3"),
        ],
    )
    async def test_what_is_not_there_is_404(self, origin: Edged, name: str) -> None:
        path = f"/media/{origin.video['id']}/{name}"

        assert (await origin.service.ask(None, "GET", path, headers=BY_EDGE)).said == (
            "404 not-found"
        )

    async def test_a_video_in_the_making_is_409(self, origin: Edged) -> None:
        path = f"/media/{await origin.service.video_row()}/nothing"

        assert (await origin.service.ask(None, "GET", path, headers=BY_EDGE)).said == (
            "409 not-ready"
        )

    async def test_edges_are_exempt_from_limits_and_repeat(
        self, start_shared_service: StartService, origin: Edged
    ) -> None:
        limited = await start_shared_service(
            CDN_URL=CDN, CDN_ORIGIN_SECRET=SECRET, STREAM_RATE_LIMIT="1/hour"
        )
        path = f"/media/{origin.video['id']}/{await origin.asset()}"
        lines = (f"GET {path} HTTP/1.1", "Host: x", f"X-Origin-Secret: {SECRET}")
        whole = await limited.ask(None, "GET", path, headers=BY_EDGE)

        async with connected(limited.url) as wire:
            answers = [await wire.ask(*lines, f"Range: bytes={n}-{n + 9}") for n in range(9)]

        assert [answer.body for answer in answers] == [whole.body[n : n + 10] for n in range(9)]
        assert limited.app[keys.RANGE_SHORTCUT].answered.total() > 0

    async def test_a_deleted_video_is_refused_within_five_seconds(
        self, origin: Edged, mp4: Path
    ) -> None:
        service, video = origin.service, await origin.service.ready_video(mp4)
        told = (await Edged(service, video).playback()).json
        path = f"/media/{video['id']}/{told['stream_url'].rpartition('/')[2]}"
        lines = (f"GET {path} HTTP/1.1", "Host: x", f"X-Origin-Secret: {SECRET}")
        async with connected(service.url) as wire:
            for _ in range(3):
                assert (await wire.ask(*lines, "Range: bytes=0-9")).status == 206

            assert (await service.ask("root", "DELETE", f"videos/{video['id']}")).status == 204

            await wait_until(
                lambda: wire.ask(*lines, "Range: bytes=0-9"),
                lambda answer: answer.status == 404,
                within_s=5,
            )


async def test_a_grant_ends_everywhere_by_withdrawal(by_grant: Edged) -> None:
    """The address at the edge names the same path of the origin, which its cache is filled from."""
    who = await enrolled(by_grant.service, "filler")
    told = (await by_grant.playback(who)).json
    path = told["stream_url"].removeprefix(CDN)
    assert (await by_grant.service.ask(None, "GET", path)).status == 200

    await change(by_grant.service, who, "DELETE")

    await becomes(by_grant.service, path, REVOKED)
