import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from db.errors import DatabaseUnavailable
from db.migrate import LOCK_KEY, MigrationFailed, migrate, pending, rollback_all

ROOT = Path(__file__).resolve().parents[2]
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
    rolled_back = rollback_all(empty_dsn, REAL_MIGRATIONS)
    left = own_objects(empty_dsn)
    migrate(empty_dsn, REAL_MIGRATIONS)

    assert applied == sorted(applied)
    assert rolled_back == applied[::-1]
    assert left == []
    assert own_objects(empty_dsn) == first


def test_modules_taken_over_before_are_given_the_content_they_were_taken_from(
    empty_dsn: str, tmp_path: Path
) -> None:
    """What was processed knows it better than the ledger of objects, which follows S3."""
    older = [path for path in REAL_MIGRATIONS.iterdir() if path.name < "0021"]
    for path in older:
        shutil.copy(path, tmp_path)
    migrate(empty_dsn, tmp_path)
    with connected(empty_dsn) as connection:
        connection.cursor().execute(TAKEN_BEFORE)
    migrate(empty_dsn, REAL_MIGRATIONS)
    taken = "SELECT concat_ws(' ', module_id, etag, size_bytes, sha256) FROM s3_modules ORDER BY 1"
    assert column(empty_dsn, taken) == ["m1 e 7 processed", "m2 e 7 fetched"]
    rollback_all(empty_dsn, REAL_MIGRATIONS)
    assert own_objects(empty_dsn) == []


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


def test_a_dependency_that_is_not_there_is_told(
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
        holder.cursor().execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
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
        "import sys; from pathlib import Path; from db.migrate import migrate;"
        "migrate(sys.argv[1], Path(sys.argv[2]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, dsn, str(migrations)],
        cwd=ROOT,
        env={"PATH": os.defpath},
    )


def wait_for_waiters(dsn: str, count: int = 1) -> None:
    """Returns when `count` sessions of this database wait for an advisory lock."""
    with connected(dsn) as connection, connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event = 'advisory'"
            )
            if cursor.fetchone() == (count,):
                return
            cursor.execute("SELECT pg_sleep(0.02)")
