"""`import-s3` as an operator calls it, before an S3 and a legacy database that are real."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

import run_server
from db.takeover.legacy import LegacyModule
from server.takeover.inventory import plain_title, read_manifest
from tests.faults.conftest import url_of
from tests.harness.running import ROOT
from tests.programs.object_store import BUCKET, ObjectStore

LEGACY = """
CREATE SCHEMA academy;
CREATE TABLE academy.lessons (
    lesson_id bigint PRIMARY KEY, course_id bigint, title text, place smallint, video_url text);
"""
LONGEST = "k" * 1020 + ".mp4"
GB = 10**9

Import = Callable[..., tuple[int, str, str]]


@pytest.fixture
def import_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Import:
    """Calls it: exit code, standard output, standard error."""
    monkeypatch.setattr(run_server, "ENV_FILE", tmp_path / ".env")
    monkeypatch.setenv("COURSESTREAM_DATA_DIR", str(tmp_path / "data"))

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = run_server.main(["import-s3", "--dry-run", *arguments])
        except SystemExit as exc:
            code = int(exc.code or 0)
        return code, *capsys.readouterr()

    return call


Manifest = Callable[..., Path]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Writes one of URLs, each a module of its own."""

    def write(*urls: str) -> Path:
        path = tmp_path / "manifest.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "course_id", "title", "position", "video_url"])
            writer.writerows([f"m{n}", "c1", f"T{n}", n, url] for n, url in enumerate(urls))
        return path

    return write


def told(import_s3: Import, store: ObjectStore, path: Path, *more: str) -> list[dict[str, Any]]:
    report = path.with_name("report.json")
    arguments = ["--manifest", str(path), "--endpoint-url", store.endpoint_url, *more]
    code, _, err = import_s3(*arguments, "--report", str(report))
    assert err == ""
    found: list[dict[str, Any]] = json.loads(report.read_text())
    assert code == (1 if any(one["state"] != "found" for one in found) else 0)
    return found


ODD = [
    ("a b.mp4", "s3://{bucket}/a b.mp4"),
    ("a c.mp4", "{endpoint}/{bucket}/a%20c.mp4"),
    ("a d.mp4", "{endpoint}/{bucket}/a+d.mp4"),
    ("a+b.mp4", "{endpoint}/{bucket}/a+b.mp4"),
    ("a+c.mp4", "{endpoint}/{bucket}/a%2Bc.mp4?X-Amz-Signature=0"),
    ("Vorlesung/Größe €.mp4", "https://cdn.example/Vorlesung/Gr%C3%B6%C3%9Fe%20%E2%82%AC.mp4"),
    ("Vorlesung/Maß €.mp4", "s3://{bucket}/Vorlesung/Maß €.mp4"),
    ("x/../y.mp4", "s3://{bucket}/x/../y.mp4"),
    ("/a//b.mp4", "s3://{bucket}//a//b.mp4"),
    ("100%.mp4", "{endpoint}/{bucket}/100%.mp4"),
    ("a?b#c&d=.mp4", "s3://{bucket}/a?b#c&d=.mp4"),
    (LONGEST, f"s3://{{bucket}}/{LONGEST}"),
]


def test_odd_keys_are_found(store: ObjectStore, import_s3: Import, manifest: Manifest) -> None:
    for key, _ in ODD:
        store.put(key, key.encode())
    urls = [url.format(bucket=BUCKET, endpoint=store.endpoint_url) for _, url in ODD]
    found = told(import_s3, store, manifest(*urls), "--cloudfront-map", f"CDN.example={BUCKET}")
    shown = [(one["state"], one["bucket"], one["key"], one["size"]) for one in found]
    assert shown == [("found", BUCKET, key, len(key.encode())) for key, _ in ODD]


def test_what_cannot_be_taken_is_reported_with_what_to_do(
    store: ObjectStore,
    import_s3: Import,
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.put("whole.mp4", b"film")
    store.put("none.mp4", b"")
    store.put("large.mp4", b"x" * 2000)
    store.put("it's cold.mp4", b"film", StorageClass="DEEP_ARCHIVE")
    store.put("thawed.mp4", b"film", StorageClass="GLACIER")
    store.client.restore_object(Bucket=BUCKET, Key="thawed.mp4", RestoreRequest={"Days": 2})
    monkeypatch.setenv("COURSESTREAM_MAX_UPLOAD_SIZE", "1000")
    names = ["whole", "none", "large", "it's cold", "thawed", "gone"]
    urls = [f"s3://{BUCKET}/{name}.mp4" for name in names]
    path = manifest(*urls, "s3://no-such-bucket/a.mp4", "https://youtu.be/x", "ftp://x/y")

    found = told(import_s3, store, path)
    states = [one["state"] for one in found]
    assert states[:4] == ["found", "empty", "too-large", "archived"]
    assert states[4:] == ["found", "missing", "missing", "unusable", "unusable"]
    assert "COURSESTREAM_MAX_UPLOAD_SIZE" in found[2]["detail"]
    command = f"aws s3api restore-object --bucket {BUCKET} --key 'it'\"'\"'s cold.mp4'"
    assert command in found[3]["detail"]
    assert "--cloudfront-map" in found[7]["detail"]


def test_the_table_counts_and_prices_each_object_once(
    store: ObjectStore, import_s3: Import, manifest: Manifest
) -> None:
    store.put("a.mp4", b"x" * 1_500_000)
    store.put("b.mp4", b"x" * 500_000)
    path = manifest(*(f"s3://{BUCKET}/{name}.mp4" for name in "aabc"))
    arguments = ("--manifest", str(path), "--endpoint-url", store.endpoint_url)
    code, out, _ = import_s3(*arguments, "--price-per-gb", "500")
    assert code == 1
    assert "3 found, 1 missing" in out
    assert "2 objects, 2000000 bytes (0.002 GB), 1.00 at 500 a GB" in out
    assert out.splitlines()[1].startswith(f"missing  m3      s3://{BUCKET}/c.mp4")


def test_a_bucket_and_a_prefix_narrow_what_is_taken(
    store: ObjectStore, import_s3: Import, manifest: Manifest
) -> None:
    store.put("a/1.mp4", b"film")
    urls = (f"s3://{BUCKET}/a/1.mp4", f"s3://{BUCKET}/b/1.mp4", "s3://other/a/1.mp4", "ftp://x")
    narrowed = ("--bucket", BUCKET, "--prefix", "a/")
    (found,) = told(import_s3, store, manifest(*urls), *narrowed)
    assert found["key"] == "a/1.mp4"


def test_a_legacy_database_is_read_by_its_own_names_and_left_as_it_is(
    store: ObjectStore, import_s3: Import, empty_dsn: str, tmp_path: Path
) -> None:
    store.put("a.mp4", b"film")
    with closing(psycopg2.connect(empty_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(LEGACY)
        cursor.execute(
            "INSERT INTO academy.lessons VALUES (7, 2, E'Wave\\tlength', 3, %s),"
            " (8, 2, NULL, NULL, %s), (9, 2, 'no video', 1, NULL), (10, 2, '', 1, '')",
            (f"s3://{BUCKET}/a.mp4", f"s3://{BUCKET}/b.mp4"),
        )
        connection.commit()
    report = tmp_path / "report.csv"
    code, _, err = import_s3(
        *("--from-database", url_of(empty_dsn), "--endpoint-url", store.endpoint_url),
        *("--modules-table", "academy.lessons"),
        *("--module-columns", "id=lesson_id,position=place", "--report", str(report)),
    )
    assert (code, err) == (1, "")
    with report.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [(row["module_id"], row["title"], row["position"], row["state"]) for row in rows]
    assert shown == [("7", "Wave length", "3", "found"), ("8", "8", "0", "missing")]
    with closing(psycopg2.connect(empty_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(lesson_id) FROM academy.lessons")
        assert cursor.fetchone() == (4, 34)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--modules-table", "nowhere"], 'relation "nowhere" does not exist'),
        (["--module-columns", "video_url=nothing"], 'column "nothing" does not exist'),
        ([], 'column "video_url" does not exist'),  # the service's own table of that name
    ],
)
def test_a_table_that_is_not_there_is_reported(
    store: ObjectStore, import_s3: Import, dsn: str, more: list[str], said: str
) -> None:
    code, out, err = import_s3("--from-database", url_of(dsn), *more)
    assert (code, out) == (2, "")
    assert said in err


def test_a_legacy_database_that_is_away_is_reported_without_its_password(
    store: ObjectStore, import_s3: Import
) -> None:
    code, _, err = import_s3("--from-database", "postgresql://u:tell-nobody@127.0.0.1:1/x")
    assert code == 2
    assert "legacy database" in err
    assert "tell-nobody" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of the arguments --from-database --manifest --verify --rollback is required"),
        (["--manifest", "m.csv", "--from-database", "x"], "not allowed with"),
        (["--manifest", "m.csv", "--parallel", "0"], "1 to 64"),
        (["--manifest", "m.csv", "--price-per-gb", "nan"], "a price such as"),
        (["--manifest", "m.csv", "--price-per-gb", "x"], "a price such as"),
        (["--manifest", "m.csv", "--report", "r.txt"], ".json or .csv"),
        (["--manifest", "m.csv", "--cloudfront-map", "host"], "HOST=BUCKET"),
        (["--manifest", "m.csv", "--module-columns", "pk=id"], "video_url on the left"),
        (["--manifest", "/nowhere.csv"], "/nowhere.csv cannot be read"),
        (["--manifest", "/dev/null"], "lacks the columns course_id"),
        (["--manifest", "{manifest}", "--profile", "nobody"], "nobody"),
        (["--manifest", "{manifest}", "--endpoint-url", "no url"], "no url"),
        (["--manifest", "{manifest}", "--report", "/nowhere/r.csv"], "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_reported(
    store: ObjectStore, import_s3: Import, manifest: Manifest, arguments: list[str], said: str
) -> None:
    path = str(manifest())
    code, out, err = import_s3(*(one.format(manifest=path) for one in arguments))
    assert (code, out) == (2, "")
    assert said in err


def test_without_credentials_nothing_is_guessed(
    store: ObjectStore, import_s3: Import, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    path = manifest(f"s3://{BUCKET}/a.mp4")
    code, _, err = import_s3("--manifest", str(path), "--endpoint-url", store.endpoint_url)
    assert code == 2
    assert "credentials" in err


def test_modules_that_cannot_be_ours_are_reported(
    store: ObjectStore, import_s3: Import, tmp_path: Path
) -> None:
    store.put("a.mp4", b"film")
    path, url = tmp_path / "m.csv", f"s3://{BUCKET}/a.mp4"
    rows = [f"m1,c1,T,1,{url}", f"m1,c1,T,1,{url}", f"m/2,c1,T,1,{url}", f"m3,,T,,{url}"]
    path.write_text("\n".join(["id,course_id,title,position,video_url", *rows]))
    found = told(import_s3, store, path)
    assert [one["state"] for one in found] == ["found", "unusable", "unusable", "unusable"]
    assert ["more than once" in found[1]["detail"], "m/2" in found[2]["detail"]] == [True, True]
    assert "course id" in found[3]["detail"]


def test_a_manifest_keeps_what_csv_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    head = "video_url,position,title,course_id,id,more\n"
    path.write_text(f'\ufeff{head}"s3://b/a, ""b"".mp4",-2,"Two\nlines",c1,m1,x\n')
    assert read_manifest(path) == [LegacyModule("m1", "c1", "Two\nlines", -2, 's3://b/a, "b".mp4')]


@pytest.mark.parametrize(
    ("title", "plain"),
    [("A", "A"), ("a\x00\nb", "a  b"), (" \t ", "m1"), ("x" * 199 + " yz", "x" * 199)],
)
def test_titles_become_ones_that_are_allowed(title: str, plain: str) -> None:
    assert plain_title(LegacyModule("m1", "c1", title, 0, "u")) == plain


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['boto3'] = None; import run_server;"
        "sys.exit(run_server.main(['import-s3', '--dry-run', '--manifest', 'm.csv']))"
    )
    environ = {"COURSESTREAM_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "make install EXTRAS=s3" in done.stderr
