"""Rows of a small university: as skewed as a real one, each large table above what a plan may scan.

Course `c0` is the course that everyone takes. Times are days before now. With FULL=1 a large
university: 100,000 videos, five million seen by someone and as many sessions, a log of 20 million.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from uuid import UUID

import psycopg2

IS_FULL = bool(os.environ.get("FULL"))
SCALE = 8 if IS_FULL else 1
COURSES = 250 * SCALE
VIDEOS_OF_COURSE = 50
STUDENTS = 100_000 if IS_FULL else 20_000
"""Of `c0`; each takes one other course, too."""
SEEN, SEEN_OF_OTHER = (25, 25) if IS_FULL else (2, 1)
SESSIONS_PLAYING = 100_000 if IS_FULL else 12_000
EVENTS = 20_000_000 if IS_FULL else 120_000
STORAGE_CHANGES = 1000
"""As many as gather within an interval of their folding, and more."""

VIDEO_ID = "('00000000-0000-4000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"


def video_id(number: int) -> UUID:
    return UUID(f"00000000-0000-4000-8000-{number:012x}")


_STRUCTURE = f"""
INSERT INTO courses (id, title)
SELECT 'c' || c, 'Course ' || c FROM generate_series(0, {COURSES - 1}) AS c;

INSERT INTO modules (id, course_id, title, position)
SELECT 'c' || c || 'm' || m, 'c' || c, 'Module ' || m, m
FROM generate_series(0, {COURSES - 1}) AS c, generate_series(0, 49) AS m;

INSERT INTO enrollments (course_id, user_id, role, version, created_at, updated_at)
SELECT course_id, 'u' || u, 'student', 1, at, at
FROM generate_series(0, {STUDENTS - 1}) AS u,
    unnest(ARRAY['c0', 'c' || 1 + u % {COURSES - 1}]) AS course_id,
    LATERAL (SELECT now() - u * interval '4 minutes' AS at) AS enrolled;

INSERT INTO enrollments (course_id, user_id, role)
SELECT 'c' || c, 'teacher' || c, 'instructor' FROM generate_series(0, {COURSES - 1}) AS c;
"""

_VIDEOS = f"""
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, processing_ratio,
    duration_s, width, height, frame_rate, container, video_codec, audio_codec, mime_type,
    is_playable, original_size_bytes, original_sha256, uploaded_by, created_at, source_format)
SELECT {VIDEO_ID.format(number="n")}, 'c' || n / {VIDEOS_OF_COURSE},
    'c' || n / {VIDEOS_OF_COURSE} || 'm' || n % 5, 'Lecture ' || n, n || '.mp4', 'ready', 1,
    3000, 1920, 1080, 25, 'mp4', 'h264', 'aac', 'video/mp4', true, 600000000,
    md5(n::text) || md5(n::text), 'teacher' || n / {VIDEOS_OF_COURSE},
    now() - n * interval '5 minutes', 'mp4'
FROM generate_series(0, {COURSES * VIDEOS_OF_COURSE - 1}) AS n;

UPDATE videos SET status = 'processing', processing_ratio = 0.5
WHERE id IN (SELECT {VIDEO_ID.format(number="n")} FROM generate_series(1000, 1009) AS n);
UPDATE videos SET deleted_at = now() - interval '1 hour'
WHERE id IN (SELECT {VIDEO_ID.format(number="n")} FROM generate_series(2000, 2009) AS n);

INSERT INTO representations (video_id, format, file_name, mime_type, size_bytes, sha256, is_primary)
SELECT id, format, format || '-' || left(original_sha256, 16), 'video/' || format, 600000000,
    original_sha256, format = 'mp4'
FROM videos, unnest(ARRAY['mp4', 'webm']) AS format WHERE status = 'ready';

INSERT INTO thumbnails (video_id, size_name, mime_type, file_name, width_px, height_px, size_bytes,
    sha256)
SELECT id, size, 'image/' || kind, size || '-' || left(original_sha256, 16) || '.' || kind, 160, 90,
    20000, original_sha256
FROM videos, unnest(ARRAY['small', 'large']) AS size, unnest(ARRAY['jpeg', 'webp', 'avif']) AS kind;

INSERT INTO storyboard_files (video_id, part, file_name, size_bytes, sha256)
SELECT id, part, 'storyboard-' || left(original_sha256, 16) || '.' || part, 100000, original_sha256
FROM videos, generate_series(0, 1) AS part;

INSERT INTO unmakable (video_id, what, code)
SELECT id, 'alternate-format', 'too-complex' FROM videos;

INSERT INTO text_tracks (video_id, kind, language, content, sha256)
SELECT id, 'captions', 'en', 'WEBVTT', original_sha256 FROM videos;

INSERT INTO file_pieces (video_id, file_name, sha256s)
SELECT id, 'mp4-' || left(original_sha256, 16), decode(repeat(original_sha256, 10), 'hex')
FROM videos;

INSERT INTO ladders (video_id, work_id, options, source_sha256, published_source_sha256, state)
SELECT id, gen_random_uuid(), 'auto', original_sha256, original_sha256, 'ready' FROM videos;

INSERT INTO rungs (video_id, name, kind, position, state, height, width, bitrate, codecs, file_name,
    size_bytes, details)
SELECT id, rung || 'p', 'video', rung, 'ready', rung, rung * 16 / 9, 1000 * rung,
    'avc1.4d401f', rung || 'p.mp4', 100000000, '{{}}'
FROM videos, unnest(ARRAY[240, 480]) AS rung;

INSERT INTO ladder_files (video_id, file_name, kind, size_bytes, sha256)
SELECT id, rung || 'p.mp4', 'rung', 100000000, original_sha256
FROM videos, unnest(ARRAY[240, 480]) AS rung;

INSERT INTO storage_of_courses (course_id, bytes)
SELECT course_id, counted_bytes FROM storage_differences;
INSERT INTO storage_changes (course_id, bytes)
SELECT 'c' || n % {COURSES}, 0 FROM generate_series(1, {STORAGE_CHANGES}) AS n;
"""

_SEEN = f"""
    SELECT 'u' || u AS user_id, {VIDEO_ID.format(number="n")} AS video_id,
        'c' || n / {VIDEOS_OF_COURSE} AS course_id, 's' || n AS session_id, at,
        u * {SEEN + SEEN_OF_OTHER} + k < {SESSIONS_PLAYING} AS is_playing
    FROM generate_series(0, {STUDENTS - 1}) AS u,
        LATERAL (
            SELECT k, (u + 7 * k) % 50 AS n FROM generate_series(0, {SEEN - 1}) AS k
            UNION ALL
            SELECT k + {SEEN}, {VIDEOS_OF_COURSE} * (1 + u % {COURSES - 1}) + (u + 7 * k) % 50
            FROM generate_series(0, {SEEN_OF_OTHER - 1}) AS k
        ) AS videos,
        LATERAL (SELECT now() - (u * 3 + n % 3) * interval '1 minute' AS at) AS watched
"""
"""Every student saw some lectures of c0 and of the other course."""

_PROGRESS = f"""
TRUNCATE progress, playback_sessions;

INSERT INTO progress (user_id, video_id, course_id, position_s, position_at, position_session_id,
    watched, watched_s, watched_ratio, created_at, updated_at)
SELECT user_id, video_id, course_id, 1000, at, session_id,
    nummultirange(numrange(0, 700), numrange(900, 1000)), 800, 0.27, at, at
FROM ({_SEEN}) AS seen;

INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence, state, position_s,
    quality, sums, started_at, last_report_at, stopped_at)
SELECT user_id, video_id, session_id, 100,
    CASE WHEN is_playing THEN 'playing' ELSE 'stopped' END, 1000, '{{"stalls": 1}}',
    '["other", "other", "unknown", -1, false, false, 1]', at,
    CASE WHEN is_playing THEN now() ELSE at END,
    CASE WHEN is_playing THEN NULL ELSE at END
FROM ({_SEEN}) AS seen;

UPDATE silence_slices SET playing = {SESSIONS_PLAYING} / 256;
"""

_BESIDE = f"""
TRUNCATE playback_session_names, bytes_served;

INSERT INTO playback_session_names (user_id, video_id, session_id, named_at)
SELECT user_id, video_id, session_id, at FROM ({_SEEN}) AS seen;

INSERT INTO bytes_served (day, course_id, video_id, user_id, purpose, bytes)
SELECT at::date, course_id, video_id, user_id, 'stream', 50000000 FROM ({_SEEN}) AS seen;

INSERT INTO quality_days
SELECT id, now()::date - n, 'phone', 'Safari', '4g', course_id, '1', 1, 1, 0, 0, 1, 900, 89888,
    0, 1, 1, 1, 1, 1, 2, 1000, 9000, 0, 0, 0, 0, 0
FROM videos, generate_series(0, 3) AS n;
"""

# In the order of `i`, as generate_series makes them: to sort them would take longer.
_LOG = f"""
TRUNCATE event_log;

INSERT INTO event_log (recorded_at, type, video_id, course_id, user_id, occurred_at, payload)
SELECT at, CASE WHEN i % 200 = 0 THEN 'video.updated' WHEN i % 200 <= 20 THEN 'playback.started'
        ELSE 'playback.progress' END,
    {VIDEO_ID.format(number="n")}, 'c' || n / {VIDEOS_OF_COURSE},
    'u' || (i * 7919::bigint) % {STUDENTS}, at, '{{"position": 1}}'
FROM generate_series(1, {EVENTS}) AS i,
    LATERAL (SELECT CASE WHEN i % 5 = 0 THEN i % 50
        ELSE (i * 7919::bigint % {COURSES * VIDEOS_OF_COURSE})::int END AS n) AS seen,
    LATERAL (SELECT now() - (1 - i / {EVENTS}::float)
        * CASE WHEN i % 200 <= 20 THEN interval '6 days' ELSE interval '25 hours' END AS at
    ) AS happened;
"""

_WORK = f"""
UPDATE viewing_upkeep SET are_all_counted = true;

INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, attempts)
SELECT 'media', 'finish', id::text, '{{}}', 'failed', 1 FROM videos LIMIT 500;

INSERT INTO uploads (id, user_id, course_id, module_id, title, filename, metadata, length_bytes,
    offset_bytes, video_id, expires_at, ended_at, created_at)
SELECT id, uploaded_by, course_id, module_id, title, original_filename, '',
    600000000, CASE WHEN n > 100 THEN 600000000 ELSE 1 END, CASE WHEN n > 100 THEN id END,
    now() + interval '1 day', CASE WHEN n > 100 THEN now() - n * interval '1 hour' END, created_at
FROM (SELECT *, row_number() OVER (ORDER BY id DESC) AS n FROM videos) AS uploaded;

INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)
VALUES ('w1', 'webhook', 'https://host/', '{{playback.progress}}', '', {EVENTS} - 50000);

INSERT INTO webhook_deliveries (webhook_id, event_id, type, video_id, course_id, user_id,
    occurred_at, payload, died_at)
SELECT 'w1', id, type, video_id, course_id, user_id, occurred_at, payload,
    CASE WHEN id % 20 <> 0 THEN now() - interval '1 day' END
FROM event_log WHERE id <= 30000 ORDER BY id;

INSERT INTO s3_objects (id, bucket, key, etag, size_bytes, is_finished)
SELECT id, 'lectures', 'term/' || id, '"e"', 600000000, true FROM videos;

INSERT INTO s3_modules (module_id, object_id, video_url, video_id, taken_at, etag, size_bytes,
    sha256, is_local)
SELECT 'c' || n / 50 || 'm' || n % 50, {VIDEO_ID.format(number="n")}, 'https://host/' || n,
    {VIDEO_ID.format(number="n")}, now(), '"e"', 600000000, repeat('0', 64), true
FROM generate_series(0, {COURSES * 50 - 1}) AS n;
"""


# Hours that are packed: those that ended 13 hours ago and before.
_PACK = """
DO $$
DECLARE
    packed_hour timestamptz;
BEGIN
    FOR packed_hour IN
        SELECT date_trunc('hour', now()) - n * interval '1 hour' FROM generate_series(14, 25) AS n
    LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF event_log_packed FOR VALUES FROM (%L) TO (%L)',
            'event_log_packed_' || to_char(packed_hour AT TIME ZONE 'UTC', 'YYYYMMDDHH24'),
            packed_hour, packed_hour + interval '1 hour');
    END LOOP;
END $$;

WITH gone AS (
    DELETE FROM event_log_progress
    WHERE recorded_at < date_trunc('hour', now()) - interval '13 hours' RETURNING *
)
INSERT INTO event_log_packed (hour, first_id, last_id, video_id, course_id, user_id, events)
SELECT date_trunc('hour', recorded_at), min(id), max(id), video_id, course_id, user_id,
    array_agg(ROW(id, recorded_at, occurred_at, payload)::packed_event ORDER BY id)
FROM gone GROUP BY 1, video_id, course_id, user_id;

UPDATE event_log_retention
SET packed_id = (SELECT max(last_id) FROM event_log_packed), pack_from = '-infinity';
"""

_LARGE = (
    "progress",
    "playback_sessions",
    "playback_session_names",
    "bytes_served",
    "event_log",
)
_BEFORE = f"""
SELECT event_log_add_days((now() AT TIME ZONE 'UTC')::date - 6, 9);
SELECT event_log_add_hours(now() - interval '25 hours', 32);

-- No index of theirs is kept up row by row: REINDEX makes them, and makes them valid again.
UPDATE pg_index SET indisready = false, indisvalid = false
FROM unnest('{{{",".join(_LARGE)}}}'::regclass[]) AS large, pg_partition_tree(large) AS part
WHERE indrelid = part.relid AND part.isleaf;
"""
AT_ONCE = 3


def seed(dsn: str) -> None:
    """Takes about five seconds; with FULL=1 some ten minutes of processor time, and 20 GB.

    A table emptied in the transaction that fills it is not logged (`wal_level` = minimal).
    """
    _run(dsn, _BEFORE, _STRUCTURE, _VIDEOS)
    with ThreadPoolExecutor(AT_ONCE) as beside:
        list(beside.map(partial(_run, dsn), (_LOG, _PROGRESS, _BESIDE)))
        list(beside.map(partial(_finish, dsn), reversed(_LARGE)))
    _run(dsn, _WORK, _PACK)
    _finish(dsn)


def _run(dsn: str, *parts: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # without triggers
        for part in parts:
            cursor.execute(part)


def _finish(dsn: str, table: str = "") -> None:
    """The planner counts on the visibility map of VACUUM."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            if table:
                cursor.execute(f"REINDEX TABLE {table}")
            cursor.execute(f"VACUUM ANALYZE {table}")
