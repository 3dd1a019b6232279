"""Replacing a video's film, by form and by tus: the one before plays until the new one is ready."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from events.upkeep.replaced_files import sweep
from handlers import keys
from tests.handlers.support.playing import playback, stream_of, write_filled_mp4
from tests.handlers.uploads.tusing import VERSION, create, created, metadata, patch
from tests.harness.waiting import wait_until
from tests.harness.wire import connected

FINISHED = {"status": "ready", "replacement": None}


async def put_file(service: Any, video: Any, content: bytes, who: str = "tess") -> Any:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", content, filename="better.webm")
    return await service.ask(who, "PUT", f"videos/{video['id']}/file", data=form)


async def shown(service: Any, video: Any) -> Any:
    return (await service.ask("tess", "GET", f"videos/{video['id']}")).json


async def switched(service: Any, video: Any) -> Any:
    """The video, when the media worker has done its job and this process has heard of it."""
    await service.process(video["id"])

    async def look() -> Any:
        return await shown(service, video)

    return await wait_until(look, lambda one: one["sha256"] != video["sha256"], within_s=5)


async def a_minute_passes(service: Any) -> None:
    await sweep(service.app[keys.DATABASE], service.app[keys.STORAGE], 0.0)
    await service.app[keys.OPEN_FILES].forget_removed()


async def test_a_film_sent_by_form_replaces_the_one_before(
    service: Any, mp4: Path, webm: Path
) -> None:
    video = await service.ready_video(mp4)

    answer = await put_file(service, video, webm.read_bytes())

    assert answer.said == "200"
    waiting = {"replacement": {"processing_ratio": 0, "failure": None}}
    assert answer.json == video | waiting | {"updated_at": answer.json["updated_at"]}
    bytes_now = await service.ask("ada", "GET", stream_of(video))
    assert bytes_now.headers["ETag"] == f'"{video["sha256"][:16]}"'

    after = await switched(service, video)
    kept = ("id", "title", "module_id", "created_at", "captions")
    assert {name: after[name] for name in kept} == {name: video[name] for name in kept}
    assert after.items() >= FINISHED.items()
    assert (after["original_filename"], after["formats"]) == ("better.webm", ["webm"])
    assert after["original_size"] == webm.stat().st_size


async def test_a_film_sent_by_tus_replaces_the_one_before(
    service: Any, mp4: Path, webm: Path
) -> None:
    video, content = await service.ready_video(mp4), webm.read_bytes()
    said = metadata(replaces=video["id"], filename="better.webm", title="Ignored")
    location = await created(service, len(content), **{"Upload-Metadata": said})

    (open_upload,) = (await service.ask("tess", "GET", "uploads")).json["items"]
    assert (open_upload["replaces"], open_upload["title"]) == (video["id"], video["title"])
    await patch(service, location, 0, content[:1000])
    assert (await shown(service, video))["replacement"] is None
    answer = await patch(service, location, 1000, content[1000:])

    assert (answer.said, answer.headers["X-Video-ID"]) == ("204", video["id"])
    after = await switched(service, video)
    assert (after["title"], after["original_filename"]) == (video["title"], "better.webm")
    listed = (await service.ask("tess", "GET", "modules/m1/videos")).json["items"]
    assert [one["id"] for one in listed] == [video["id"]]


async def test_after_the_switch_the_validators_of_the_film_before_match_nothing(
    service: Any, mp4: Path, webm: Path
) -> None:
    video = await service.ready_video(mp4)
    old = f'"{video["sha256"][:16]}"'
    part = {"Range": "bytes=10-19", "If-Range": old}
    path = stream_of(video)
    assert (await service.ask("ada", "GET", path, headers=part)).status == 206
    await put_file(service, video, webm.read_bytes())
    assert (await service.ask("ada", "GET", path, headers=part)).status == 206

    after = await switched(service, video)

    answer = await service.ask("ada", "GET", path, headers=part)
    assert (answer.status, len(answer.body)) == (200, after["size"])
    assert answer.headers["ETag"] == f'"{after["sha256"][:16]}"'
    unchanged = await service.ask("ada", "GET", path, headers={"If-None-Match": old})
    assert unchanged.status == 200


async def test_who_began_the_film_before_has_it_for_a_minute(
    service: Any, mp4: Path, webm: Path
) -> None:
    video = await service.ready_video(mp4)
    before = await playback(service, video)
    addresses = [before["stream_url"], before["thumbnails"]["small"], before["storyboard_url"]]
    for address in addresses:
        assert (await service.ask(None, "GET", address)).status == 200
    await put_file(service, video, webm.read_bytes())
    await switched(service, video)
    for address in addresses:
        assert (await service.ask(None, "GET", address)).status == 200

    await a_minute_passes(service)

    after = await playback(service, video)
    for address in addresses:
        assert address.rpartition("/")[2] not in str(after)
        assert (await service.ask(None, "GET", address)).said == "404 not-found"
    assert len(service.app[keys.DAMAGED_FILES]) == 0
    assert (await service.ask(None, "GET", after["stream_url"])).status == 200


async def test_a_running_transfer_ends_with_the_bytes_of_the_film_before(
    service: Any, mp4: Path, webm: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.mp4"
    await asyncio.to_thread(write_filled_mp4, mp4, large)
    video = await service.ready_video(large)
    address = (await playback(service, video))["stream_url"]
    async with connected(service.url) as wire:
        await wire.send(f"GET {address} HTTP/1.1", "Host: a", "Connection: close")
        head = await wire.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        start = await wire.reader.readexactly(1000)
        await put_file(service, video, webm.read_bytes())
        await switched(service, video)
        await a_minute_passes(service)
        rest = await wire.reader.read(-1)

    assert start + rest == await asyncio.to_thread(large.read_bytes)


async def test_what_is_no_film_changes_nothing(service: Any, mp4: Path) -> None:
    video = await service.ready_video(mp4)

    assert (await put_file(service, video, b"text")).said == "415 unsupported-format"
    assert (await put_file(service, video, b"")).said == "400 empty"
    said = metadata(replaces=video["id"])
    answer = await create(service, 4, data=b"text", **{"Upload-Metadata": said})
    assert answer.status in (415, 400)

    assert await shown(service, video) == video
    assert (await service.ask("tess", "GET", "uploads")).json["items"] == []


@pytest.mark.parametrize("who", ["tess", "root"])
async def test_a_video_that_is_not_there_is_not_replaced(service: Any, who: str) -> None:
    missing = {"tess": "403 not-enrolled", "root": "404 not-found"}[who]

    for replaces, said in ((str(uuid4()), missing), ("x", "400 invalid-request")):
        asked = {"Upload-Metadata": metadata(replaces=replaces)}
        assert (await create(service, 10, who, **asked)).said == said


async def test_an_upload_for_a_video_that_was_deleted_meanwhile_is_refused(
    service: Any, mp4: Path, webm: Path
) -> None:
    video, content = await service.ready_video(mp4), webm.read_bytes()
    said = metadata(replaces=video["id"])
    location = await created(service, len(content), **{"Upload-Metadata": said})
    await patch(service, location, 0, content[:-1])
    assert (await service.ask("tess", "DELETE", f"videos/{video['id']}")).said == "204"
    await wait_until(
        lambda: service.ask("root", "GET", f"videos/{video['id']}"), lambda seen: seen.status == 404
    )

    answer = await patch(service, location, len(content) - 1, content[-1:])

    assert answer.said == "403 not-enrolled"
    assert (await service.ask("tess", "POST", f"videos/{video['id']}/restore")).said == "200"
    answer = await patch(service, location, len(content) - 1, content[-1:])
    assert answer.headers["X-Video-ID"] == video["id"]
    await service.ask("tess", "DELETE", location, headers=VERSION)


async def test_a_licence_of_the_film_before_is_renewed_for_the_new_one(
    service: Any, mp4: Path, webm: Path
) -> None:
    video = await service.ready_video(mp4)
    body = {"height": 720}
    licence = (await service.ask("ada", "POST", f"videos/{video['id']}/offline", body)).json
    await put_file(service, video, webm.read_bytes())
    await switched(service, video)
    await a_minute_passes(service)

    kept = {"licence": licence["licence"]}
    renewed = await service.ask("ada", "POST", licence["renew_url"], kept)

    assert renewed.said == "201"
    names = [one["url"].rpartition("/")[2] for one in renewed.json["files"]]
    assert names[0] != licence["files"][0]["url"].rpartition("/")[2]
    assert (await service.ask(None, "GET", renewed.json["files"][0]["url"])).status == 200
    assert (await service.ask(None, "GET", licence["files"][0]["url"])).said == "404 not-found"


async def test_a_place_behind_the_end_of_a_shorter_film_is_its_beginning(
    service: Any, mp4: Path, webm: Path
) -> None:
    video = await service.ready_video(mp4)
    async with service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "INSERT INTO progress (user_id, video_id, course_id, position_s)"
            " VALUES ('ada', %s, 'c1', %s)",
            (video["id"], video["duration"] + 1000),
        )

    assert (await playback(service, video))["resume_position"] == 0
