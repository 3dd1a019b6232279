"""Analytics over HTTP: known answers, periods, CSV, and what is withheld."""

import csv
import io
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from benchmarks.servers.processes import resident_bytes
from handlers import keys
from handlers.analytics.messages import StudentView
from handlers.analytics.tables import cell
from tests.handlers.support.watching import Course, new_course, report

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD = "400 invalid-request"
MOST_GROWN_BYTES = 16 << 20  # all rows at once take 57 MB
WIDE_CELLS = {
    "=1+1": "'=1+1",
    "-2+3": "'-2+3",
    "＝1": "'＝1",
    "@SUM(A1)": "'@SUM(A1)",
    "a=1": "a=1",
    "a;=1+1": "a;'=1+1",
    "a; -1;;@b": "a; -1;;'@b",
    "=1;=1": "'=1;'=1",
}


@pytest_asyncio.fixture(loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


async def watch(course: Course, video: str, user: str, *watched: Any, **more: Any) -> None:
    said = report(watched=list(watched), **more)
    answer = await course.service.ask(user, "PUT", f"videos/{video}/progress", said)
    assert answer.said == "200", answer.body


async def read(course: Course, path: str, who: str | None = None, **options: Any) -> Any:
    return await course.service.ask(who or course.instructor, "GET", f"analytics/{path}", **options)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


async def test_a_course_is_counted_as_worked_out_by_hand(course: Course) -> None:
    """Of two videos of 30 s: ada sees 0 to 27 (claims of services are believed) and completes it,
    bob 0 to 6 of it and 0 to 3 of the other."""
    first, second = await course.video(), await course.video()
    for user in ("ada", "bob"):
        await course.enroll(user)
    await watch(course, first, "ada", [0, 9], sequence=0)
    await watch(course, first, "ada", [0, 9], sequence=1)
    await watch(course, first, "bob", [0, 6])
    await watch(course, second, "bob", [0, 3], session_id="t", event="stopped")

    answer = await read(course, f"courses/{course.id}")

    assert answer.said == "200"
    ratio = (9 / 30 + 6 / 30 + 3 / 30) / 3
    assert answer.json == {
        "viewers": 2,
        "sessions": 3,
        "watched_seconds": 18.0,
        "completions": 0,
        "average_watched_ratio": pytest.approx(ratio),
        "active_now": 2,
        "days": [
            {"day": today(), "viewers": 2, "sessions": 3, "watched_seconds": 18.0, "bytes": 0}
        ],
        "videos": [
            {
                "video_id": first,
                "title": "Title",
                "viewers": 2,
                "completions": 0,
                "average_watched_ratio": pytest.approx(0.25),
                "watched_seconds": 15.0,
            },
            {
                "video_id": second,
                "title": "Title",
                "viewers": 1,
                "completions": 0,
                "average_watched_ratio": pytest.approx(0.1),
                "watched_seconds": 3.0,
            },
        ],
    }


async def test_completions_are_counted_and_who_stopped_is_not_active(course: Course) -> None:
    video = await course.video()
    async with course.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute("UPDATE videos SET duration_s = 10 WHERE id = %s", (video,))
    await watch(course, video, course.student, [0, 9.5], event="stopped")

    shown = (await read(course, f"courses/{course.id}")).json

    assert (shown["completions"], shown["active_now"]) == (1, 0)
    assert shown["videos"][0]["completions"] == 1


async def test_bytes_are_those_that_were_sent_by_day(course: Course) -> None:
    video = await course.video()
    async with course.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "INSERT INTO bytes_served VALUES ('2026-11-01', %s, %s, 'ada', 'stream', 700),"
            " ('2026-11-01', %s, %s, 'bob', 'download', 70),"
            " ('2026-11-02', %s, gen_random_uuid(), 'bob', 'stream', 7)",
            (course.id, video, course.id, video, course.id),
        )
    of_course = (await read(course, f"courses/{course.id}")).json["days"]
    of_video = (await read(course, f"videos/{video}")).json["days"]

    nothing = {"viewers": 0, "sessions": 0, "watched_seconds": 0.0}
    assert of_course == [
        {"day": "2026-11-01", "bytes": 770, **nothing},
        {"day": "2026-11-02", "bytes": 7, **nothing},
    ]
    assert of_video == [{"day": "2026-11-01", "bytes": 770, **nothing}]


async def test_a_period_holds_the_days_that_it_touches(course: Course) -> None:
    video = await course.video()
    await watch(course, video, course.student, [0, 3])
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()

    async def viewers(query: str) -> int:
        answer = await read(course, f"courses/{course.id}?{query}")
        assert answer.said == "200", answer.body
        return int(answer.json["viewers"])

    assert await viewers(f"from={today()}&to={tomorrow}") == 1
    assert await viewers(f"from={today()}T23:59:59Z") == 1
    assert await viewers(f"to={today()}T00:00:01Z") == 1
    assert await viewers(f"to={today()}") == 0
    assert await viewers(f"to={today()}T00:00:00Z") == 0
    assert await viewers(f"from={tomorrow}") == 0
    assert await viewers(f"from={today()}T23:30:00-01:00") == 0
    assert await viewers("to=9999-12-31T23:30:00Z") == 1


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=",
        "from=2026-02-30",
        "to=2026-01-01T00:00:00",
        "from=0001-01-01T00:00:00%2B14:00",
        "to=9999-12-31T23:30:00-14:00",
        "from=2026-01-02&to=2026-01-01",
        "from=2026-01-01&to=2026-01-01",
        "to=1970-01-01",
    ],
)
async def test_a_malformed_or_empty_period_is_refused(course: Course, query: str) -> None:
    assert (await read(course, f"courses/{course.id}?{query}")).said == BAD


async def test_the_curve_of_fewer_than_five_viewers_is_withheld(course: Course) -> None:
    video = await course.video()
    shown = (await read(course, f"videos/{video}")).json
    assert shown["retention"] == {"step": 1, "viewers": [0] * 30, "plays": [0] * 30}
    assert "withheld" not in shown

    for number in range(5):
        user = f"viewer-{number}"
        await course.enroll(user)
        await watch(course, video, user, [number, number + 2])
        shown = (await read(course, f"videos/{video}?to=2026-01-01")).json
        if number < 4:
            assert (shown["retention"], shown["withheld"]) == (None, "too-few")

    assert "withheld" not in shown
    curve = [1, 2, 2, 2, 2, 1, *[0] * 24]
    assert shown["retention"] == {"step": 1, "viewers": curve, "plays": curve}
    assert shown["viewers"] == 0


async def test_a_video_is_shown_as_a_course_is(course: Course) -> None:
    video, _ = await course.video(), await course.video()
    await watch(course, video, course.student, [0, 3])

    of_course = (await read(course, f"courses/{course.id}")).json
    of_video = (await read(course, f"videos/{video}")).json

    assert [one["video_id"] for one in of_video["videos"]] == [video]
    assert of_video["videos"] == of_course["videos"][:1]
    for name in ("viewers", "sessions", "watched_seconds", "active_now", "days"):
        assert of_video[name] == of_course[name]


async def test_students_are_listed_in_pages_with_how_far_they_are(course: Course) -> None:
    video, other = await course.video(), await course.video()
    await course.enroll("zoe")
    await course.enroll("ida")
    await watch(course, video, "zoe", [0, 9])
    await watch(course, other, "zoe", event="started")
    first = (await read(course, f"courses/{course.id}/students?limit=2")).json
    rest = (await read(course, f"courses/{course.id}/students?cursor={first['next_cursor']}")).json

    never = {
        "videos_completed": 0,
        "videos_started": 0,
        "watched_seconds": 0.0,
        "last_seen_at": None,
        "stopped_in": None,
        "stopped_in_title": None,
        "stopped_at": None,
    }
    assert first["items"][0] == {"user_id": course.student, **never}
    seen = first["items"][1]
    assert datetime.fromisoformat(seen.pop("last_seen_at")) <= datetime.now(UTC)
    assert seen == {
        "user_id": "zoe",
        "videos_completed": 0,
        "videos_started": 2,
        "watched_seconds": 9.0,
        "stopped_in": other,
        "stopped_in_title": "Title",
        "stopped_at": 0.0,
    }
    assert rest == {"items": [{"user_id": "ida", **never}], "next_cursor": None}


async def test_who_was_withdrawn_counts_on_and_is_no_student_any_more(course: Course) -> None:
    video = await course.video()
    await watch(course, video, course.student, [0, 3])
    await course.withdraw(course.student)

    assert (await read(course, f"courses/{course.id}")).json["viewers"] == 1
    assert (await read(course, f"courses/{course.id}/students")).json["items"] == []


async def test_a_deleted_video_counts_nowhere_until_it_is_restored(course: Course) -> None:
    video = await course.video()
    await watch(course, video, course.student, [0, 3])
    before = (await read(course, f"courses/{course.id}")).json
    await course.delete(video)

    shown = (await read(course, f"courses/{course.id}")).json
    assert (shown["viewers"], shown["days"], shown["videos"]) == (0, [], [])
    popular = (await read(course, f"popular?course_id={course.id}")).json
    assert popular == {"items": []}
    students = (await read(course, f"courses/{course.id}/students")).json["items"]
    assert students[0]["videos_started"] == 0

    await course.service.ask("root", "POST", f"videos/{video}/restore")
    assert (await read(course, f"courses/{course.id}")).json == before


async def test_popular_videos_come_by_viewers_then_by_seconds(course: Course) -> None:
    few, many, long, none = [await course.video() for _ in range(4)]
    await course.enroll("zoe")
    for video, user, stop in (
        (few, "zoe", 2),
        (many, "zoe", 1),
        (many, course.student, 1),
        (long, "zoe", 8),
    ):
        await watch(course, video, user, [0, stop], session_id=video)
    async with course.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute("SELECT FROM viewing_days")

    items = (await read(course, f"popular?course_id={course.id}&days=1")).json["items"]
    everywhere = (await read(course, "popular?days=30", who="svc")).json["items"]

    assert [(one["video_id"], one["viewers"], one["watched_seconds"]) for one in items] == [
        (many, 2, 2.0),
        (long, 1, 8.0),
        (few, 1, 2.0),
    ]
    assert items[0] == {
        "video_id": many,
        "course_id": course.id,
        "title": "Title",
        "viewers": 2,
        "watched_seconds": 2.0,
    }
    assert items[0] in everywhere
    assert none not in [one["video_id"] for one in everywhere]


async def test_popular_counts_the_last_days_and_each_viewer_once(course: Course) -> None:
    video = await course.video()
    await watch(course, video, course.student, [0, 1])
    await read(course, f"courses/{course.id}")
    async with course.service.app[keys.DATABASE].transaction() as transaction:
        for days in (3, 20, 40):
            await transaction.execute(
                "INSERT INTO viewing_days SELECT video_id, day - %s, course_id,"
                " viewers, 1, 200, 0 FROM viewing_days"
                " WHERE video_id = %s AND day = (now() AT TIME ZONE 'UTC')::date",
                (days, video),
            )

    async def seconds(days: int) -> Any:
        path = f"popular?course_id={course.id}&days={days}"
        (only,) = (await read(course, path)).json["items"]
        return only["viewers"], only["watched_seconds"]

    assert [await seconds(days) for days in (1, 7, 30)] == [(1, 1.0), (1, 3.0), (1, 5.0)]


def rows(answer: Any) -> list[list[str]]:
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.body.decode())))


CSV = {"headers": {"Accept": "text/csv"}}


async def test_tables_are_csv_where_that_is_accepted(course: Course) -> None:
    video = await course.video()
    await course.rename(video, '=HYPERLINK("http://x","a,b")')
    await watch(course, video, course.student, [0, 3])

    assert rows(await read(course, f"courses/{course.id}", **CSV)) == [
        [
            "video_id",
            "title",
            "viewers",
            "completions",
            "average_watched_ratio",
            "watched_seconds",
        ],
        [video, '\'=HYPERLINK("http://x","a,b")', "1", "0", "0.1", "3.0"],
    ]
    assert rows(await read(course, f"videos/{video}", **CSV)) == [
        ["day", "viewers", "sessions", "watched_seconds", "bytes"],
        [today(), "1", "1", "3.0", "0"],
    ]
    popular = rows(await read(course, f"popular?course_id={course.id}", **CSV))
    assert popular[1][:2] == [video, course.id]
    both = {"headers": {"Accept": "text/csv;q=0.5, application/json"}}
    as_json = await read(course, f"courses/{course.id}", **both)
    assert as_json.json["viewers"] == 1
    assert as_json.headers["Vary"] == "Accept"


async def test_all_students_are_streamed_as_csv(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.analytics.students.AT_ONCE", 2)
    for number in range(4):
        await course.enroll(f"learner-{number}")

    found = rows(await read(course, f"courses/{course.id}/students?limit=1", **CSV))

    assert found[0] == list(StudentView.__struct_fields__)
    assert [row[0] for row in found[1:]] == [course.student, *(f"learner-{n}" for n in range(4))]
    assert found[1][1:] == ["0", "0", "0.0", "", "", "", ""]


async def test_a_hundred_thousand_students_are_streamed_in_little_memory(course: Course) -> None:
    for first in range(0, 100_000, 10_000):  # more at once exceed the time of a statement
        await course.service.execute(
            "INSERT INTO enrollments (course_id, user_id, role, created_at)"
            f" SELECT '{course.id}', 'crowd-' || n, 'student', now() + n * interval '1 ms'"
            f" FROM generate_series({first + 1}, {first + 10_000}) n"
        )
    lines, most_bytes, before_bytes = 0, 0, resident_bytes([os.getpid()])
    async with (
        course.service.client(course.instructor) as client,
        client.get(f"/api/v1/analytics/courses/{course.id}/students", **CSV) as answer,
    ):
        async for piece in answer.content.iter_any():
            lines += piece.count(b"\n")
            most_bytes = max(most_bytes, resident_bytes([os.getpid()]))

    assert lines == 1 + 1 + 100_000
    assert most_bytes - before_bytes < MOST_GROWN_BYTES


@pytest.mark.parametrize(("text", "shown"), WIDE_CELLS.items())
async def test_no_text_begins_a_formula(text: str, shown: str) -> None:
    assert cell(text) == shown


async def test_a_number_below_zero_stays_one() -> None:
    assert cell(-1) == "-1"
