"""Students over HTTP: sorted by any figure, in pages, and where each of them stopped."""

from typing import Any

import pytest
import pytest_asyncio

from tests.handlers.support.watching import Course, new_course, report

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def watch(course: Course, video: str, user: str, stop: float, **more: Any) -> None:
    said = report(watched=[[0, stop]], position=stop, **more)
    answer = await course.service.ask(user, "PUT", f"videos/{video}/progress", said)
    assert answer.said == "200", answer.body


async def read(course: Course, query: str) -> Any:
    path = f"analytics/courses/{course.id}/students{query}"
    return await course.service.ask(course.instructor, "GET", path)


async def names(course: Course, query: str) -> list[str]:
    answer = await read(course, query)
    assert answer.said == "200", answer.body
    return [student["user_id"] for student in answer.json["items"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(shared_service: Any) -> Course:
    """Of three who saw a part, in the order of bob, zoe, ida; the first student saw nothing."""
    course = await new_course(shared_service)
    first, second = await course.video(), await course.video()
    for user, stop in (("bob", 3), ("zoe", 9), ("ida", 6)):
        await course.enroll(user)
        await watch(course, first, user, stop)
    await watch(course, second, "bob", 1, session_id="other")
    return course


@pytest.mark.parametrize(
    ("sort", "rising"),
    [
        ("enrolled", ["", "bob", "zoe", "ida"]),
        ("user_id", ["bob", "ida", "", "zoe"]),
        ("watched_seconds", ["", "bob", "ida", "zoe"]),
        ("last_seen_at", ["", "zoe", "ida", "bob"]),
    ],
)
async def test_students_are_sorted_by_a_figure(
    course: Course, sort: str, rising: list[str]
) -> None:
    everyone = [name or course.student for name in rising]

    assert await names(course, f"?sort={sort}") == everyone
    assert await names(course, f"?sort={sort}&direction=desc") == everyone[::-1]


@pytest.mark.parametrize("query", ["sort=user_id", "sort=last_seen_at&direction=desc"])
async def test_pages_go_on_where_the_one_before_ended(course: Course, query: str) -> None:
    first = (await read(course, f"?limit=3&{query}")).json
    rest = (await read(course, f"?limit=3&{query}&cursor={first['next_cursor']}")).json

    found = [student["user_id"] for student in first["items"] + rest["items"]]
    assert (len(first["items"]), rest["next_cursor"]) == (3, None)
    assert found == await names(course, f"?{query}")


@pytest.mark.parametrize(
    "query",
    [
        "?sort=name",
        "?sort=",
        "?direction=down",
        "?sort=user_id&cursor=WzEsImEiXQ",  # [1, "a"]
        "?sort=last_seen_at&cursor=WyJhIiwiYSJd",  # ["a", "a"]
    ],
)
async def test_order_that_there_is_not_is_refused(course: Course, query: str) -> None:
    assert (await read(course, query)).said == "400 invalid-request"


async def test_a_student_is_stuck_in_the_lesson_that_was_watched_last(
    shared_service: Any,
) -> None:
    course = await new_course(shared_service)
    first, second = await course.video(), await course.video()

    async def stopped() -> tuple[str | None, str | None, float | None]:
        (student,) = (await read(course, "")).json["items"]
        return student["stopped_in"], student["stopped_in_title"], student["stopped_at"]

    assert await stopped() == (None, None, None)
    await watch(course, second, course.student, 4)
    await watch(course, first, course.student, 7, session_id="first")
    assert await stopped() == (first, "Title", 7.0)
    await course.delete(first)
    assert await stopped() == (second, "Title", 4.0)
    whole = {"session_id": "whole", "event": "completed", "rate": 16, "delayed_s": 0}
    await watch(course, second, "root", 1)  # of somebody else
    await complete(course, second, whole)
    assert await stopped() == (None, None, None)


async def complete(course: Course, video: str, whole: dict[str, Any]) -> None:
    """All of the video, piece by piece as far as a new session may claim it."""
    for number in range(4):
        said = report(
            watched=[[number * 8, min(30, number * 8 + 8)]],
            position=30.0,
            **{**whole, "session_id": f"whole-{number}"},
        )
        answer = await course.service.ask(course.student, "PUT", f"videos/{video}/progress", said)
        assert answer.said == "200", answer.body
