"""Videos over HTTP: uploaded, listed, shown, renamed, deleted, restored."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db.videos import videos
from db.videos.video import NewVideo, ReceivedFile
from handlers import keys
from tests.handlers.uploads.uploading import IDENTITY_FILES
from tests.harness.waiting import wait_until

FIELDS = """
    id course_id module_id position title original_filename status failure processing_ratio duration
    width height frame_rate rotation container video_codec audio_codec mime_type size sha256
    original_size original_sha256 formats renditions audio_tracks thumbnails captions chapters_url
    replacement uploaded_by created_at updated_at
"""
MADE_LATER = ("size", "sha256", "original_sha256")


async def events_of(service: Any, video_id: str) -> list[str]:
    rows = await service.app[keys.DATABASE].fetch_all(
        "SELECT type FROM event_log WHERE video_id = %s ORDER BY id", (video_id,)
    )
    return [row.type for row in rows]


async def jobs_of(service: Any) -> int:
    row = await service.app[keys.DATABASE].fetch_one("SELECT count(*) AS n FROM procrastinate_jobs")
    return int(row.n)


async def test_upload_answers_with_the_video_to_be(service: Any, mp4: Path) -> None:
    data = {"title": "Lecture", "file": mp4.open("rb")}
    answer = await service.ask("tess", "POST", "modules/m1/videos", data=data)

    video = answer.json
    assert answer.said == "201"
    assert answer.headers["Location"] == f"/api/v1/videos/{video['id']}"
    assert list(video) == FIELDS.split()
    assert (video["title"], video["original_filename"]) == ("Lecture", "clock.mp4")
    assert (video["status"], video["processing_ratio"], video["failure"]) == ("processing", 0, None)
    assert (video["formats"], video["thumbnails"]) == ([], {})
    assert [video[name] for name in MADE_LATER] == [None] * 3
    assert video["created_at"].endswith("Z")
    assert (await service.ask("tess", "GET", answer.headers["Location"])).json == video
    assert await events_of(service, video["id"]) == ["video.uploaded"]


async def test_ready_video_tells_of_the_served_file(service: Any, mp4: Path) -> None:
    video = await service.ready_video(mp4)

    assert (video["status"], video["processing_ratio"]) == ("ready", 1)
    assert (video["container"], video["formats"]) == ("mp4", ["mp4"])
    assert video["mime_type"].startswith('video/mp4; codecs="avc1.')
    assert video["width"] > video["height"] > 0
    assert (video["rotation"], round(video["duration"])) == (0, 2)
    assert video["original_sha256"] == hashlib.sha256(mp4.read_bytes()).hexdigest()
    assert video["original_size"] == mp4.stat().st_size
    served = await service.ask("ada", "GET", f"videos/{video['id']}/stream")
    assert video["size"] == len(served.body)
    assert video["sha256"] == hashlib.sha256(served.body).hexdigest()
    assert list(video["thumbnails"]) == ["small", "medium", "large"]
    picture = await service.ask("ada", "GET", video["thumbnails"]["small"])
    assert picture.said == "200"
    assert picture.body.startswith(b"\xff\xd8\xff")


async def test_students_are_listed_what_is_ready(service: Any) -> None:
    made = [await service.video_row(status=status) for status in ("ready", "processing", "failed")]

    by_student = await service.ask("ada", "GET", "modules/m1/videos")
    by_teacher = await service.ask("tess", "GET", "modules/m1/videos")

    assert [video["id"] for video in by_student.json["items"]] == made[:1]
    assert [video["id"] for video in by_teacher.json["items"]] == made


async def test_failed_video_tells_why(service: Any) -> None:
    video_id = await service.video_row(status="failed")

    video = (await service.ask("tess", "GET", f"videos/{video_id}")).json

    assert video["failure"] == {"code": "undecodable", "detail": "It cannot be decoded."}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("status", "said", "has_retry_after"),
    [("processing", "409 not-ready", True), ("failed", "409 failed", False)],
)
@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("POST", "playback"),
        ("GET", "stream"),
        ("GET", "thumbnails/small"),
        ("GET", "thumbnails/unknown"),
    ],
)
async def test_video_that_cannot_be_watched(
    shared_service: Any, status: str, said: str, has_retry_after: bool, method: str, what: str
) -> None:
    video_id = await shared_service.video_row(status=status)

    answer = await shared_service.ask("ada", method, f"videos/{video_id}/{what}")

    assert answer.said == said
    assert ("Retry-After" in answer.headers) is has_retry_after


async def test_list_of_a_module_is_stable_while_rows_change(service: Any) -> None:
    made = [await service.video_row() for _ in range(7)]
    first = (await service.ask("tess", "GET", "modules/m1/videos?limit=3")).json

    for gone in (made[0], made[2], made[4]):
        await service.ask("tess", "DELETE", f"videos/{gone}")
    await service.ask("tess", "PATCH", f"videos/{made[5]}", {"title": "Renamed"})
    made.append(await service.video_row())
    cursor = first["next_cursor"]
    rest = (await service.ask("tess", "GET", f"modules/m1/videos?limit=4&cursor={cursor}")).json

    assert [video["id"] for video in first["items"]] == made[:3]
    assert [video["id"] for video in rest["items"]] == [made[3], *made[5:]]
    assert rest["next_cursor"] is None


async def test_videos_of_one_moment_are_each_listed_once(service: Any) -> None:
    made = {await service.video_row() for _ in range(5)}
    async with service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute("UPDATE videos SET created_at = now()")

    seen = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await service.ask("tess", "GET", f"modules/m1/videos?limit=2{cursor}")).json
        seen += [video["id"] for video in page["items"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None

    assert len(seen) == 5
    assert set(seen) == made


async def test_renamed_video_is_seen_and_published_once(service: Any) -> None:
    video_id = await service.video_row()
    before = (await service.ask("tess", "GET", f"videos/{video_id}")).json

    renamed = await service.ask("tess", "PATCH", f"videos/{video_id}", {"title": "New"})
    again = await service.ask("tess", "PATCH", f"videos/{video_id}", {"title": "New"})

    shown = (await service.ask("ada", "GET", f"videos/{video_id}")).json
    assert renamed.json == again.json == shown
    assert shown == {**before, "title": "New", "updated_at": shown["updated_at"]}
    assert shown["updated_at"] > before["updated_at"]
    assert await events_of(service, video_id) == ["video.updated"]


async def test_module_is_watched_in_the_order_of_positions(service: Any) -> None:
    first, second, third, unready = [
        await service.video_row(status=status) for status in ("ready",) * 3 + ("processing",)
    ]
    places = {third: 10, second: 20}
    for video_id, position in places.items():
        body = {"position": position}
        assert (await service.ask("tess", "PATCH", f"videos/{video_id}", body)).said == "200"

    course = (await service.ask("ada", "GET", "courses/c1")).json
    taught = (await service.ask("tess", "GET", "courses/c1")).json
    listed = (await service.ask("ada", "GET", "modules/m1/videos")).json["items"]

    shown = course["modules"][0]["videos"]
    assert [video["id"] for video in shown] == [third, second, first]
    assert [video["position"] for video in shown] == [10, 20, None]
    assert [video["id"] for video in taught["modules"][0]["videos"]][2:] == [first, unready]
    # A list that is paged keeps the order that nobody can change between two pages.
    assert [video["id"] for video in listed] == [first, second, third]
    assert [video["position"] for video in listed] == [None, 20, 10]


async def test_pages_of_a_module_lose_no_video_that_is_moved_meanwhile(service: Any) -> None:
    made = [await service.video_row() for _ in range(5)]
    first = (await service.ask("tess", "GET", "modules/m1/videos?limit=2")).json

    for position, video_id in enumerate(reversed(made)):
        await service.ask("tess", "PATCH", f"videos/{video_id}", {"position": position})
    path = f"modules/m1/videos?cursor={first['next_cursor']}"
    rest = (await service.ask("tess", "GET", path)).json

    assert [video["id"] for video in (*first["items"], *rest["items"])] == made


async def test_placed_video_is_published_once_and_keeps_its_place(service: Any) -> None:
    video_id = await service.video_row()
    path = f"videos/{video_id}"

    placed = await service.ask("tess", "PATCH", path, {"position": 7})
    again = await service.ask("tess", "PATCH", path, {"position": 7})
    await service.ask("tess", "DELETE", path)
    restored = await service.ask("tess", "POST", f"{path}/restore")
    both = await service.ask("tess", "PATCH", path, {"position": None, "title": "New"})

    assert placed.json == again.json
    assert (placed.json["position"], restored.json["position"]) == (7, 7)
    assert (both.json["position"], both.json["title"]) == (None, "New")
    changes = ["video.updated", "video.deleted", "video.updated", "video.updated"]
    assert await events_of(service, video_id) == changes


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"position": -1}, id="negative"),
        pytest.param({"position": 2**31}, id="too large"),
        pytest.param({"position": 1.5}, id="no whole number"),
        pytest.param({"position": "1"}, id="text"),
        pytest.param({"title": None, "position": 1}, id="no title"),
    ],
)
async def test_place_that_makes_no_sense_changes_nothing(service: Any, body: Any) -> None:
    video_id = await service.video_row()
    before = (await service.ask("tess", "GET", f"videos/{video_id}")).json

    answer = await service.ask("tess", "PATCH", f"videos/{video_id}", body)

    assert answer.said == "400 invalid-request"
    assert (await service.ask("tess", "GET", f"videos/{video_id}")).json == before


async def test_deleted_video_is_hidden_at_once(service: Any, mp4: Path) -> None:
    video = await service.ready_video(mp4)
    path = f"videos/{video['id']}"
    assert (await service.ask("ada", "GET", f"{path}/stream")).said == "200"

    assert (await service.ask("tess", "DELETE", path)).said == "204"

    for call in ("", "/stream", "/thumbnails/small", "/progress"):
        assert (await service.ask("ada", "GET", path + call)).said == "403 not-enrolled"
        assert (await service.ask("tess", "GET", path + call)).said == "403 not-enrolled"
        assert (await service.ask("root", "GET", path + call)).said == "404 not-found"
    assert (await service.ask("ada", "GET", "modules/m1/videos")).json["items"] == []
    assert (await service.ask("tess", "DELETE", path)).said == "403 not-enrolled"


async def test_grants_of_a_deleted_video_stop_and_go_on_when_it_is_restored(
    service: Any, mp4: Path
) -> None:
    video = await service.ready_video(mp4)
    path = f"videos/{video['id']}"
    playback = await service.ask("ada", "POST", f"{path}/playback", {})
    url = playback.json["stream_url"]
    assert (await service.ask(None, "GET", url)).said == "200"

    await service.ask("tess", "DELETE", path)
    assert await service.is_soon("403 not-enrolled", None, "GET", url)
    await service.ask("tess", "POST", f"{path}/restore")
    assert await service.is_soon("200", None, "GET", url)


async def test_restored_video_is_as_it_was(service: Any, mp4: Path) -> None:
    video = await service.ready_video(mp4)
    path = f"videos/{video['id']}"
    await service.ask("tess", "DELETE", path)

    restored = await service.ask("tess", "POST", f"{path}/restore")
    again = await service.ask("tess", "POST", f"{path}/restore")

    assert (restored.said, restored.json) == ("200", video)
    assert (again.said, again.json) == ("200", video)
    assert (await service.ask("ada", "GET", f"{path}/stream")).said == "200"
    assert (await events_of(service, video["id"]))[-2:] == ["video.deleted", "video.updated"]


async def test_video_restored_while_processing_is_taken_up_again(service: Any) -> None:
    video_id = await service.video_row()
    await service.ask("tess", "DELETE", f"videos/{video_id}")
    await service.process(video_id)  # the job came while it was hidden
    assert await jobs_of(service) == 0

    await service.ask("tess", "POST", f"videos/{video_id}/restore")

    assert await jobs_of(service) == 1


async def test_trash_is_kept_for_its_time_only(service: Any) -> None:
    video_id = await service.video_row()
    await service.ask("tess", "DELETE", f"videos/{video_id}")
    async with service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute("UPDATE videos SET deleted_at = now() - interval '24 hours 1 s'")

    path = f"videos/{video_id}/restore"
    assert (await service.ask("tess", "POST", path)).said == "403 not-enrolled"
    assert (await service.ask("root", "POST", path)).said == "404 not-found"


async def test_video_of_a_deleted_module_brings_it_back(service: Any) -> None:
    video_id, other = await service.video_row(), await service.video_row()
    await service.ask("tess", "DELETE", "courses/c1/modules/m1")

    assert (await service.ask("tess", "POST", f"videos/{video_id}/restore")).said == "200"

    listed = (await service.ask("tess", "GET", "modules/m1/videos")).json["items"]
    assert [video["id"] for video in listed] == [video_id]
    assert (await service.ask("root", "GET", f"videos/{other}")).said == "404 not-found"


async def test_deleted_course_comes_back_only_by_who_may_make_courses(service: Any) -> None:
    video_id = await service.video_row(status="ready")
    await service.ask("root", "DELETE", "courses/c1")
    path = f"videos/{video_id}/restore"

    assert (await service.ask("tess", "POST", path)).said == "403 not-enrolled"
    assert (await service.ask("root", "POST", path)).said == "200"

    listed = (await service.ask("ada", "GET", "modules/m1/videos")).json["items"]
    assert [video["id"] for video in listed] == [video_id]


async def test_upload_into_a_module_that_goes_meanwhile_leaves_nothing(
    service: Any, mp4: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = videos.insert

    async def insert_late(*arguments: Any) -> bool:
        await service.ask("root", "DELETE", "courses/c1/modules/m1")
        return await insert(*arguments)

    monkeypatch.setattr(videos, "insert", insert_late)

    answer = await service.ask("tess", "POST", "modules/m1/videos", data={"file": mp4.open("rb")})

    assert answer.said == "403 not-enrolled"
    root = service.app[keys.STORAGE].root
    assert {path.name for path in root.rglob("*") if path.is_file()} == IDENTITY_FILES
    assert await jobs_of(service) == 0


async def test_module_deleted_during_an_upload_waits_for_it_and_takes_it_along(
    service: Any,
) -> None:
    database = service.app[keys.DATABASE]
    async with database.transaction() as transaction:
        video_id = await service.video_row()
        existing = await videos.get(transaction, UUID(video_id))
        assert existing is not None
        file = ReceivedFile("a.mp4", "mp4", existing.media, 1, "tess")
        new = NewVideo(UUID(int=1), "c1", "m1", "Late", file)
        assert await videos.insert(transaction, new)
        deleting = asyncio.create_task(service.ask("tess", "DELETE", "courses/c1/modules/m1"))
        await asyncio.wait([deleting], timeout=0.2)
        assert not deleting.done()

    assert (await deleting).said == "204"
    assert await videos.get(database, new.id) is None


async def test_deleted_video_leaves_disk_and_descriptors_after_the_retention(
    start_service: Any, mp4: Path
) -> None:
    service = await start_service(TRASH_RETENTION="1s")
    await service.put("courses/c1", {"title": "Course"})
    await service.put("courses/c1/modules/m1", {"title": "Module", "position": 1})
    await service.put("courses/c1/enrollments/tess", {"role": "instructor"})
    video = await service.ready_video(mp4)
    path = f"/api/v1/videos/{video['id']}"
    grant = (await service.ask("tess", "POST", f"{path}/playback", {})).json["stream_url"]
    assert (await service.ask("tess", "GET", f"{path}/stream")).said == "200"
    files, storage = service.app[keys.OPEN_FILES], service.app[keys.STORAGE]
    assert len(files) == 1

    await service.ask("tess", "DELETE", path)
    directory = storage.video_dir("c1", UUID(video["id"]))
    await wait_until(lambda: not directory.exists() and not len(files))

    rows = await service.app[keys.DATABASE].fetch_all("SELECT id FROM videos")
    assert rows == []
    assert (await service.ask("tess", "POST", f"{path}/restore")).said == "403 not-enrolled"
    assert (await service.ask("root", "POST", f"{path}/restore")).said == "404 not-found"
    assert (await service.ask("root", "GET", path)).said == "404 not-found"
    assert (await service.ask(None, "GET", grant)).said == "403 not-enrolled"


async def test_restore_that_meets_the_sweep_finds_nothing(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = await service.video_row()
    await service.ask("tess", "DELETE", f"videos/{video_id}")
    restore = videos.restore

    async def too_late(transaction: Any, restored_id: UUID) -> bool:
        await transaction.execute("DELETE FROM videos WHERE id = %s", (video_id,))
        return await restore(transaction, restored_id)

    monkeypatch.setattr(videos, "restore", too_late)

    answer = await service.ask("root", "POST", f"videos/{video_id}/restore")

    assert answer.said == "404 not-found"
