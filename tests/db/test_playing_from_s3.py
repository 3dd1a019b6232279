"""Migration 0022, applied and undone with data in its tables."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from db.postgres.migrations import MIGRATIONS

NAME = "0022_playing_from_s3"
ANNOUNCED, BACK, UPLOADED = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
FILL = f"""
INSERT INTO courses (id, title) VALUES ('c1', 'C');
INSERT INTO modules (id, course_id, title, position)
VALUES ('m0', 'c1', 'M', 0), ('m1', 'c1', 'M', 1), ('m2', 'c1', 'M', 2);
INSERT INTO videos (id, course_id, module_id, title, original_filename, status,
    original_size_bytes, uploaded_by)
VALUES ('{ANNOUNCED}', 'c1', 'm0', 'T', 'a.mp4', 'announced', 700, 'import-s3');
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, duration_s, width,
    height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by)
VALUES ('{BACK}', 'c1', 'm1', 'T', 'a.mp4', 'ready', 9, 4, 3, 'mp4', 'h264', 'video/mp4', true, 50,
        'import-s3'),
       ('{UPLOADED}', 'c1', 'm2', 'T', 'a.mp4', 'processing', 9, 4, 3, 'mp4', 'h264', 'video/mp4',
        true, 30, 'tess');
INSERT INTO progress (user_id, video_id, course_id, position_s, watched)
VALUES ('ada', '{ANNOUNCED}', 'c1', 5, '{{[0,5)}}');
INSERT INTO s3_objects (id, bucket, key, etag, size_bytes, endpoint_url, region)
VALUES ('{UPLOADED}', 'b', 'k', 'e', 700, 'http://s3', 'eu-central-1');
INSERT INTO s3_modules (module_id, object_id, video_url, video_id, taken_at, is_local)
VALUES ('m0', '{UPLOADED}', 's3://b/k', '{ANNOUNCED}', NULL, false),
       ('m1', '{UPLOADED}', 's3://b/k', '{BACK}', now(), false);
"""
STATES = "SELECT status, duration_s IS NULL, original_size_bytes FROM videos ORDER BY id"


@pytest.fixture
def cursor(dsn: str) -> Iterator[Any]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(FILL)
        yield cursor


def rows(cursor: Any, sql: str) -> Any:
    cursor.execute(sql)
    return cursor.fetchall()


def test_going_back_and_forth_keeps_what_was_watched_and_taken(cursor: Any) -> None:
    before = rows(cursor, STATES)
    assert before == [("announced", True, 700), ("ready", False, 50), ("processing", False, 30)]
    assert rows(cursor, "SELECT used_bytes FROM storage_used") == [(30,)]

    cursor.execute((MIGRATIONS / f"{NAME}.rollback.sql").read_text())
    assert rows(cursor, STATES) == [("failed", False, 0), *before[1:]]
    assert rows(cursor, "SELECT used_bytes FROM storage_used") == [(30,)]
    assert rows(cursor, "SELECT user_id, watched::text FROM progress") == [("ada", "{[0,5)}")]
    assert rows(cursor, "SELECT module_id FROM s3_modules WHERE taken_at <= now()") == [("m1",)]
    assert rows(cursor, "SELECT bucket, key FROM s3_objects") == [("b", "k")]

    cursor.execute((MIGRATIONS / f"{NAME}.sql").read_text())
    assert rows(cursor, STATES) == [("failed", False, 0), *before[1:]]
    assert rows(cursor, "SELECT module_id, is_local FROM s3_modules") == [("m1", True)]
    assert rows(cursor, "SELECT endpoint_url FROM s3_objects") == [(None,)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE videos SET status = 'ready'", id="unseen-and-ready"),
        pytest.param("UPDATE s3_modules SET is_local = true", id="announced-and-here"),
        pytest.param("UPDATE videos SET status = 'lost'", id="no-such-status"),
    ],
)
def test_what_cannot_be_is_refused(cursor: Any, change: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        cursor.execute(change)
