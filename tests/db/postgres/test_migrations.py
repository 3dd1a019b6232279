import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from db.advisory_locks import lock_migrations
from db.errors import DatabaseUnavailable
from db.postgres.migrations import MigrationFailed, migrate, pending, rollback
from events.progress.measures import SessionMeasures

ROOT = Path(__file__).resolve().parents[3]
REAL_MIGRATIONS = ROOT / "migrations"
TAKEN_BEFORE = """
INSERT INTO courses (id, title) VALUES ('c1', 'C');
INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'M', 1);
INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s, width, height,
    container, video_codec, mime_type, is_playable, original_size_bytes, original_sha256,
    uploaded_by)
VALUES ('00000000-0000-0000-0000-000000000001', 'c1', 'm1', 'T', 'f', 9, 1, 1, 'mp4', 'h264',
    'video/mp4', true, 7, 'processed', 'u');
INSERT INTO s3_objects (id, bucket, key, etag, size_bytes, sha256)
VALUES ('00000000-0000-0000-0000-000000000003', 'b', 'k', 'e', 7, 'fetched');
INSERT INTO s3_modules (module_id, object_id, video_url, video_id)
SELECT 'm' || n, '00000000-0000-0000-0000-000000000003', 's3://b/k',
    ('00000000-0000-0000-0000-00000000000' || n)::uuid FROM generate_series(1, 2) n;
"""


FAILED_BEFORE = """
INSERT INTO courses (id, title) VALUES ('c1', 'C');
INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'M', 1);
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, failure_code,
    duration_s, width, height, container, video_codec, mime_type, is_playable,
    original_size_bytes, uploaded_by)
SELECT gen_random_uuid(), 'c1', 'm1', 'T', 'f', 'failed', code, 9, 1, 1, 'mp4', 'h264',
    'video/mp4', true, 7, 'u'
FROM unnest(ARRAY['undecodable', 'too-complex', 'internal', 'timed-out', 'out-of-space']) code;
INSERT INTO unmakable SELECT id, 'storyboard', failure_code FROM videos;
INSERT INTO s3_objects (id, bucket, key, etag, size_bytes, refused_for) VALUES
    (gen_random_uuid(), 'b', 'killed', 'e', 7,
     'Examining or converting the video failed unexpectedly.'),
    (gen_random_uuid(), 'b', 'sound', 'e', 7, 'The file has no video in it.');
"""


VIDEO, ANNOUNCED = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
# Sample rows, by the migration that created their table; each table needs one.
ROWS = {
    "0001_courses": """
        INSERT INTO courses (id, title) VALUES ('c1', 'Course');
        INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'Module', 1);
        INSERT INTO enrollments (course_id, user_id, role) VALUES ('c1', 'u1', 'student')""",
    "0002_videos": f"""
        INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s,
            width, height, container, video_codec, mime_type, is_playable, original_size_bytes,
            uploaded_by)
        VALUES ('{VIDEO}', 'c1', 'm1', 'Video', 'a.mp4', 60, 640, 360, 'mp4', 'h264',
            'video/mp4', true, 1000, 'u2');
        INSERT INTO representations VALUES ('{VIDEO}', 'mp4', 'a.mp4', 'video/mp4', 1000, 'hash');
        INSERT INTO thumbnails
        VALUES ('{VIDEO}', 'small', 'image/webp', 's.webp', 320, 180, 1000, 'hash')""",
    "0003_event_log": """
        INSERT INTO event_log (type, course_id, user_id, occurred_at, payload)
        VALUES ('video.ready', 'c1', 'u1', now(), '{}')""",
    "0004_progress": f"""
        INSERT INTO progress (user_id, video_id, course_id, watched, watched_s)
        VALUES ('u1', '{VIDEO}', 'c1', '{{[0,30)}}', 30);
        INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence, state,
            position_s, started_at, last_report_at)
        VALUES ('u1', '{VIDEO}', 's1', 1, 'playing', 30, now(), now())""",
    "0005_jobs": """
        INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 't', '{}');
        INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) VALUES ('t', 1);
        INSERT INTO procrastinate_workers DEFAULT VALUES""",
    "0006_storage_space": f"INSERT INTO space_reservations VALUES ('{VIDEO}', 1000, now())",
    "0007_storage_identity": "INSERT INTO storage_identity (instance_id) VALUES ('one')",
    "0008_bytes_served": f"""
        INSERT INTO bytes_served VALUES ('2026-11-22', 'c1', '{VIDEO}', 'u1', 'stream', 1000);
        INSERT INTO bytes_served_writers VALUES ('{VIDEO}', 1)""",
    "0010_uploads": f"""
        INSERT INTO uploads (id, user_id, course_id, module_id, title, filename, metadata,
            length_bytes, expires_at)
        VALUES ('{VIDEO}', 'u2', 'c1', 'm1', 'Upload', 'b.mp4', '', 1000, now())""",
    "0011_storyboards": f"""
        INSERT INTO storyboard_files VALUES ('{VIDEO}', 0, 'cues.vtt', 1000, 'hash');
        INSERT INTO unmakable VALUES ('{VIDEO}', 'further-pictures', 'undecodable')""",
    "0013_text_tracks": f"""
        INSERT INTO text_tracks VALUES ('{VIDEO}', 'captions', 'en', 'WEBVTT', 'hash')""",
    "0015_unmakable_alternates": f"""
        INSERT INTO unmakable VALUES ('{VIDEO}', 'alternate-format', 'undecodable')""",
    "0020_s3_imports": f"""
        INSERT INTO s3_objects (id, bucket, key, etag, size_bytes, fetched)
        VALUES ('{VIDEO}', 'b', 'a.mp4', 'e', 1000, '{{[0,500)}}');
        INSERT INTO s3_modules VALUES ('m1', '{VIDEO}', 's3://b/a.mp4', '{VIDEO}')""",
    "0022_playing_from_s3": f"""
        INSERT INTO videos (id, course_id, module_id, title, original_filename, status,
            original_size_bytes, uploaded_by)
        VALUES ('{ANNOUNCED}', 'c1', 'm1', 'Video', 'b.mp4', 'announced', 1000, 'import-s3');
        INSERT INTO s3_modules (module_id, object_id, video_url, video_id, taken_at, is_local)
        VALUES ('m2', '{VIDEO}', 's3://b/b.mp4', '{ANNOUNCED}', NULL, false)""",
    "0033_document_keys": "INSERT INTO document_keys VALUES ('kid', 'x')",
    "0032_claims": f"""
        INSERT INTO playback_session_names VALUES ('u1', '{VIDEO}', 's2');
        UPDATE progress SET capped = '{{[30,60)}}';
        UPDATE playback_sessions SET claims_since = now(), claims_until = now(),
            allowed_s = 10, counted_s = 5""",
    "0023_storage_owner": "UPDATE storage_identity SET database_id = 'two', held_strays = 3",
    "0024_trash_clock": "INSERT INTO trash_marks VALUES (0, now())",
    "0037_media_differences": f"""
        INSERT INTO media_differences VALUES ('{VIDEO}', 'copy', '{{duration}}')""",
    "0044_upload_holders": """
        UPDATE uploads SET holder = 2, file_starts = '{0,4}', completing_at = now()""",
    "0056_erasures": f"""
        INSERT INTO erasures VALUES ('{VIDEO}', 'sealed');
        INSERT INTO enrollments (course_id, user_id, sealed_user_id)
        VALUES ('c1', 'erased-1', 'sealed')""",
    "0055_webhooks": """
        INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)
        VALUES ('w1', 'webhook', 'https://h/', '{video.ready}', 'sealed', 0);
        INSERT INTO webhook_deliveries
            (webhook_id, event_id, type, course_id, user_id, occurred_at, payload)
        VALUES ('w1', 1, 'video.ready', 'c1', 'u1', now(), '{}')""",
    "0050_viewing": f"""
        INSERT INTO course_viewers VALUES ('c1', 'u1', 0);
        INSERT INTO viewing_changes (changes) VALUES ('[]');
        INSERT INTO viewing_days VALUES ('{VIDEO}', '2026-12-01', 'c1', '1', 1, 3000, 0);
        INSERT INTO viewing_curves VALUES ('{VIDEO}', true, 3000, '{{1}}', '{{2}}')""",
    "0045_timelines": "INSERT INTO database_timelines VALUES (7, 0, 10)",
    "0062_large_tables": "INSERT INTO periodic_turns VALUES ('a task')",
    "0063_media_steps": "INSERT INTO media_steps VALUES ('remux', 'done', '{1, 0}', 0.5)",
    "0064_quality": f"""
        INSERT INTO quality_days VALUES ('{VIDEO}', '2026-12-01', 'phone', 'Safari', '4g', 'c1',
            '1', 1, 1, 0, 0, 1, 900, 89888, 0, 1, 1, 1, 1, 1, 2, 1000, 9000, 0, 0, 0, 0, 0)""",
    "0090_quality_sums": f"""
        INSERT INTO quality_sums (video_id, day, course_id, viewers, sessions, starts, failures,
            errors, startups, startup_ms, startup_points, startups_500, startups_1000,
            startups_2000, startups_4000, startups_8000, stalled_sessions, stalls, stalled_ms,
            played_ms, dropped_frames, bitrate_ms, bits, height_ms, height_lines)
        VALUES ('{VIDEO}', '2026-12-01', 'c1', '1', 1, 1, 0, 0, 1, 900, 89888, 0, 1, 1, 1, 1, 1,
            2, 1000, 9000, 0, 0, 0, 0, 0);
        INSERT INTO quality_unsummed VALUES ('c1', '2026-12-01')""",
    "0065_cmcd_sessions": f"INSERT INTO cmcd_sessions VALUES ('u1', '{VIDEO}', 'sid')",
    "0066_session_moments": f"""
        INSERT INTO session_moments (user_id, video_id, session_id, at, kind, details)
        VALUES ('u1', '{VIDEO}', 's1', now(), 'stalled', '{{}}')""",
    "0035_web_processes": f"INSERT INTO web_processes VALUES ('{VIDEO}', 'host', 'hash')",
    "0036_ladders": f"""
        INSERT INTO ladders (video_id, work_id, options, source_sha256)
        VALUES ('{VIDEO}', '{VIDEO}', 'auto', 'hash');
        INSERT INTO ladder_pieces (video_id, kind, number) VALUES ('{VIDEO}', 'coded', 0);
        INSERT INTO rungs (video_id, name, kind, position) VALUES ('{VIDEO}', 'v480', 'video', 0);
        INSERT INTO ladder_files VALUES ('{VIDEO}', 'v480.mp4', 'rung', 1000, 'hash')""",
    "0048_replacements": f"""
        INSERT INTO replacements (video_id, id, original_filename, source_format, facts,
            original_size_bytes, uploaded_by)
        VALUES ('{VIDEO}', '{VIDEO}', 'b.mp4', 'mp4', '{{}}', 1000, 'u2');
        INSERT INTO replaced_files VALUES ('{VIDEO}', 'a.mp4', 1000)""",
    "0049_audio_tracks": "UPDATE videos SET audio_tracks = '[]'",
    "0069_lesson_positions": "UPDATE videos SET position = 1",
    "0072_fact_versions": f"""
        INSERT INTO event_log (type, video_id, course_id, user_id, occurred_at, payload)
        VALUES ('video.updated', '{VIDEO}', 'c1', 'u1', now(), '{{}}')""",
    "0086_storage_totals": """
        INSERT INTO storage_of_courses VALUES ('c1', 1000);
        INSERT INTO storage_changes VALUES ('c1', 1000)""",
    "0095_packed_progress": f"""
        CREATE TABLE event_log_packed_2026120100 PARTITION OF event_log_packed
        FOR VALUES FROM ('2026-12-01 00:00+00') TO ('2026-12-01 01:00+00');
        INSERT INTO event_log_packed
        SELECT '2026-12-01 00:00+00', 1000, 1001, '{VIDEO}', 'c1', 'u1',
            array_agg(ROW(id, '2026-12-01 00:30+00', '2026-12-01 00:29+00', '{{}}')::packed_event)
        FROM generate_series(1000, 1001) AS id""",
    "0096_measures_by_place": """
        UPDATE playback_sessions SET sums = '["tv", "Safari", "4g", 900, false, true, 2, 70]'""",
    "0097_added_webhook_types": "UPDATE webhooks SET added_after = '{\"video.ready\": 7}'",
    "0040_file_pieces": f"INSERT INTO file_pieces VALUES ('{VIDEO}', 'v480.mp4', '')",
    "0041_course_offline": "UPDATE courses SET offline = false",
}
MEASURES = "0096_measures_by_place"
SESSIONS_OF_BEFORE = f"""
INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence, state, position_s,
    started_at, last_report_at, measures)
SELECT 'u1', '{VIDEO}', name, 1, 'playing', 30, now(), now(), measures::jsonb
FROM (VALUES ('s2', '{{"stalls": 1}}'), ('s3', NULL)) AS sessions (name, measures)
"""
MEASURED_BY_PLACE = "UPDATE playback_sessions SET sums = %s WHERE session_id = 's1'"
# Rows of older tables that a migration deletes: their meaning ends with it.
GIVEN_BACK = {
    "0015_unmakable_alternates": {"unmakable": 1},
    "0022_playing_from_s3": {"s3_modules": 1},
    "0056_erasures": {"enrollments": 1},
    "0095_packed_progress": {"event_log": 4},  # unpacked
}


@contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        yield connection


def column(dsn: str, sql: str) -> list[object]:
    with connected(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]


def own_objects(dsn: str) -> list[object]:
    """Tables, functions and types in our schema that are not yoyo's."""
    return column(
        dsn,
        """
        SELECT relname::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname !~ '^_?yoyo'
        UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT typname::text FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typname !~ '^_*yoyo' ORDER BY 1
        """,
    )


def row_counts(dsn: str) -> dict[str, int]:
    """Row counts by table of ours."""
    tables = column(
        dsn,
        """
        SELECT relname::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
          AND NOT relispartition AND relname !~ '^_?yoyo'
        """,
    )
    counted = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)
    with connected(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(counted or "SELECT 1 WHERE false")
        return dict(cursor.fetchall())


def first_migrations(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for path in REAL_MIGRATIONS.glob("0*.*"):
        if path.name.split(".")[0] in names:
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def write(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name.replace('__', '.')}.sql").write_text(text)
        return tmp_path

    return write


def test_the_real_migrations_go_up_down_and_up_again(empty_dsn: str) -> None:
    applied = migrate(empty_dsn, REAL_MIGRATIONS)
    first = own_objects(empty_dsn)
    rolled_back = rollback(empty_dsn, REAL_MIGRATIONS)
    left = own_objects(empty_dsn)
    migrate(empty_dsn, REAL_MIGRATIONS)

    assert applied == sorted(applied)
    assert rolled_back == applied[::-1]
    assert left == []
    assert own_objects(empty_dsn) == first


def test_modules_taken_over_before_are_given_the_content_they_were_taken_from(
    empty_dsn: str, tmp_path: Path
) -> None:
    """The content hash of a processed video beats the ledger of objects, which follows S3."""
    older = [path for path in REAL_MIGRATIONS.iterdir() if path.name < "0021"]
    for path in older:
        shutil.copy(path, tmp_path)
    migrate(empty_dsn, tmp_path)
    with connected(empty_dsn) as connection:
        connection.cursor().execute(TAKEN_BEFORE)
    migrate(empty_dsn, REAL_MIGRATIONS)
    taken = "SELECT concat_ws(' ', module_id, etag, size_bytes, sha256) FROM s3_modules ORDER BY 1"
    assert column(empty_dsn, taken) == ["m1 e 7 processed", "m2 e 7 fetched"]
    rollback(empty_dsn, REAL_MIGRATIONS)
    assert own_objects(empty_dsn) == []


def test_older_failures_are_verdicts_or_can_be_tried_again(empty_dsn: str, tmp_path: Path) -> None:
    for path in REAL_MIGRATIONS.iterdir():
        if path.name < "0027":
            shutil.copy(path, tmp_path)
    migrate(empty_dsn, tmp_path)
    with connected(empty_dsn) as connection:
        connection.cursor().execute(FAILED_BEFORE)

    migrate(empty_dsn, REAL_MIGRATIONS)

    final = "SELECT failure_code FROM videos WHERE is_failure_final ORDER BY 1"
    assert column(empty_dsn, final) == ["too-complex", "undecodable"]
    assert column(empty_dsn, "SELECT code FROM unmakable ORDER BY 1") == [
        "too-complex",
        "undecodable",
    ]
    refused = "SELECT key FROM s3_objects WHERE refused_for IS NOT NULL"
    assert column(empty_dsn, refused) == ["sound"]


def test_files_stored_before_count_for_the_quota(empty_dsn: str, tmp_path: Path) -> None:
    for path in REAL_MIGRATIONS.iterdir():
        if path.name < "0086":
            shutil.copy(path, tmp_path)
    migrate(empty_dsn, tmp_path)
    with connected(empty_dsn) as connection:
        connection.cursor().execute(TAKEN_BEFORE)

    migrate(empty_dsn, REAL_MIGRATIONS)

    assert column(empty_dsn, "SELECT used_bytes FROM storage_used") == [7]
    assert column(empty_dsn, "SELECT course_id FROM storage_differences") == []


def test_measures_by_place_are_named_again_when_that_is_undone(
    empty_dsn: str, tmp_path: Path
) -> None:
    """Sessions of before keep theirs, and delay the form that servers of before do not know."""
    names = sorted({path.name.split(".")[0] for path in REAL_MIGRATIONS.glob("0*.*")})
    names = [name for name in names if name <= MEASURES]
    migrate(empty_dsn, first_migrations(tmp_path / "before", names[:-1]))
    with connected(empty_dsn) as connection:
        for name in names[:-1]:
            connection.cursor().execute(ROWS.get(name, "SELECT 1"))
        connection.cursor().execute(SESSIONS_OF_BEFORE)
    migrate(empty_dsn, first_migrations(tmp_path / "now", names))
    measures = SessionMeasures("tv", startup_ms=900, has_error=True, bits=2**40, moments=3)
    with connected(empty_dsn) as connection:
        by_place = msgspec.json.encode(measures).decode()
        connection.cursor().execute(MEASURED_BY_PLACE, (by_place,))
    assert column(empty_dsn, "SELECT sums_from > now() + '24h' FROM viewing_upkeep") == [True]

    assert rollback(empty_dsn, tmp_path / "now", 1) == [MEASURES]

    named = msgspec.structs.asdict(measures)
    stored = "SELECT measures FROM playback_sessions ORDER BY session_id"
    assert column(empty_dsn, stored) == [named, {"stalls": 1}, None]


def test_a_new_database_has_measures_by_place_at_once(dsn: str) -> None:
    assert column(dsn, "SELECT sums_from <= now() FROM viewing_upkeep") == [True]


def test_every_migration_is_applied_and_undone_with_data_in_the_tables(
    empty_dsn: str, tmp_path: Path
) -> None:
    """Existing rows stay, except those that only the migration made possible."""
    files = {path.name.split(".")[0]: path for path in sorted(REAL_MIGRATIONS.glob("0*.*"))}
    counts: dict[str, int] = {}
    states = [counts]
    for number, name in enumerate(files):
        folder = first_migrations(tmp_path / name, list(files)[: number + 1])
        assert migrate(empty_dsn, folder) == [name]
        assert row_counts(empty_dsn).items() >= counts.items(), name
        with connected(empty_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(ROWS.get(name, "SELECT 1"))
        counts = row_counts(empty_dsn)
        assert [table for table, count in counts.items() if not count] == [], f"{name} in ROWS"
        states.append(counts)

    for name in reversed(files):
        states.pop()
        assert rollback(empty_dsn, REAL_MIGRATIONS, 1) == [name]
        left = row_counts(empty_dsn)
        assert left == {table: counts[table] for table in states[-1]} | GIVEN_BACK.get(name, {})
        counts = left
    assert migrate(empty_dsn, REAL_MIGRATIONS) == list(files)


def test_a_migrated_database_has_nothing_pending(dsn: str) -> None:
    assert pending(dsn, REAL_MIGRATIONS) == []
    assert migrate(dsn, REAL_MIGRATIONS) == []


def test_asking_what_is_pending_leaves_no_trace(
    empty_dsn: str, folder: Callable[..., Path]
) -> None:
    missing = pending(empty_dsn, folder(a="SELECT 1"))

    assert missing == ["a"]
    assert column(empty_dsn, "SELECT tablename FROM pg_tables WHERE tablename ~ 'yoyo'") == []


def test_a_folder_without_migrations_is_up_to_date(empty_dsn: str, tmp_path: Path) -> None:
    assert migrate(empty_dsn, tmp_path) == []


def test_a_failing_migration_leaves_itself_undone_and_the_ones_before_applied(
    empty_dsn: str, folder: Callable[..., Path]
) -> None:
    migrations = folder(a="CREATE TABLE one ()", b="CREATE TABLE two (); SELECT broken")

    with pytest.raises(MigrationFailed, match="broken"):
        migrate(empty_dsn, migrations)

    assert column(
        empty_dsn,
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        " AND tablename IN ('one', 'two')",
    ) == ["one"]
    assert pending(empty_dsn, migrations) == ["b"]


def test_a_dependency_that_is_not_there_is_reported(
    empty_dsn: str, folder: Callable[..., Path]
) -> None:
    with pytest.raises(MigrationFailed, match="dependencies"):
        migrate(empty_dsn, folder(a="-- depends: nowhere\nSELECT 1"))


def test_a_step_outside_transactions_is_applied_and_marked(
    empty_dsn: str, folder: Callable[..., Path]
) -> None:
    migrations = folder(
        a="CREATE TABLE one (id int)",
        b="-- transactional: false\n-- depends: a\nCREATE INDEX CONCURRENTLY ones ON one (id)",
    )

    assert migrate(empty_dsn, migrations) == ["a", "b"]
    assert pending(empty_dsn, migrations) == []


def test_what_a_statement_answers_is_not_printed(
    empty_dsn: str, folder: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    migrate(empty_dsn, folder(a="SELECT 1"))
    assert capfd.readouterr() == ("", "")


def test_the_lock_row_of_a_killed_migration_does_not_block_the_next(
    empty_dsn: str, folder: Callable[..., Path]
) -> None:
    migrations = folder(a="CREATE TABLE one ()")
    migrate(empty_dsn, migrations)
    with connected(empty_dsn) as connection:
        connection.cursor().execute(
            "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)"
        )
    folder(b="CREATE TABLE two ()")

    assert migrate(empty_dsn, migrations) == ["b"]


def test_a_migration_killed_in_the_middle_is_applied_by_the_next(
    empty_dsn: str, folder: Callable[..., Path]
) -> None:
    migrations = folder(a="CREATE TABLE one (); SELECT pg_advisory_lock(1)")
    with connected(empty_dsn) as holder:
        holder.cursor().execute("SELECT pg_advisory_lock(1)")
        migrator = start_migrator(empty_dsn, migrations)
        wait_for_waiters(empty_dsn)
        migrator.send_signal(signal.SIGKILL)
        migrator.wait()
        assert pending(empty_dsn, migrations) == ["a"]

    assert migrate(empty_dsn, migrations) == ["a"]


def test_migrators_take_turns(empty_dsn: str, folder: Callable[..., Path]) -> None:
    migrations = folder(a="CREATE TABLE one ()")
    applied: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(migrate(empty_dsn, migrations)))
        for _ in range(3)
    ]
    with connected(empty_dsn) as holder:
        holder.cursor().execute(lock_migrations())
        for thread in threads:
            thread.start()
        wait_for_waiters(empty_dsn, count=3)
    for thread in threads:
        thread.join()

    assert sorted(applied) == [[], [], ["a"]]


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate(f"host={tmp_path} dbname=nothing", tmp_path)
    with pytest.raises(DatabaseUnavailable):
        pending(f"host={tmp_path} dbname=nothing", tmp_path)


def start_migrator(dsn: str, migrations: Path) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from pathlib import Path; from db.postgres.migrations import migrate;"
        "migrate(sys.argv[1], Path(sys.argv[2]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, dsn, str(migrations)],
        cwd=ROOT,
        env={"PATH": os.defpath},
    )


def wait_for_waiters(dsn: str, count: int = 1) -> None:
    """Return when `count` sessions of this database wait for an advisory lock."""
    with connected(dsn) as connection, connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event = 'advisory'"
            )
            if cursor.fetchone() == (count,):
                return
            cursor.execute("SELECT pg_sleep(0.02)")
