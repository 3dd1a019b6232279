"""`check` as an operator calls it."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

import run_server
from storage.paths import StoragePaths
from tests.service.pairing import paired_storage

SECRET = "a secret of at least thirty-two bytes"

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def storage(dsn: str, tmp_path: Path) -> StoragePaths:
    return paired_storage(dsn, tmp_path / "data" / "storage")


@pytest.fixture
def check(
    dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Check:
    """Calls it: exit code, standard output, standard error."""
    part = parse_dsn(dsn)
    reached_by = urlencode({name: part[name] for name in ("host", "port", "passfile")})
    url = f"postgresql://{part['user']}@/{part['dbname']}?{reached_by}"
    monkeypatch.setattr(run_server, "ENV_FILE", tmp_path / ".env")
    for name, value in (
        ("DATA_DIR", str(tmp_path / "data")),
        ("DATABASE_URL", url),
        ("JWT_SECRET", SECRET),
    ):
        monkeypatch.setenv(f"COURSESTREAM_{name}", value)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run_server.main(["check", *arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def mess(dsn: str, storage: StoragePaths) -> dict[str, UUID]:
    """One finding of each kind but the hash."""
    ids = {name: uuid4() for name in ("lost", "stuck", "stray", "young")}
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO courses (id, title) VALUES ('c1', 'One')")
        cursor.execute("INSERT INTO modules VALUES ('m1', 'c1', 'M', 0)")
        for name in ("lost", "stuck"):
            cursor.execute(
                "INSERT INTO videos (id, course_id, module_id, title, original_filename,"
                " duration_s, width, height, container, video_codec, mime_type, is_playable,"
                " original_size_bytes, uploaded_by, status) VALUES (%s, 'c1', 'm1', 't', 'f', 1,"
                " 4, 3, 'mp4', 'h264', 'video/mp4', true, 5, 'tess', %s)",
                (str(ids[name]), "processing"),
            )
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock) VALUES ('media',"
            " 'process_video', %s)",
            (str(ids["lost"]),),
        )
    connection.close()
    for name, content, age_s in (
        ("stuck", b"1234", 9999),
        ("stray", b"12345", 9999),
        ("young", b"12345", 0),
    ):
        path = storage.video_dir("c1", ids[name]) / "original.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        for one in (path, path.parent):
            os.utime(one, (time.time() - age_s, time.time() - age_s))
    return ids


def kinds(out: str) -> list[tuple[str, str | None, bool]]:
    return [(one["kind"], one["video_id"], one["is_mended"]) for one in json.loads(out)["findings"]]


def test_nothing_to_tell_is_success(check: Check, storage: StoragePaths) -> None:
    code, out, err = check()
    needed, last = out.splitlines()
    assert (code, last, err) == (0, "0 videos and 0 files compared: all is well", "")
    assert needed.startswith("each `serve` with these settings takes up to 19 connections")
    assert needed.endswith("those that run now (web processes: 0, media workers: 0)")
    code, out, _ = check("--json")
    lists: dict[str, list[Any]] = {
        name: [] for name in ("findings", "courses", "media_differences", "figures", "trash")
    }
    nothing = {"videos": 0, "files": 0, **lists}
    restored = {"files": [], "blocked": []}
    told = json.loads(out)
    assert told.pop("database_connections") == {
        "needed": 19,
        "allowed": 97,
        "web_processes": 0,
        "media_workers": 0,
        "needed_by_all": 0,
    }
    assert (code, told) == (
        0,
        nothing | {"restored": restored, "are_strays_held": False},
    )


def test_connections_are_counted_for_all_processes_that_run(
    check: Check, dsn: str, storage: StoragePaths
) -> None:
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO web_processes (id, host, secrets_sha256, seen_at) SELECT"
            " gen_random_uuid(), 'elsewhere', 'x', now() - make_interval(secs => age_s)"
            " FROM unnest('{0, 9, 60}'::int[]) AS age_s"
        )
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now()), (now() - interval '1 minute')"
        )
    connection.close()

    _, out, _ = check("--json")

    told = json.loads(out)["database_connections"]
    assert (told["web_processes"], told["media_workers"]) == (2, 1)
    assert told["needed_by_all"] == 2 * 13 + 6
    _, out, _ = check()
    assert "max_connections = 45 is needed" in out
    assert "(web processes: 2, media workers: 1)" in out


def test_media_that_differ_from_their_upload_are_listed_and_no_fault(
    check: Check, dsn: str, mess: dict[str, UUID]
) -> None:
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO media_differences VALUES (%s, 'conversion', '{first-picture,size}')",
            (str(mess["stuck"]),),
        )
    connection.close()
    row = ["conversion", str(mess["stuck"]), "first-picture,", "size"]

    _, table, _ = check()
    _, out, _ = check("--repair", "--json")

    assert row in [line.split() for line in table.splitlines()]
    assert json.loads(out)["media_differences"] == [
        {
            "video_id": str(mess["stuck"]),
            "course_id": "c1",
            "made": "conversion",
            "names": ["first-picture", "size"],
        }
    ]


def test_table_tells_everything(check: Check, mess: dict[str, UUID]) -> None:
    code, out, _ = check()

    lines = out.splitlines()
    assert code == 1
    assert lines[0].split() == ["finding", "video", "path", "detail", "done"]
    assert lines[-1] == "2 videos and 3 files compared: 7 findings, 7 left"
    for said, name in (
        ("row without file", "lost"),
        ("size differs", "stuck"),
        ("stuck without job", "stuck"),
        ("file without row", "stray"),
    ):
        assert any(line.startswith(said) and str(mess[name]) in line for line in lines)
    assert "4 bytes instead of 5" in out
    assert "changed less than 1 h ago" in out
    assert ["c1", "2", "3", "10", "14"] in [line.split() for line in lines]


def test_repair_mends_what_it_can_and_says_so(
    check: Check, mess: dict[str, UUID], storage: StoragePaths
) -> None:
    before = sorted(storage.courses.rglob("*"))
    assert check("--json")[0] == 1
    assert sorted(storage.courses.rglob("*")) == before

    code, out, _ = check("--json", "--repair")

    lost, stuck, stray, young = (str(mess[name]) for name in ("lost", "stuck", "stray", "young"))
    expected = [
        *[("stray", stray, True)] * 2,
        *[("stray", young, False)] * 2,
        ("missing", lost, True),
        ("size-differs", stuck, False),
        ("stuck", stuck, True),
    ]
    assert code == 1
    assert sorted(kinds(out)) == sorted(expected)
    assert json.loads(out)["courses"] == [
        {"course_id": "c1", "videos": 2, "files": 3, "recorded_bytes": 10, "stored_bytes": 14}
    ]
    code, out, _ = check("--json")
    assert sorted(one[0] for one in kinds(out)) == ["size-differs", "stray", "stray"]
    assert not storage.video_dir("c1", mess["stray"]).exists()


def test_repair_of_everything_is_success(
    check: Check, storage: StoragePaths, mess: dict[str, UUID]
) -> None:
    for name, size in (("stuck", 5), ("lost", 5)):
        path = storage.video_dir("c1", mess[name]) / "original.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
    shutil.rmtree(storage.video_dir("c1", mess["young"]))

    assert check("--repair")[0] == 0
    assert check()[0] == 0


def test_deep_reads_the_files(check: Check, dsn: str, mess: dict[str, Any]) -> None:
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE videos SET original_size_bytes = 4, original_sha256 = 'x'")
    connection.close()

    assert "hash-differs" not in check("--json")[1]
    assert "hash-differs" in check("--json", "--deep")[1]


def test_deep_recounts_figures_and_repairs_them(
    check: Check, dsn: str, storage: StoragePaths, mess: dict[str, Any]
) -> None:
    video = str(mess["lost"])
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO progress (user_id, video_id, course_id, watched, watched_s)"
            " VALUES ('ada', %s, 'c1', '{[0,5)}', 5)",
            (video,),
        )
    connection.close()
    assert json.loads(check("--json", "--deep")[1])["figures"] == []
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE viewing_days SET watched_cs = 7")
    connection.close()

    differing = {"course_id": "c1", "video_id": video, "names": ["watched"], "is_mended": False}
    assert json.loads(check("--json")[1])["figures"] == []
    assert json.loads(check("--json", "--deep")[1])["figures"] == [differing]
    assert "recounted" in check("--deep", "--repair")[1]
    assert json.loads(check("--json", "--deep")[1])["figures"] == []


def test_deep_recounts_storage_by_course_and_repairs_it(
    check: Check, dsn: str, mess: dict[str, Any]
) -> None:
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO storage_changes VALUES ('c1', 7)")
    connection.close()

    differing = {"course_id": "c1", "video_id": None, "names": ["storage"], "is_mended": False}
    assert json.loads(check("--json", "--deep")[1])["figures"] == [differing]
    assert "storage  recounted" in check("--deep", "--repair")[1]
    assert json.loads(check("--json", "--deep")[1])["figures"] == []


def test_storage_without_marker_is_not_looked_at(check: Check, storage: StoragePaths) -> None:
    storage.marker.unlink()

    code, out, err = check("--repair")

    assert (code, out) == (2, "")
    assert "marker" in err


def test_foreign_storage_is_refused(check: Check, storage: StoragePaths) -> None:
    theirs = storage.video_dir("c9", uuid4()) / "original.mp4"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"1")
    os.utime(theirs, (0, 0))
    storage.owner.write_text("another\n")

    code, _, err = check("--repair")

    assert code == 2
    assert "another database" in err
    assert theirs.exists()


def test_database_that_does_not_run_is_not_started(
    check: Check, storage: StoragePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSESTREAM_DATABASE_URL")

    code, _, err = check()

    assert code == 2
    assert "run_server.py serve" in err


def test_repaired_strays_are_listed_in_the_trash_and_come_back(
    check: Check, storage: StoragePaths, mess: dict[str, UUID]
) -> None:
    stray = storage.video_dir("c1", mess["stray"]) / "original.mp4"
    assert "more than a sweep moves to the trash by itself" in check()[1]
    assert json.loads(check("--json")[1])["are_strays_held"]

    out = check("--repair")[1]
    assert "moved to the trash" in out
    assert "in the trash since" in out
    assert not stray.exists()
    (batch,) = json.loads(check("--json")[1])["trash"]
    assert (batch["files"], batch["size_bytes"]) == (1, 5)

    assert "1 files were put back from the trash" in check("--restore-trash")[1]
    assert stray.read_bytes() == b"12345"
    assert json.loads(check("--json")[1])["trash"] == []
