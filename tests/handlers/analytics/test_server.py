"""Figures of the service for its operator: live numbers, problems, storage by course."""

from typing import Any

import pytest
import pytest_asyncio

from db import space
from handlers import keys
from tests.handlers.support.watching import Course, new_course, report

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAILED_VIDEO = """
UPDATE videos SET status = 'failed', failure_code = 'undecodable',
    failure_detail = 'The file is damaged.', updated_at = now() + interval '1 hour' WHERE id = %s
"""
FAILED_LADDER = """
INSERT INTO ladders (video_id, work_id, options, source_sha256, state, updated_at)
    VALUES (%(id)s, gen_random_uuid(), '', '', 'failed', now() + interval '2 hours');
INSERT INTO rungs (video_id, name, kind, position, state, failure_code, failure_detail)
    SELECT %(id)s, name, 'video', 0, 'failed', 'failed', 'No room.'
    FROM unnest(ARRAY['360', '720']) name;
"""
FAILED_REPLACEMENT = """
INSERT INTO replacements (video_id, id, original_filename, source_format, facts,
        original_size_bytes, uploaded_by, failure_code, failure_detail)
    VALUES (%s, gen_random_uuid(), 'take.mp4', 'mp4', '{}', 1, 'tess', 'no-video', 'Sound alone.')
"""
DEAD_DELIVERIES = """
INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)
    VALUES ('gradebook', 'webhook', 'https://lms.example', '{}', '', 0);
INSERT INTO webhook_deliveries (webhook_id, event_id, type, course_id, user_id, occurred_at,
        payload, failure, died_at)
    SELECT 'gradebook', n, 'video.ready', 'c1', '', now(), '{}', 'answered 50' || n,
        now() + interval '3 hours' + n * interval '1 minute' FROM generate_series(1, 2) n;
"""


@pytest_asyncio.fixture(loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


async def execute(course: Course, sql: str, parameters: Any) -> None:
    async with course.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(sql, parameters)


async def read(course: Course, what: str) -> Any:
    answer = await course.service.ask("root", "GET", f"analytics/{what}")
    assert answer.said == "200", answer.body
    return answer.json


async def test_reports_and_players_are_counted(course: Course) -> None:
    video = await course.video()
    before = await read(course, "server")
    for sequence in range(3):
        said = report(watched=[[0, 5]], sequence=sequence)
        await course.service.ask(course.student, "PUT", f"videos/{video}/progress", said)

    after = await read(course, "server")

    assert after["reports_stored"] - before["reports_stored"] == 3
    assert after["playbacks"]["playing"] - before["playbacks"]["playing"] == 1
    assert after["reports_waiting"] == after["damaged_files"] == 0
    assert after["transfers"] == {"stream": 0, "download": 0, "thumbnail": 0}


async def test_problems_are_listed_newest_first_without_those_of_deleted_videos(
    course: Course,
) -> None:
    failed, unrendered, unreplaced, deleted = [await course.video() for _ in range(4)]
    await execute(course, FAILED_VIDEO, (failed,))
    await execute(course, FAILED_VIDEO, (deleted,))
    await execute(course, FAILED_LADDER, {"id": unrendered})
    await execute(course, FAILED_REPLACEMENT, (unreplaced,))
    await execute(course, DEAD_DELIVERIES, ())
    await course.delete(deleted)

    found = (await read(course, "server"))["problems"]

    assert [
        (one["kind"], one["subject_id"], one["code"], one["detail"], one["count"]) for one in found
    ] == [
        ("webhook", "gradebook", None, "answered 502", 2),
        ("rendition", unrendered, "failed", "No room.", 2),
        ("video", failed, "undecodable", "The file is damaged.", 1),
        ("replacement", unreplaced, "no-video", "Sound alone.", 1),
    ]
    assert found[2]["course_id"] == course.id
    assert found[3]["at"] is None


async def test_shares_of_courses_add_up_to_what_the_quota_counts(course: Course) -> None:
    await course.video()
    await course.delete(await course.video())

    storage = await read(course, "storage")

    (own,) = (share for share in storage["courses"] if share["course_id"] == course.id)
    assert own == {"course_id": course.id, "title": "A course", "videos": 1, "bytes": 2}
    used_bytes = await space.read_used_bytes(course.service.app[keys.DATABASE])
    assert storage["used_bytes"] == used_bytes == sum(one["bytes"] for one in storage["courses"])
    assert 0 < storage["free_bytes"] <= storage["disk_bytes"]
    assert storage["quota_bytes"] is None
