"""Published files that are not as recorded: never sent as if they were, told of, repaired."""

import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from events.upkeep.damage import Repairs
from handlers import keys
from handlers.access.grants import PlaybackGrant
from tests.handlers.support.playing import playback, stream_of
from tests.harness.waiting import wait_until
from tests.harness.wire import connected

ETAG_SHARE = 16


def file_of(service: Any, video: Any, pattern: str) -> Path:
    directory = service.app[keys.STORAGE].video_dir(video["course_id"], UUID(video["id"]))
    [found] = directory.glob(pattern)
    path: Path = found
    return path


async def readiness(service: Any) -> tuple[int, dict[str, str]]:
    answer = await service.ask(None, "GET", "/readyz")
    return answer.status, answer.json["details"]


def change(path: Path, how: str) -> None:
    size_bytes = path.stat().st_size
    if how == "other bytes":
        path.write_bytes(bytes(size_bytes))
    else:
        os.truncate(path, {"cut": size_bytes // 2, "empty": 0, "longer": size_bytes + 1}[how])


@pytest.mark.parametrize("how", ["cut", "empty", "longer"])
async def test_a_file_of_another_length_is_not_sent(service: Any, mp4: Path, how: str) -> None:
    video = await service.ready_video(mp4)
    change(file_of(service, video, "source-*"), how)
    granted = (await playback(service, video))["stream_url"]
    etag = f'"{video["sha256"][:ETAG_SHARE]}"'

    for who, path in (("ada", stream_of(video)), (None, granted)):
        for method, headers in (
            ("GET", {}),
            ("HEAD", {}),
            ("GET", {"Range": "bytes=0-9"}),
            ("GET", {"Range": "bytes=-1"}),
            ("GET", {"Range": "bytes=10-", "If-Range": etag}),
        ):
            answer = await service.ask(who, method, path, headers=headers)
            assert answer.status == 503, (who, method, headers)
            assert "ETag" not in answer.headers
            assert method == "HEAD" or answer.said == "503 unavailable"
    status, details = await readiness(service)
    assert (status, list(details)) == (200, ["damaged_files"])
    assert details["damaged_files"].startswith("1 not as recorded")
    scraped = (await service.ask("svc", "GET", "/metrics")).body.decode()
    assert "coursestream_damaged_files 1.0" in scraped
    assert "coursestream_damaged_files_noted_total 1.0" in scraped


@pytest.mark.parametrize("how", ["cut", "other bytes"])
@pytest.mark.parametrize(
    ("pattern", "key"),
    [("small-*.jpg", "thumbnail"), ("storyboard-*.vtt", "storyboard")],
    ids=["picture", "cues"],
)
async def test_a_damaged_picture_is_not_sent(
    service: Any, mp4: Path, pattern: str, key: str, how: str
) -> None:
    video = await service.ready_video(mp4)
    played = await playback(service, video)
    granted = played["storyboard_url"] if key == "storyboard" else played["thumbnails"]["small"]
    change(file_of(service, video, pattern), how)

    assert (await service.ask(None, "GET", granted)).said == "503 unavailable"
    assert len(service.app[keys.DAMAGED_FILES]) == 1


@pytest.mark.parametrize("by", ["grant", "bearer"])
async def test_a_file_that_shrinks_under_repeated_requests(
    service: Any, mp4: Path, by: str
) -> None:
    """A running transfer is cut short with its connection; later requests get 503."""
    video = await service.ready_video(mp4)
    path = file_of(service, video, "source-*")
    if by == "grant":
        target, fields = (await playback(service, video))["stream_url"], []
    else:
        target = stream_of(video)
        fields = [f"Authorization: {service.client('ada').headers['Authorization']}"]
    lines = [f"GET {target} HTTP/1.1", "Host: x", *fields]
    last = path.stat().st_size - 1
    async with connected(service.url) as wire:
        for _ in range(3):
            assert (await wire.ask(*lines, f"Range: bytes=0-{last}")).status == 206
        os.truncate(path, 1000)
        await wire.send(*lines, f"Range: bytes=0-{last}")
        head = await wire.head()
        body = await wire.rest()
    async with connected(service.url) as wire:
        answers = [(await wire.ask(*lines, f"Range: bytes={first}-9")).status for first in (0, 5)]

    assert (head.status, len(body)) == (206, 1000), "never padded"
    assert answers == [503, 503]


async def test_a_file_that_is_put_back_is_sent_again(service: Any, mp4: Path) -> None:
    video = await service.ready_video(mp4)
    path = file_of(service, video, "source-*")
    content = path.read_bytes()
    change(path, "cut")
    assert (await service.ask("ada", "GET", stream_of(video))).said == "503 unavailable"

    path.write_bytes(content)

    answer = await service.ask("ada", "GET", stream_of(video))
    assert (answer.said, answer.body) == ("200", content)
    await wait_until(lambda: readiness(service), lambda found: not found[1], within_s=15)


async def test_a_file_that_is_lost_is_not_said_to_be_none(service: Any, mp4: Path) -> None:
    """Its row tells of it: 404 would have players and caches give it up."""
    video = await service.ready_video(mp4)
    granted = (await playback(service, video))["stream_url"]
    file_of(service, video, "source-*").unlink()

    assert (await service.ask("ada", "GET", stream_of(video))).said == "503 unavailable"
    assert (await service.ask(None, "GET", granted)).said == "503 unavailable"


async def test_a_grant_from_before_lengths_were_in_it_still_opens_its_video(
    service: Any, mp4: Path
) -> None:
    video = await service.ready_video(mp4)
    url = (await playback(service, video))["stream_url"]
    _, _, token, *rest = url.split("/")
    grants = service.app[keys.GRANTS]
    grant: PlaybackGrant = grants.playback(token)
    assert list(grant.sizes_bytes.values()) == [video["size"]]
    old = PlaybackGrant(
        user_id=grant.user_id,
        roles=grant.roles,
        expires_at=grant.expires_at,
        video_id=grant.video_id,
        course_id=grant.course_id,
        version=grant.version,
        duration_s=grant.duration_s,
        media_types=grant.media_types,
    )
    old_url = "/".join(["", "play", grants.mint(old), *rest])

    assert (await service.ask(None, "GET", old_url)).status == 200
    change(file_of(service, video, "source-*"), "cut")
    service.app[keys.OPEN_FILES].forget(file_of(service, video, "source-*"))
    assert (await service.ask(None, "GET", old_url)).said == "503 unavailable"


async def jobs_of(service: Any) -> int:
    rows = await service.app[keys.DATABASE].fetch_all(
        "SELECT 1 FROM procrastinate_jobs WHERE status = 'todo'"
    )
    return len(rows)


async def forget_jobs(service: Any) -> None:
    async with service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute("DELETE FROM procrastinate_jobs")


@pytest.mark.parametrize("how", ["cut", "other bytes"])
@pytest.mark.parametrize("pattern", ["small-*.jpg", "storyboard-*.vtt"])
async def test_what_can_be_made_again_is(service: Any, mp4: Path, pattern: str, how: str) -> None:
    video = await service.ready_video(mp4)
    await forget_jobs(service)
    played = await playback(service, video)
    granted = played["storyboard_url" if "vtt" in pattern else "thumbnails"]
    granted = granted if isinstance(granted, str) else granted["small"]
    path = file_of(service, video, pattern)
    whole = path.read_bytes()
    change(path, how)
    damaged = service.app[keys.DAMAGED_FILES]
    repairs = Repairs(service.app[keys.DATABASE], service.app[keys.STORAGE], damaged)
    assert (await service.ask(None, "GET", granted)).said == "503 unavailable"

    for _ in range(3):
        await repairs.look()
    assert await jobs_of(service) == 1
    await service.process(video["id"])

    assert path.read_bytes() == whole
    assert (await service.ask(None, "GET", granted)).status == 200


async def test_a_video_is_made_again_from_its_original(service: Any, mp4: Path) -> None:
    video = await service.ready_video(mp4)
    path = file_of(service, video, "source-*")
    whole = path.read_bytes()
    path.with_name("original.mp4").write_bytes(mp4.read_bytes())
    change(path, "cut")
    damaged = service.app[keys.DAMAGED_FILES]
    assert (await service.ask("ada", "GET", stream_of(video))).said == "503 unavailable"

    await Repairs(service.app[keys.DATABASE], service.app[keys.STORAGE], damaged).look()
    await service.process(video["id"])

    assert path.read_bytes() == whole
    assert await service.is_soon("200", "ada", "GET", stream_of(video))


async def test_a_video_without_an_original_waits_for_a_person(service: Any, mp4: Path) -> None:
    video = await service.ready_video(mp4)
    await forget_jobs(service)
    path = file_of(service, video, "source-*")
    change(path, "cut")
    stump = path.read_bytes()
    damaged = service.app[keys.DAMAGED_FILES]
    assert (await service.ask("ada", "GET", stream_of(video))).said == "503 unavailable"

    await Repairs(service.app[keys.DATABASE], service.app[keys.STORAGE], damaged).look()

    shown = await service.ask("ada", "GET", f"videos/{video['id']}")
    assert (shown.json["status"], await jobs_of(service)) == ("ready", 0)
    assert (path.read_bytes(), len(damaged)) == (stump, 1)
