"""The adaptive ladder over HTTP: told of, opened by grant, kept for who plays it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from db.media import rungs
from handlers import keys
from tests.handlers.playback.files.laddering import publish_ladder
from tests.handlers.support.playing import playback

pytestmark = pytest.mark.asyncio(loop_scope="module")

HLS, DASH = "application/vnd.apple.mpegurl", "application/dash+xml"
LARGE, SMALL, SOUND = b"large" * 400, b"small" * 100, b"sound" * 20


@dataclass(frozen=True)
class Shelved:
    """Files of a ladder as a worker publishes them, by stem."""

    video: Any
    names: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shelved(shared_service: Any, mp4: Path, tmp_path_factory: Any) -> Shelved:
    video = await shared_service.ready_video(mp4)
    directory = tmp_path_factory.mktemp("ladder")
    return Shelved(video, await publish(shared_service, video, directory))


async def publish(service: Any, video: Any, directory: Path, text: bytes = b"#") -> dict[str, str]:
    """Publishes two picture sizes, sound and playlists; returns the names by stem."""
    contents = {
        "v720.mp4": LARGE,
        "v240.mp4": SMALL,
        "audio.m4a": SOUND,
        "captions_en.vtt": b"WEBVTT\n",
        "dash.mpd": b"<MPD/>" + text,
        "hls.m3u8": b"#EXTM3U\n" + text,
    }
    return await publish_ladder(service, video, directory, contents)


async def test_the_video_lists_its_picture_sizes(shared_service: Any, shelved: Shelved) -> None:
    answer = await shared_service.ask("ada", "GET", f"videos/{shelved.video['id']}")

    common = {"bitrate": 1000, "state": "ready"}
    assert answer.json["renditions"] == [
        {"height": 720, "width": 1280, "codecs": "avc1.64001F", "size": len(LARGE), **common},
        {"height": 240, "width": 426, "codecs": "avc1.640015", "size": len(SMALL), **common},
    ]


async def test_playback_names_playlists_and_sizes(shared_service: Any, shelved: Shelved) -> None:
    told = await playback(shared_service, shelved.video)

    base = f"/play/{told['grant']}/{shelved.video['id']}/"
    assert told["hls_url"] == base + shelved.names["hls.m3u8"]
    assert told["dash_url"] == base + shelved.names["dash.mpd"]
    assert told["sizes"] == [
        {"height": 720, "bytes": len(LARGE) + len(SOUND)},
        {"height": 240, "bytes": len(SMALL) + len(SOUND)},
        {"height": None, "bytes": len(SOUND)},
    ]


@pytest.mark.parametrize(
    ("stem", "media_type", "content"),
    [
        ("v720.mp4", 'video/mp4; codecs="avc1.64001F"', LARGE),
        ("v240.mp4", 'video/mp4; codecs="avc1.640015"', SMALL),
        ("audio.m4a", 'audio/mp4; codecs="mp4a.40.2"', SOUND),
        ("captions_en.vtt", "text/vtt; charset=utf-8", b"WEBVTT\n"),
        ("hls.m3u8", HLS, b"#EXTM3U\n#"),
        ("dash.mpd", DASH, b"<MPD/>#"),
    ],
)
async def test_files_are_served_as_ranges_of_their_type(
    shared_service: Any, shelved: Shelved, stem: str, media_type: str, content: bytes
) -> None:
    told = await playback(shared_service, shelved.video)
    url = told["hls_url"].rpartition("/")[0] + "/" + shelved.names[stem]

    whole = await shared_service.ask(None, "GET", url)
    part = await shared_service.ask(None, "GET", url, headers={"Range": "bytes=2-5"})

    assert (whole.said, whole.headers["Content-Type"], whole.body) == ("200", media_type, content)
    assert (part.status, part.body) == (206, content[2:6])
    assert part.headers["Content-Range"] == f"bytes 2-5/{len(content)}"
    assert part.headers["ETag"] == f'"{shelved.names[stem].partition("-")[2].split(".")[0]}"'


async def test_a_grant_from_before_the_ladder_opens_it(
    shared_service: Any, mp4: Path, tmp_path: Path
) -> None:
    video = await shared_service.ready_video(mp4)
    told = await playback(shared_service, video)
    names = await publish(shared_service, video, tmp_path)
    url = told["stream_url"].rpartition("/")[0] + "/" + names["v240.mp4"]

    answer = await shared_service.ask(None, "GET", url)

    assert (answer.said, answer.body) == ("200", SMALL)
    assert answer.headers["Content-Type"] == 'video/mp4; codecs="avc1.640015"'


async def test_what_is_superseded_stays_open_to_who_plays_it(
    shared_service: Any, mp4: Path, tmp_path: Path
) -> None:
    video = await shared_service.ready_video(mp4)
    before = await publish(shared_service, video, tmp_path)
    old = await playback(shared_service, video)
    async with shared_service.app[keys.DATABASE].transaction() as transaction:
        await rungs.publish(transaction, UUID(video["id"]), [], [])
    shared_service.app[keys.CATALOG].forget(UUID(video["id"]))
    new = await playback(shared_service, video)

    assert (new["hls_url"], new["sizes"]) == (None, [])
    assert (await shared_service.ask(None, "GET", old["hls_url"])).said == "200"
    for told in (old, new):
        url = f"/play/{told['grant']}/{video['id']}/{before['v720.mp4']}"
        assert (await shared_service.ask(None, "GET", url)).body == LARGE


async def test_a_ladder_of_another_source_is_not_offered(
    shared_service: Any, mp4: Path, tmp_path: Path
) -> None:
    video = await shared_service.ready_video(mp4)
    await publish(shared_service, video | {"sha256": "0" * 64}, tmp_path)

    told = await playback(shared_service, video)

    assert (told["hls_url"], told["dash_url"], told["sizes"]) == (None, None, [])


@pytest.mark.parametrize("name", ["v720-0000000000000000.mp4", "audio-0000000000000000.m4a"])
async def test_files_that_no_row_names_are_not_found(
    shared_service: Any, shelved: Shelved, name: str
) -> None:
    told = await playback(shared_service, shelved.video)
    url = told["hls_url"].rpartition("/")[0] + "/" + name

    assert (await shared_service.ask(None, "GET", url)).said == "404 not-found"
