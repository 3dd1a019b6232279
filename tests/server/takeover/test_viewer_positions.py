"""`import-s3 --progress-table`: viewers' places from a legacy database that is real."""

import csv
import os
import signal
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

import run_server
from db.takeover import legacy
from events.takeover.viewer_positions import Backfill
from storage.paths import StoragePaths
from storage.samples import write_clock_mp4
from tests.faults.conftest import url_of
from tests.programs.object_store import BUCKET, ObjectStore

LEGACY = f"""
CREATE SCHEMA academy;
CREATE TABLE academy.lessons (id text, course_id text, title text, position int, video_url text);
INSERT INTO academy.lessons VALUES
    ('m1', 'c1', 'One', 1, 's3://{BUCKET}/a.mp4'), ('m2', 'c1', 'Two', 2, 's3://{BUCKET}/b.mp4'),
    ('m3', 'c1', 'Reading', 3, NULL);
CREATE TABLE academy.user_progress (
    student text, lesson_id text, progress_seconds numeric, completed boolean,
    updated_at timestamp);
"""
FIRST = """
INSERT INTO academy.user_progress VALUES
    ('ann', 'm1', 1, false, '2026-01-01 12:00'), ('ben', 'm1', 0.5, true, '2026-01-01 12:00'),
    ('ann', 'm3', 7, false, NULL), ('a b', 'm1', 1, false, NULL), ('cat', 'm1', -1, false, NULL)
"""
STATES = """
SELECT p.user_id, m.module_id, p.position_s, p.position_at::text, p.watched::text,
    p.completed_at::text
FROM progress p JOIN s3_modules m USING (video_id) ORDER BY 1, 2
"""
NAMES = ("--progress-columns", "user_id=student,module_id=lesson_id")


@pytest.fixture
def store(store: ObjectStore, tmp_path: Path) -> ObjectStore:
    """With one lecture."""
    write_clock_mp4(tmp_path / "film.mp4", 2, (160, 90))
    store.put("a.mp4", (tmp_path / "film.mp4").read_bytes())
    return store


@dataclass
class Academy:
    """A course service to leave, its database beside ours, and the command that leaves it."""

    dsn: str
    directory: Path
    store: ObjectStore
    capsys: Any

    def execute(self, statement: str) -> None:
        with closing(psycopg2.connect(self.dsn)) as connection, connection:
            connection.cursor().execute(statement)

    def rows(self, sql: str) -> list[Any]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SET timezone = 'UTC'")
            cursor.execute(sql)
            return list(cursor.fetchall())

    def leave(self, *more: str) -> tuple[int, list[str], str]:
        """Exit code, the last lines of what is printed, what is complained of."""
        source = ("--from-database", url_of(self.dsn), "--modules-table", "academy.lessons")
        arguments = ("import-s3", *source, "--endpoint-url", self.store.endpoint_url, *more)
        code = run_server.main(list(arguments))
        out, err = self.capsys.readouterr()
        return code, out.splitlines(), err

    def carry(self, *more: str) -> tuple[int, str]:
        """Exit code, and what is told of viewers' places."""
        table = ("--progress-table", "academy.user_progress", *NAMES)
        code, lines, err = self.leave(*table, *more)
        assert err == ""
        return code, lines[-1].removeprefix("viewers' places: ")


@pytest.fixture
def academy(
    dsn: str,
    tmp_path: Path,
    store: ObjectStore,
    own_settings: None,
    capsys: pytest.CaptureFixture[str],
) -> Academy:
    StoragePaths(tmp_path / "data" / "storage").prepare()
    made = Academy(dsn, tmp_path, store, capsys)
    made.execute(LEGACY + FIRST)
    return made


ANN = ("ann", "m1", 1.0, "2026-01-01 12:00:00+00", "{[0.00,1.00)}", None)
BEN = ("ben", "m1", 0.5, "2026-01-01 12:00:00+00", "{[0.00,0.50)}", "2026-01-01 12:00:00+00")


def test_places_are_carried_over_with_the_lectures_and_once(academy: Academy) -> None:
    said = "2 {}, 1 no-module, 1 bad-user-id, 1 unreadable, 2 not-enrolled"
    first, second = "carried over, 0 there before", "there before"
    assert academy.carry() == (1, said.format(first))
    assert academy.rows(STATES) == [ANN, BEN]
    before = academy.rows("SELECT * FROM progress ORDER BY 1")
    assert academy.carry() == (1, f"0 carried over, {said.format(second)}")
    assert academy.rows("SELECT * FROM progress ORDER BY 1") == before
    assert academy.rows("SELECT 1 FROM enrollments") == []


def test_what_happened_in_the_old_service_meanwhile_is_carried_by_the_next_run(
    academy: Academy,
) -> None:
    academy.execute("DELETE FROM academy.user_progress WHERE student NOT IN ('ann', 'ben')")
    academy.execute("DELETE FROM academy.user_progress WHERE lesson_id = 'm3'")
    assert academy.carry()[0] == 1, "an object is missing"
    academy.execute(
        "INSERT INTO academy.user_progress VALUES ('ann', 'm2', 1, false, '2026-01-02 12:00');"
        "UPDATE academy.user_progress SET progress_seconds = 0.25, updated_at = '2026-01-02 12:00',"
        " completed = false WHERE student = 'ben'"
    )
    academy.store.put("b.mp4", (academy.directory / "film.mp4").read_bytes())
    assert academy.carry() == (0, "2 carried over, 1 there before, 2 not-enrolled")
    later = "2026-01-02 12:00:00+00"
    assert academy.rows(STATES) == [
        ANN,
        ("ann", "m2", 1.0, later, "{[0.00,1.00)}", None),
        ("ben", "m1", 0.25, later, "{[0.00,0.50)}", BEN[5]),
    ]


def test_the_report_tells_each_place_that_somebody_has_to_see_to(academy: Academy) -> None:
    report = academy.directory / "places.csv"
    academy.carry("--progress-report", str(report))
    with report.open(encoding="utf-8", newline="") as file:
        rows = [tuple(row.values())[:4] for row in csv.DictReader(file)]
    assert rows == [
        ("no-module", "ann", "m3", ""),
        ("bad-user-id", "a b", "m1", ""),
        ("unreadable", "cat", "m1", ""),
        ("not-enrolled", "ann", "", "c1"),
        ("not-enrolled", "ben", "", "c1"),
    ]


def test_a_dry_run_tells_what_could_be_carried_over(academy: Academy) -> None:
    report = academy.directory / "places.csv"
    told = academy.carry("--dry-run", "--progress-report", str(report))
    assert told == (1, "2 to be carried over, 1 no-module, 1 bad-user-id, 1 unreadable")
    assert report.read_text().count("\n") == 4
    assert academy.rows("SELECT 1 FROM progress") == []


def test_places_in_percent_of_a_large_table(
    academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Percentages of any column type, in several batches."""
    monkeypatch.setattr(legacy, "ROWS_AT_ONCE", 40)
    academy.execute(
        "CREATE TABLE academy.percents AS SELECT 'u' || n AS user_id, 'm1' AS module_id,"
        " '50' AS share, 0 AS completed, now() AS updated_at FROM generate_series(1, 100) n"
    )
    columns = ("--progress-columns", "percent=share")
    _, lines, _ = academy.leave("--progress-table", "academy.percents", *columns)
    assert lines[-1] == "viewers' places: 100 carried over, 0 there before, 100 not-enrolled"
    found = academy.rows("SELECT count(*), round(avg(position_s)::numeric, 2) FROM progress")
    assert [(count, float(position)) for count, position in found] == [(100, 1.0)]


def test_stopped_in_the_middle_it_is_reported_and_goes_on(
    academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry = Backfill.carry

    async def stopping(self: Backfill, rows: Sequence[legacy.LegacyProgress]) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return await carry(self, rows)

    monkeypatch.setattr(legacy, "ROWS_AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Backfill, "carry", stopping)
        said = "1 carried over, 0 there before, 1 not-enrolled; interrupted, run again"
        assert academy.carry() == (1, said)
    assert academy.rows(STATES) == [ANN]
    academy.carry()
    assert academy.rows(STATES) == [ANN, BEN]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--progress-table", "nowhere"], 'relation "nowhere" does not exist'),
        (["--progress-table", "academy.user_progress"], 'column "user_id" does not exist'),
        (
            [
                "--progress-table",
                "academy.user_progress",
                NAMES[0],
                f"{NAMES[1]},updated_at=completed",
            ],
            "cannot cast type boolean to timestamp with time zone",
        ),
        (["--progress-columns", "percent=x"], "need --progress-table"),
        (["--progress-report", "r.csv"], "need --progress-table"),
        (
            ["--progress-table", "academy.user_progress", *NAMES, "--progress-report", "/no/r.csv"],
            "cannot be written",
        ),
    ],
)
def test_what_makes_no_sense_is_reported_before_anything_is_fetched(
    academy: Academy, arguments: list[str], said: str
) -> None:
    code, lines, err = academy.leave(*arguments)
    assert (code, lines) == (2, [])
    assert said in err
    assert academy.rows("SELECT 1 FROM s3_objects") == []


def test_places_need_a_database(academy: Academy, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--manifest", "m.csv", "--progress-table", "user_progress"]
    assert run_server.main(["import-s3", *arguments]) == 2
    assert "--progress-table needs --from-database" in capsys.readouterr().err
