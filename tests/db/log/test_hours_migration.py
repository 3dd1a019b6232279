"""A log with days of before: no row is moved, all is read, new days take progress apart."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from db.postgres.migrations import MIGRATIONS, migrate, rollback

NAME = "0092_hours_of_progress"
FILL = """
SELECT event_log_add_days((now() AT TIME ZONE 'UTC')::date - 3, 12);
INSERT INTO event_log (type, course_id, user_id, occurred_at, payload, recorded_at)
SELECT type, 'c1', 'u1', now(), '{}', now() - n * interval '1 day'
FROM unnest('{playback.progress,enrollment.changed}'::text[]) AS type,
    unnest('{3,2,0,-20}'::int[]) AS n
"""
INSERT = """
INSERT INTO event_log (type, course_id, user_id, occurred_at, payload, recorded_at)
VALUES (%s, 'c1', 'u1', now(), '{}', now() + %s * interval '1 day')
"""
NODES = "SELECT oid, relfilenode FROM pg_class WHERE oid = ANY(%s) ORDER BY 1"
DAYS = """
SELECT inhrelid FROM pg_inherits WHERE inhparent = 'event_log'::regclass
    AND inhrelid::regclass::text ~ '^event_log_[0-9]{8}$'
"""
INDEXES = "SELECT indexrelid FROM pg_index WHERE indrelid = ANY(%s) ORDER BY 1"
EVENTS = "SELECT id, type, course_id, user_id, recorded_at FROM event_log ORDER BY id"


class Log:
    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()

    def run(self, sql: str, *parameters: object) -> list[Any]:
        self._cursor.execute(sql, parameters or None)
        return list(self._cursor.fetchall()) if self._cursor.description else []

    def column(self, sql: str, *parameters: object) -> list[Any]:
        return [row[0] for row in self.run(sql, *parameters)]

    def append(self, event_type: str, days_ahead: int) -> str:
        """Returns the partition that it went to."""
        [[name]] = self.run(INSERT + "RETURNING tableoid::regclass::text", event_type, days_ahead)
        return str(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations before this one."""
    for path in MIGRATIONS.iterdir():
        if path.name < NAME:
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def older(empty_dsn: str, folder: Path) -> str:
    migrate(empty_dsn, folder)
    for path in MIGRATIONS.glob(f"{NAME}.*"):
        shutil.copy(path, folder)
    return empty_dsn


@pytest.fixture
def log(older: str) -> Any:
    with closing(psycopg2.connect(older)) as connection:
        connection.autocommit = True
        yield Log(connection)


def test_days_with_events_stay_as_they_are_until_they_are_dropped(
    log: Log, older: str, folder: Path
) -> None:
    log.run(FILL)
    events = log.run(EVENTS)
    days = log.column(DAYS)
    nodes = dict(log.run(NODES, days))

    migrate(older, folder)

    assert log.run(EVENTS) == events
    kept = log.column(DAYS)
    assert len(kept) == 4  # from the first with events to the last, the empty one between them too
    assert dict(log.run(NODES, kept)).items() <= nodes.items()
    assert log.run("SELECT conname FROM pg_constraint WHERE conname = 'of_the_day'") == []
    assert len(log.column(INDEXES, kept)) == 6 * len(kept)


def test_the_days_after_those_with_events_have_hours_for_progress(
    log: Log, older: str, folder: Path
) -> None:
    log.run(FILL)
    migrate(older, folder)
    today, tomorrow = log.column(
        "SELECT to_char((now() AT TIME ZONE 'UTC')::date + n, 'YYYYMMDD')"
        " FROM unnest('{0,1}'::int[]) AS n"
    )
    log.run("SELECT event_log_add_hours(now() + interval '1 day', 1)")

    assert log.append("playback.progress", 0) == f"event_log_{today}"
    assert log.append("playback.progress", 1).startswith(f"event_log_progress_{tomorrow}")
    assert log.append("playback.started", 1) == f"event_log_{tomorrow}"
    assert log.append("playback.progress", 40) == "event_log_progress_default"


def test_a_log_without_events_has_hours_at_once(log: Log, older: str, folder: Path) -> None:
    migrate(older, folder)

    assert log.append("playback.progress", 0).startswith("event_log_progress_2")
    assert log.column(DAYS) == []


def test_taken_back_and_done_again_it_keeps_each_event(log: Log, older: str, folder: Path) -> None:
    log.run(FILL)
    migrate(older, folder)
    log.append("playback.progress", 0)
    log.append("playback.progress", 1)
    log.append("video.ready", 1)
    events = log.run(EVENTS)

    assert rollback(older, folder, 1) == [NAME]
    assert log.run(EVENTS) == events
    [last_id] = log.column("SELECT max(id) FROM event_log")
    log.append("video.ready", 0)
    assert log.column("SELECT max(id) FROM event_log") == [last_id + 1]

    migrate(older, folder)
    assert log.run(EVENTS)[:-1] == events


def test_killed_before_its_end_it_is_repeated(log: Log, older: str, folder: Path) -> None:
    log.run(FILL)
    events = log.run(EVENTS)
    migrate(older, folder)
    log.run("DELETE FROM _yoyo_migration WHERE migration_id = %s", NAME)

    assert migrate(older, folder) == [NAME]

    assert log.run(EVENTS) == events


def test_it_waits_in_turns_for_a_transaction_that_reads(log: Log, older: str, folder: Path) -> None:
    log.run(FILL)
    with closing(psycopg2.connect(older)) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event_log")
        with ThreadPoolExecutor(1) as beside:
            migrating = beside.submit(migrate, older, folder)
            began_at_s = time.monotonic()
            while time.monotonic() < began_at_s + 1.5:
                log.append("playback.progress", 0)  # within its time-out for locks, again and again
                time.sleep(0.05)
            assert not migrating.done()
            reader.rollback()
            assert migrating.result(timeout=60) == [NAME]
