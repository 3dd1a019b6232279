"""Every column that could hold a user's id is decided: personal, or none of that."""

from contextlib import closing

import psycopg2

from db.privacy.personal_columns import PERSONAL_COLUMNS, Erasing

# Of numbers, times, UUIDs, hashes and the like nobody can read who somebody is.
TEXTS = """
SELECT table_name || '.' || column_name
FROM information_schema.columns c
JOIN pg_class k ON k.relname = c.table_name AND k.relnamespace = 'public'::regnamespace
WHERE table_schema = 'public' AND NOT relispartition AND table_name !~ '^_?yoyo'
  AND data_type IN ('text', 'character varying', 'character', 'name', 'json', 'jsonb', 'ARRAY',
                    'USER-DEFINED', 'xml')
"""

# Chosen for courses and videos by those who teach, of media, of machines; and, last, the copies of
# videos in events, whose `uploaded_by` `rename_in_copies` replaces, and changes of figures, which
# an erasure adds up first. A new column of text fails the test until it stands here or in
# PERSONAL_COLUMNS.
OF_NOBODY = """
bytes_served: course_id purpose
cmcd_sessions: session_id measures
course_storage: course_id
course_viewers: course_id
courses: id title
document_keys: kid public_x
enrollments: course_id role sealed_user_id
erasures: sealed_user_id
event_log: type course_id
event_log_packed: course_id events
event_log_unpacked: type course_id payload
file_pieces: file_name
ladder_files: file_name kind sha256
ladder_pieces: kind facts
ladders: options source_sha256 published_source_sha256 state plan
media_differences: made differences
media_steps: step outcome counts
modules: id course_id title
periodic_turns: task
playback_session_names: session_id
playback_sessions: session_id state quality measures sums
playback_sessions_named: session_id state quality measures
procrastinate_events: type
quality_days: device browser network course_id
quality_sums: device browser network course_id
quality_unsummed: course_id
procrastinate_jobs: queue_name task_name lock queueing_lock args status
procrastinate_periodic_defers: task_name periodic_id
progress: course_id position_session_id
replaced_files: file_name
replacements: original_filename source_format facts original_sha256 failure_code failure_detail
replacements: format file_name mime_type sha256
outline_versions: course_id
representations: format file_name mime_type sha256
rungs: name kind state failure_code failure_detail codecs file_name details
s3_modules: module_id video_url etag sha256
s3_objects: bucket key etag sha256 verified_by refused_for endpoint_url region
session_moments: session_id kind details
storage_changes: course_id
storage_differences: course_id
storage_identity: instance_id database_id
storage_of_courses: course_id
storyboard_files: file_name sha256
text_tracks: kind language content sha256
thumbnails: size_name mime_type file_name sha256
unmakable: what code
uploads: course_id module_id title filename metadata file_starts
videos: course_id module_id title original_filename status failure_code failure_detail container
videos: video_codec audio_codec audio_tracks mime_type original_sha256 source_format
viewing_curves: viewers plays
viewing_days: course_id
web_processes: host secrets_sha256
webhook_deliveries: webhook_id type course_id failure
webhooks: id kind url types sealed_secret added_after
event_log: payload
viewing_changes: changes
webhook_deliveries: payload
"""

VIEWED = {"event_log_unpacked.user_id", "playback_sessions_named.user_id"}


def of_nobody() -> set[str]:
    lines = [line.split(": ") for line in OF_NOBODY.strip().splitlines()]
    return {f"{table}.{column}" for table, columns in lines for column in columns.split()}


def personal() -> set[str]:
    return {f"{one.table}.{one.column}" for one in PERSONAL_COLUMNS} | VIEWED


def test_every_column_of_text_is_decided(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(TEXTS)
        found = {name for (name,) in cursor}

    decided = of_nobody() | personal()
    assert found - decided == set(), "add it to db/privacy/personal_columns.py or to OF_NOBODY"
    assert decided - found == set(), "no such column"
    assert not of_nobody() & personal()


def test_what_is_renamed_with_progress_is_renamed() -> None:
    (with_progress,) = [one for one in PERSONAL_COLUMNS if one.erasing is Erasing.WITH_PROGRESS]

    assert with_progress.table == "playback_sessions"
