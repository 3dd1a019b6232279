"""Announcements: the rows they create, and those they leave unchanged."""

from dataclasses import replace
from typing import Any

from db.takeover.announcements import Announcement
from events.takeover.announce import announce

ONE = Announcement(
    module_id="m9",
    course_id="c9",
    title="Title",
    position=4,
    video_url="s3://b/k",
    bucket="b",
    key="k",
    etag="e",
    size_bytes=7,
    endpoint_url=None,
    region="eu-central-1",
    filename="k.mp4",
    uploaded_by="import-s3",
)
COURSES = "SELECT id, title FROM courses WHERE id NOT IN ('c1', 'c2')"
OBJECTS = "SELECT bucket, key, endpoint_url, region FROM s3_objects"
EVENTS = "SELECT count(*) AS count FROM event_log"


async def rows(library: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await library.database.fetch_all(sql)]


async def test_course_module_and_video_are_made_once(library: Any) -> None:
    for endpoint_url in (None, "http://s3"):  # the newest import wins
        one = replace(ONE, endpoint_url=endpoint_url)
        assert await announce(library.database, [one]) == {}
        assert await rows(library, OBJECTS) == [("b", "k", endpoint_url, "eu-central-1")]
    assert await rows(library, COURSES) == [("c9", "c9")]
    videos = "SELECT module_id, title, status, original_size_bytes, uploaded_by FROM videos"
    assert await rows(library, videos) == [("m9", "Title", "announced", 7, "import-s3")]
    assert await rows(library, EVENTS) == [(1,)]


async def test_a_module_of_another_course_is_reported_and_changes_nothing(library: Any) -> None:
    """Also a deleted one: a PUT would restore it there."""
    for deleted in ("NULL", "now()"):
        async with library.database.transaction() as transaction:
            await transaction.execute(
                f"UPDATE modules SET deleted_at = {deleted} WHERE id = 'm-c1'"
            )
        faults = await announce(library.database, [replace(ONE, module_id="m-c1")])
        assert faults["m-c1"].state == "unusable"
        assert await rows(library, COURSES) == await rows(library, OBJECTS) == []


async def test_nothing_to_announce_writes_no_event(library: Any) -> None:
    assert await announce(library.database, []) == {}
    assert await rows(library, EVENTS) == [(0,)]
