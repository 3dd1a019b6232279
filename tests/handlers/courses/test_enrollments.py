"""Enrolments, over HTTP: who is enrolled by whom, and what follows at once."""

from pathlib import Path
from typing import Any

import pytest

from handlers import keys

STUDENT, INSTRUCTOR = {"role": "student"}, {"role": "instructor"}


async def changes_of(service: Any, user_id: str) -> list[str | None]:
    """The roles that the log tells of this user, in order."""
    rows = await service.app[keys.DATABASE].fetch_all(
        "SELECT payload->>'role' AS role FROM event_log"
        " WHERE type = 'enrollment.changed' AND user_id = %s ORDER BY id",
        (user_id,),
    )
    return [row.role for row in rows]


async def version_of(service: Any, user_id: str) -> int:
    row = await service.app[keys.DATABASE].fetch_one(
        "SELECT version FROM enrollments WHERE user_id = %s", (user_id,)
    )
    return int(row.version)


async def test_put_enrolls_then_changes_the_role(service: Any) -> None:
    path = "courses/c1/enrollments/bob"
    made = await service.ask("root", "PUT", path, STUDENT)
    changed = await service.ask("root", "PUT", path, INSTRUCTOR)

    assert (made.status, changed.status) == (201, 200)
    assert made.json.keys() == {"course_id", "user_id", "role", "created_at", "updated_at"}
    assert (made.json["course_id"], made.json["user_id"]) == ("c1", "bob")
    assert (made.json["role"], changed.json["role"]) == ("student", "instructor")
    assert made.json["created_at"].endswith("Z")
    assert await changes_of(service, "bob") == ["student", "instructor"]


async def test_put_that_changes_nothing_raises_no_version_and_tells_nobody(service: Any) -> None:
    before = await service.ask("tess", "PUT", "courses/c1/enrollments/ada", STUDENT)
    version = await version_of(service, "ada")

    again = await service.ask("tess", "PUT", "courses/c1/enrollments/ada", STUDENT)

    assert (again.status, again.json) == (200, before.json)
    assert await version_of(service, "ada") == version
    assert await changes_of(service, "ada") == ["student"]


async def test_enrolling_lets_in_at_once(service: Any) -> None:
    assert (await service.ask("bob", "GET", "courses/c1")).said == "403 not-enrolled"

    await service.ask("tess", "PUT", "courses/c1/enrollments/bob", STUDENT)

    assert (await service.ask("bob", "GET", "courses/c1")).said == "200"


async def test_withdrawing_keeps_out_at_once(service: Any) -> None:
    assert (await service.ask("ada", "GET", "courses/c1")).said == "200"

    assert (await service.ask("tess", "DELETE", "courses/c1/enrollments/ada")).said == "204"

    assert (await service.ask("ada", "GET", "courses/c1")).said == "403 not-enrolled"
    assert (await service.ask("ada", "GET", "courses")).json["items"] == []
    listed = (await service.ask("tess", "GET", "courses/c1/enrollments")).json["items"]
    assert [one["user_id"] for one in listed] == ["tess"]
    assert await changes_of(service, "ada") == ["student", None]
    again = await service.ask("tess", "DELETE", "courses/c1/enrollments/ada")
    assert again.said == "404 not-found"


async def test_promotion_gives_rights_at_once(service: Any) -> None:
    assert (await service.ask("ada", "GET", "courses/c1/enrollments")).said == "403 not-allowed"

    await service.ask("root", "PUT", "courses/c1/enrollments/ada", INSTRUCTOR)

    assert (await service.ask("ada", "GET", "courses/c1/enrollments")).said == "200"


async def test_enrolling_again_is_new(service: Any) -> None:
    await service.ask("tess", "DELETE", "courses/c1/enrollments/ada")

    again = await service.ask("tess", "PUT", "courses/c1/enrollments/ada", STUDENT)

    assert again.status == 201
    assert await version_of(service, "ada") == 3
    listed = (await service.ask("tess", "GET", "courses/c1/enrollments")).json["items"]
    assert [one["user_id"] for one in listed] == ["tess", "ada"]


async def test_enrolling_again_makes_new_grants_work_but_no_old_ones(
    service: Any, mp4: Path
) -> None:
    video = await service.ready_video(mp4)

    async def granted() -> str:
        answer = await service.ask("ada", "POST", f"videos/{video['id']}/playback", {})
        return str(answer.json["stream_url"])

    old = await granted()
    assert (await service.ask(None, "GET", old)).said == "200"
    await service.ask("tess", "DELETE", "courses/c1/enrollments/ada")
    await service.ask("tess", "PUT", "courses/c1/enrollments/ada", STUDENT)

    assert (await service.ask(None, "GET", await granted())).said == "200"
    assert await service.is_soon("403 not-enrolled", None, "GET", old)


@pytest.mark.parametrize(
    ("who", "method", "user_id", "body", "said"),
    [
        ("tess", "PUT", "bob", STUDENT, "201"),
        ("tess", "PUT", "bob", INSTRUCTOR, "403 not-allowed"),
        ("tess", "PUT", "ada", INSTRUCTOR, "403 not-allowed"),
        ("tess", "PUT", "tess", STUDENT, "403 not-allowed"),
        ("tess", "PUT", "tim", STUDENT, "403 not-allowed"),
        ("tess", "DELETE", "ada", None, "204"),
        ("tess", "DELETE", "tim", None, "403 not-allowed"),
        ("tess", "DELETE", "tess", None, "403 not-allowed"),
        ("root", "DELETE", "tim", None, "204"),
        ("svc", "PUT", "tim", STUDENT, "200"),
    ],
)
async def test_instructors_manage_students_only(
    service: Any, who: str, method: str, user_id: str, body: Any, said: str
) -> None:
    await service.put("courses/c1/enrollments/tim", INSTRUCTOR)

    answer = await service.ask(who, method, f"courses/c1/enrollments/{user_id}", body)

    assert answer.said == said


async def test_list_holds_everyone_once_oldest_first(service: Any) -> None:
    for user_id in ("zoe", "bob", "amy"):
        await service.ask("tess", "PUT", f"courses/c1/enrollments/{user_id}", STUDENT)

    seen = []
    cursor: str | None = ""
    while cursor is not None:
        page = await service.ask("tess", "GET", f"courses/c1/enrollments?limit=2{cursor}")
        seen += [(one["user_id"], one["role"]) for one in page.json["items"]]
        following = page.json["next_cursor"]
        cursor = f"&cursor={following}" if following else None

    assert seen == [
        ("tess", "instructor"),
        ("ada", "student"),
        ("zoe", "student"),
        ("bob", "student"),
        ("amy", "student"),
    ]
