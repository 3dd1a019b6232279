"""Courses and modules, over HTTP: made, changed, listed, shown, deleted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from handlers import keys


async def events_of(service: Any) -> list[str]:
    rows = await service.app[keys.DATABASE].fetch_all("SELECT type FROM event_log ORDER BY id")
    return [row.type for row in rows]


async def pages_of(service: Any, who: str, path: str, limit: int) -> list[list[Any]]:
    """The items of every page of a list."""
    pages = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await service.ask(who, "GET", f"{path}?limit={limit}{cursor}")
        assert answer.said == "200", answer
        pages.append(answer.json["items"])
        following = answer.json["next_cursor"]
        cursor = f"&cursor={following}" if following else None
    return pages


async def test_put_course_creates_then_renames(service: Any) -> None:
    made = await service.ask("root", "PUT", "courses/new", {"title": "New"})
    same = await service.ask("root", "PUT", "courses/new", {"title": "New"})
    renamed = await service.ask("svc", "PUT", "courses/new", {"title": "Newer"})

    assert [made.status, same.status, renamed.status] == [201, 200, 200]
    assert made.json == {"id": "new", "title": "New", "role": None}
    assert renamed.json == {"id": "new", "title": "Newer", "role": None}


async def test_put_module_creates_then_changes(service: Any) -> None:
    path = "courses/c1/modules/m9"
    made = await service.ask("tess", "PUT", path, {"title": "Nine", "position": 9})
    same = await service.ask("tess", "PUT", path, {"title": "Nine", "position": 9})
    moved = await service.ask("tess", "PUT", path, {"title": "Nine", "position": 0})

    assert [made.status, same.status, moved.status] == [201, 200, 200]
    assert made.json == {"id": "m9", "course_id": "c1", "title": "Nine", "position": 9}
    course = await service.ask("ada", "GET", "courses/c1")
    assert [module["id"] for module in course.json["modules"]] == ["m9", "m1"]


async def test_simultaneous_puts_create_once(service: Any) -> None:
    answers = await asyncio.gather(
        *(service.ask("root", "PUT", "courses/race", {"title": "Race"}) for _ in range(8))
    )

    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]


async def test_module_stays_where_it_is(service: Any) -> None:
    await service.put("courses/c2", {"title": "Two"})
    await service.put("courses/c2/enrollments/tess", {"role": "instructor"})
    body = {"title": "Stolen", "position": 1}

    by_admin = await service.ask("root", "PUT", "courses/c2/modules/m1", body)
    by_instructor = await service.ask("tess", "PUT", "courses/c2/modules/m1", body)

    assert by_admin.said == "409 module-elsewhere"
    assert by_instructor.said == "403 not-enrolled"
    course = await service.ask("tess", "GET", "courses/c1")
    assert [module["title"] for module in course.json["modules"]] == ["Module one"]


async def test_courses_of_a_user_are_those_enrolled_in(service: Any) -> None:
    await service.put("courses/c2", {"title": "Two"})

    listed = {
        who: (await service.ask(who, "GET", "courses")).json["items"]
        for who in ("ada", "tess", "eve", "root")
    }

    one = {"id": "c1", "title": "Course one"}
    assert listed == {
        "ada": [{**one, "role": "student"}],
        "tess": [{**one, "role": "instructor"}],
        "eve": [],
        "root": [{**one, "role": None}, {"id": "c2", "title": "Two", "role": None}],
    }


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 200])
async def test_pages_hold_every_course_once_oldest_first(service: Any, limit: int) -> None:
    for number in (5, 4, 3, 2, 1):
        await service.put(f"courses/x{number}", {"title": "X"})

    pages = await pages_of(service, "root", "courses", limit)

    assert [course["id"] for page in pages for course in page] == [
        "c1", "x5", "x4", "x3", "x2", "x1",
    ]  # fmt: skip
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


async def test_pages_are_stable_while_rows_change(service: Any) -> None:
    for number in range(1, 6):
        await service.put(f"courses/x{number}", {"title": "X"})
    first = (await service.ask("root", "GET", "courses?limit=3")).json

    await service.ask("root", "DELETE", "courses/x1")  # shown already
    await service.ask("root", "DELETE", "courses/x2")  # the one the cursor stands on
    await service.ask("root", "DELETE", "courses/x4")  # not shown yet
    await service.put("courses/x3", {"title": "Renamed"})
    await service.put("courses/x6", {"title": "X"})
    rest = (await service.ask("root", "GET", f"courses?cursor={first['next_cursor']}")).json

    assert [course["id"] for course in first["items"]] == ["c1", "x1", "x2"]
    assert [course["id"] for course in rest["items"]] == ["x3", "x5", "x6"]
    assert rest["next_cursor"] is None


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["courses", "courses/c1/enrollments", "modules/m1/videos"])
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=", "cursor=WyJhIiwiYiJd"]
)
async def test_list_refuses(shared_service: Any, path: str, query: str) -> None:
    answer = await shared_service.ask("tess", "GET", f"{path}?{query}")

    assert answer.said == "400 invalid-request"


async def test_course_shows_its_modules_videos_and_the_callers_progress(
    service: Any, mp4: Path
) -> None:
    video = await service.ready_video(mp4)
    await service.video_row()
    await service.put("courses/c1/modules/m0", {"title": "Empty", "position": 0})
    report = {
        "session_id": "s",
        "sequence": 0,
        "position": 1.0,
        "watched": [[0.0, 1.0]],
        "event": "progress",
    }
    reported = await service.ask("ada", "PUT", f"videos/{video['id']}/progress", report)

    as_student = (await service.ask("ada", "GET", "courses/c1")).json
    as_instructor = (await service.ask("tess", "GET", "courses/c1")).json

    assert {key: as_student[key] for key in ("id", "title", "role")} == {
        "id": "c1",
        "title": "Course one",
        "role": "student",
    }
    assert [module["id"] for module in as_student["modules"]] == ["m0", "m1"]
    assert as_student["modules"][0] == {"id": "m0", "title": "Empty", "position": 0, "videos": []}
    assert as_student["modules"][1]["videos"] == [{**video, "progress": reported.json}]
    statuses = [shown["status"] for shown in as_instructor["modules"][1]["videos"]]
    assert statuses == ["ready", "processing"]
    assert as_instructor["modules"][1]["videos"][0]["progress"]["position"] == 0.0


async def test_deleted_module_takes_its_videos_along(service: Any) -> None:
    video_id = await service.video_row(status="ready")

    assert (await service.ask("tess", "DELETE", "courses/c1/modules/m1")).said == "204"

    assert (await service.ask("ada", "GET", f"videos/{video_id}")).said == "403 not-enrolled"
    assert (await service.ask("root", "GET", f"videos/{video_id}")).said == "404 not-found"
    assert (await service.ask("tess", "GET", "modules/m1/videos")).said == "403 not-enrolled"
    assert (await service.ask("tess", "GET", "courses/c1")).json["modules"] == []
    assert (await service.ask("root", "DELETE", "courses/c1/modules/m1")).said == "404 not-found"
    assert (await events_of(service))[-1] == "video.deleted"


async def test_module_put_again_is_new_and_empty(service: Any) -> None:
    await service.video_row(status="ready")
    await service.ask("tess", "DELETE", "courses/c1/modules/m1")

    again = await service.ask(
        "tess", "PUT", "courses/c1/modules/m1", {"title": "Again", "position": 1}
    )

    assert again.status == 201
    assert (await service.ask("tess", "GET", "modules/m1/videos")).json["items"] == []


async def test_deleted_course_is_gone_for_everyone(service: Any) -> None:
    video_id = await service.video_row(status="ready")

    assert (await service.ask("root", "DELETE", "courses/c1")).said == "204"

    for path in ("courses/c1", "modules/m1/videos", f"videos/{video_id}", "courses/c1/enrollments"):
        assert (await service.ask("tess", "GET", path)).said == "403 not-enrolled"
        assert (await service.ask("root", "GET", path)).said == "404 not-found"
    assert (await service.ask("ada", "GET", "courses")).json["items"] == []
    assert (await service.ask("root", "PUT", "courses/c1", {"title": "New"})).status == 201
    assert (await service.ask("root", "GET", "courses/c1")).json["modules"] == []
