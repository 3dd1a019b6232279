"""`import-s3` as an operator calls it: what becomes of each object, on disk and in the database."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from events.media.served_files import media_facts
from events.takeover import object_import
from events.takeover.announce import MODULES_AT_ONCE
from storage.s3 import object_fetch
from storage.s3.object_fetch import FetchError
from storage.s3.parts import ObjectPart
from storage.samples import write_clock_webm
from tests.programs.object_store import BUCKET, ObjectStore, before_both
from tests.service.takeovers import VIDEOS, Takeover, padded, s3

OBJECTS = 6
PART_BYTES = 8 * 1024 * 1024


@before_both
def test_every_object_becomes_a_video_and_nothing_happens_twice(
    takeover: Takeover, store: ObjectStore, film: bytes
) -> None:
    contents = {f"m{n:03}": padded(film, len(film) + 100 + n) for n in range(OBJECTS)}
    for module, content in contents.items():
        store.put(f"week/{module}.mp4", content)
    rows = [(module, s3(f"week/{module}.mp4")) for module in contents]

    first = takeover.run(rows)
    assert {one["state"] for one in first.values()} == {"taken"}
    files = takeover.files()
    assert {module: path.read_bytes() for module, path in files.items()} == contents
    assert takeover.unfinished() == []
    videos = takeover.rows(VIDEOS)
    assert videos[0][:4] == ("m000", "c1", "Title m000", "m000.mp4")
    jobs = takeover.rows("SELECT args->>'video_id' FROM procrastinate_jobs ORDER BY 1")
    assert jobs == sorted((video[4],) for video in videos)
    for kind in ("ready", "uploaded"):  # there, and then here
        told = f"SELECT video_id::text FROM event_log WHERE type = 'video.{kind}' ORDER BY 1"
        assert takeover.rows(told) == jobs
    hashes = dict(takeover.rows("SELECT key, sha256 FROM s3_objects"))
    assert hashes == {
        f"week/{module}.mp4": hashlib.sha256(content).hexdigest()
        for module, content in contents.items()
    }
    lines = [json.loads(line) for line in takeover.out.splitlines() if line.startswith("{")]
    assert lines[-1]["files"] == lines[-1]["total_files"] == OBJECTS
    assert lines[-1]["bytes"] == lines[-1]["total_bytes"] == sum(map(len, contents.values()))

    second = takeover.run(rows)
    assert {one["detail"] for one in second.values()} == {"before"}
    assert takeover.rows(VIDEOS) == videos
    assert takeover.files() == files
    assert takeover.rows("SELECT count(*) FROM space_reservations") == [(0,)]


@before_both
def test_two_modules_with_one_object_share_one_file(
    takeover: Takeover, store: ObjectStore, film: bytes
) -> None:
    store.put("a b.mp4", film)
    urls = [s3("a b.mp4"), f"{store.endpoint_url}/{BUCKET}/a%20b.mp4?X-Amz-Signature=1"]
    assert takeover.states(list(zip(["m1", "m2"], urls, strict=True))) == {
        "m1": "taken",
        "m2": "taken",
    }
    one, two = takeover.files().values()
    assert one != two
    assert one.samefile(two)


ODD_KEYS = (
    *("a b.mp4", "a+b.mp4", "Vorlesung/Größe €.mp4", "x/../y.mp4", "../z.mp4", "100%.mp4"),
    *("a?b#c&d=.mp4", "it's \x1b[2J.mp4", "/".join(["k" * 127] * 7) + f"/{'k' * 124}.mp4"),
)


@before_both
def test_odd_keys_become_files_with_names_of_ours(
    takeover: Takeover, store: ObjectStore, film: bytes
) -> None:
    assert max(len(key.encode()) for key in ODD_KEYS) == 1024
    contents = {key: padded(film, len(film) + 100 + n) for n, key in enumerate(ODD_KEYS)}
    for key, content in contents.items():
        store.put(key, content)
    rows = [(f"m{n}", s3(key)) for n, key in enumerate(ODD_KEYS)]
    assert set(takeover.states(rows).values()) == {"taken"}
    taken = [path.read_bytes() for path in takeover.files().values()]
    assert taken == list(contents.values())
    assert [row[3] for row in takeover.rows(VIDEOS)] == [
        *("a b.mp4", "a+b.mp4", "Größe €.mp4", "y.mp4", "z.mp4", "100%.mp4"),
        *("a?b#c&d=.mp4", "it's [2J.mp4", ODD_KEYS[-1].rpartition("/")[2]),
    ]


@before_both
def test_webm_and_a_parted_upload_are_taken_and_verified(
    takeover: Takeover, store: ObjectStore, film: bytes, tmp_path: Path
) -> None:
    write_clock_webm(tmp_path / "a.webm", 1)
    webm, large = (tmp_path / "a.webm").read_bytes(), padded(film, 2 * PART_BYTES + 7)
    store.put("a.webm", webm)
    store.put_in_parts("large.mp4", large, 5 * 1024 * 1024)
    found = takeover.run([("m1", s3("a.webm")), ("m2", s3("large.mp4"))], "--parallel", "3")
    assert found["m1"]["detail"].endswith(f"verified by {store.checksum}")
    assert found["m2"]["detail"].endswith("verified by etag")
    files = takeover.files()
    assert (files["m1"].name, files["m1"].read_bytes()) == ("original.webm", webm)
    assert files["m2"].read_bytes() == large


@before_both
def test_after_an_interruption_only_what_is_missing_is_fetched(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first part whole, of the second some bytes, of the third none."""
    large, arrived = padded(film, 2 * PART_BYTES + 7), 1_000_003
    store.put("large.mp4", large)
    rows = [("m1", s3("large.mp4"))]
    whole = object_fetch._fetch_once

    def cut(client: Any, found: Any, descriptor: int, part: ObjectPart, shared: Any) -> None:
        if part.start == PART_BYTES:
            os.pwrite(descriptor, large[part.start : part.start + arrived], part.start)
            part.position += arrived
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        whole(client, found, descriptor, part, shared)

    monkeypatch.setattr(object_fetch, "_fetch_once", cut)
    assert takeover.states(rows, "--parallel", "1") == {"m1": "vanished"}
    known = takeover.rows("SELECT fetched::text FROM s3_objects")
    assert known == [(f"{{[0,{PART_BYTES + arrived})}}",)]
    assert len(takeover.unfinished()) == 1
    monkeypatch.setattr(object_fetch, "_fetch_once", whole)

    assert takeover.states(rows) == {"m1": "taken"}
    last = [json.loads(line) for line in takeover.out.splitlines() if line.startswith("{")][-1]
    assert last["bytes"] == len(large) - PART_BYTES - arrived
    assert takeover.files()["m1"].read_bytes() == large


@before_both
@pytest.mark.parametrize("is_replaced", [False, True])
def test_an_object_that_goes_away_meanwhile_is_reported_and_taken_once_it_is_there(
    takeover: Takeover,
    store: ObjectStore,
    film: bytes,
    monkeypatch: pytest.MonkeyPatch,
    is_replaced: bool,
) -> None:
    """The parts of two contents never make one video."""
    before, after = padded(film, PART_BYTES + 7), padded(film, PART_BYTES + 7)
    store.put("a.mp4", before)
    rows = [("m1", s3("a.mp4"))]
    whole = object_fetch._fetch_once

    def meanwhile(client: Any, found: Any, descriptor: int, part: ObjectPart, shared: Any) -> None:
        if part.start == PART_BYTES:
            store.put("a.mp4", after) if is_replaced else store.delete("a.mp4")
        whole(client, found, descriptor, part, shared)

    monkeypatch.setattr(object_fetch, "_fetch_once", meanwhile)
    told = takeover.states(rows, "--parallel", "1")["m1"]
    replaced = "changed" if store.knows_if_match else "damaged"
    assert told == (replaced if is_replaced else "vanished")
    assert takeover.rows(VIDEOS) == []
    monkeypatch.setattr(object_fetch, "_fetch_once", whole)

    store.put("a.mp4", after)
    assert takeover.states(rows) == {"m1": "taken"}
    assert takeover.files()["m1"].read_bytes() == after


@before_both
def test_a_connection_that_breaks_goes_on_at_the_byte(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.mp4", film)
    whole, breaks = object_fetch._fetch_once, iter([1000, 1001])

    def breaking(client: Any, found: Any, descriptor: int, part: ObjectPart, shared: Any) -> None:
        for arrived in breaks:
            os.pwrite(descriptor, film[part.position : part.position + arrived], part.position)
            part.position += arrived
            raise ReadTimeoutError(endpoint_url="x")
        whole(client, found, descriptor, part, shared)

    monkeypatch.setattr(object_fetch, "_fetch_once", breaking)
    monkeypatch.setattr(object_fetch, "PAUSE_S", 0.0)
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "taken"}
    assert takeover.files()["m1"].read_bytes() == film


def test_what_stays_away_is_unreachable(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="x")

    store.put("a.mp4", film)
    monkeypatch.setattr(object_fetch, "_fetch_once", away)
    monkeypatch.setattr(object_fetch, "PAUSE_S", 0.0)
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "unreachable"}


@before_both
def test_bytes_that_are_not_what_s3_holds_are_fetched_again(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.mp4", film)

    def wrong(client: Any, found: Any, descriptor: int, part: ObjectPart, shared: Any) -> None:
        os.pwrite(descriptor, bytes(len(film)), 0)
        part.position = part.stop

    monkeypatch.setattr(object_fetch, "_fetch_once", wrong)
    found = takeover.run([("m1", s3("a.mp4"))])
    assert found["m1"]["state"] == "damaged"
    assert store.checksum in found["m1"]["detail"]


@before_both
def test_what_is_no_video_is_refused_once_and_leaves_nothing(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("text.mp4", b"no video at all")
    store.put("cut.mp4", film[:-100])
    store.put("none.mp4", b"")
    rows = [("m1", s3("text.mp4")), ("m2", s3("cut.mp4")), ("m3", s3("none.mp4"))]
    expected = {"m1": "refused", "m2": "refused", "m3": "empty"}
    assert takeover.states(rows) == expected
    assert (takeover.unfinished(), takeover.rows(VIDEOS)) == ([], [])

    def never(*_: Any) -> None:
        raise AssertionError("fetched again")

    monkeypatch.setattr("events.takeover.object_import.fetch_part", never)
    assert takeover.states(rows) == expected


@before_both
def test_a_changed_object_is_begun_anew(
    takeover: Takeover, store: ObjectStore, film: bytes
) -> None:
    store.put("a.mp4", b"no video at all")
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "refused"}
    store.put("a.mp4", film)
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "taken"}
    assert takeover.files()["m1"].read_bytes() == film


def test_a_module_that_is_there_keeps_its_title_and_never_moves(
    takeover: Takeover, store: ObjectStore, film: bytes
) -> None:
    store.put("a.mp4", film)
    takeover.do(
        "INSERT INTO courses (id, title) VALUES ('c1', 'One'), ('c2', 'Two');"
        "INSERT INTO modules VALUES ('m1', 'c1', 'Mine', 7), ('m2', 'c2', 'Theirs', 1)"
    )
    rows = [("m1", s3("a.mp4")), ("m2", s3("a.mp4"))]
    found = takeover.run(rows)
    assert [one["state"] for one in found.values()] == ["taken", "unusable"]
    assert takeover.rows("SELECT title FROM courses ORDER BY 1") == [("One",), ("Two",)]
    assert takeover.rows("SELECT title FROM modules ORDER BY 1") == [("Mine",), ("Theirs",)]
    assert [row[0] for row in takeover.rows(VIDEOS)] == ["m1"]
    assert takeover.states(rows[:1]) == {"m1": "taken"}


def test_the_quota_holds(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.mp4", film)
    monkeypatch.setenv("COURSESTREAM_STORAGE_QUOTA", str(len(film) + 1))
    rows = [("m1", s3("a.mp4")), ("m2", s3("a.mp4"))]
    for _ in range(2):
        assert takeover.states(rows) == {"m1": "taken", "m2": "over-quota"}
        assert [row[0] for row in takeover.rows(VIDEOS)] == ["m1"]
        assert len(takeover.files()) == 1
    monkeypatch.setenv("COURSESTREAM_STORAGE_QUOTA", str(2 * len(film)))
    assert takeover.states(rows) == {"m1": "taken", "m2": "taken"}
    assert takeover.rows("SELECT count(*) FROM space_reservations") == [(0,)]


ANNOUNCED = "SELECT module_id, id::text FROM videos WHERE status = 'announced' ORDER BY 1"
SHOWN = "SELECT module_id, is_local FROM s3_modules ORDER BY 1"


def test_every_module_plays_from_s3_before_anything_is_fetched(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More modules than are announced at once; the videos keep their ids when they come."""
    rows = [(f"m{n:03}", s3(f"{n % 3}.mp4")) for n in range(MODULES_AT_ONCE + 3)]
    for n in range(3):
        store.put(f"{n}.mp4", film)

    def vanished(*_: Any) -> None:
        raise FetchError("vanished", "as if")

    with monkeypatch.context() as patch:
        patch.setattr("events.takeover.object_import.fetch_part", vanished)
        assert set(takeover.states(rows).values()) == {"vanished"}
    announced = takeover.rows(ANNOUNCED)
    assert [module for module, _ in announced] == [module for module, _ in rows]
    assert takeover.rows("SELECT count(*) FROM procrastinate_jobs") == [(0,)]
    places = takeover.rows("SELECT DISTINCT endpoint_url, region FROM s3_objects")
    assert places == [(store.endpoint_url, "us-east-1")]

    assert set(takeover.states(rows).values()) == {"taken"}
    assert takeover.rows(ANNOUNCED) == []
    assert [(row[0], row[4]) for row in takeover.rows(VIDEOS)] == announced


def test_what_is_too_large_for_here_plays_from_s3(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.mp4", film)
    monkeypatch.setenv("COURSESTREAM_MAX_UPLOAD_SIZE", str(len(film) - 1))
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "too-large"}
    assert [module for module, _ in takeover.rows(ANNOUNCED)] == ["m1"]
    monkeypatch.delenv("COURSESTREAM_MAX_UPLOAD_SIZE")
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "taken"}


def test_a_video_deleted_while_it_stood_in_s3_is_passed_over(
    takeover: Takeover, store: ObjectStore, film: bytes
) -> None:
    store.put("a.mp4", b"no video at all")
    rows = [("m1", s3("a.mp4")), ("m2", s3("a.mp4"))]
    takeover.run(rows)
    takeover.do(
        "UPDATE videos SET deleted_at = now() WHERE module_id = 'm1';"
        "UPDATE modules SET deleted_at = now() WHERE id = 'm1'"
    )
    store.put("a.mp4", film)
    assert takeover.states(rows, "--dry-run") == {"m1": "deleted", "m2": "found"}
    assert takeover.states(rows) == {"m1": "deleted", "m2": "taken"}
    assert [row[0] for row in takeover.rows(VIDEOS)] == ["m2"]
    assert takeover.rows("SELECT id FROM modules WHERE deleted_at IS NULL") == [("m2",)]


def test_a_video_deleted_in_the_last_moment_stays_deleted(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.mp4", film)

    def deleting(*found: Any) -> Any:
        takeover.do("UPDATE videos SET deleted_at = now()")
        return media_facts(*found)

    monkeypatch.setattr(object_import, "media_facts", deleting)
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "deleted"}
    assert takeover.rows(SHOWN) == [("m1", False)]
    assert list(takeover.storage.courses.glob("*/*/*")) == []


def test_an_announced_module_may_get_another_object(
    takeover: Takeover, store: ObjectStore, film: bytes
) -> None:
    store.put("wrong.mp4", b"no video at all")
    store.put("right.mp4", film)
    takeover.run([("m1", s3("wrong.mp4"))])
    (before,) = takeover.rows(ANNOUNCED)
    assert takeover.states([("m1", s3("right.mp4"))]) == {"m1": "taken"}
    assert [(row[0], row[4], row[3]) for row in takeover.rows(VIDEOS)] == [(*before, "right.mp4")]


def test_references_go_back_and_come_again_without_a_byte(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("one/a.mp4", "two/b.mp4"):
        store.put(key, film)
    rows = [("m1", s3("one/a.mp4")), ("m2", s3("one/a.mp4")), ("m3", s3("two/b.mp4"))]
    takeover.run(rows)
    files = takeover.files()
    assert takeover.roll_back("--prefix", "one/") == ["m1", "m2"]
    assert takeover.rows(SHOWN) == [("m1", False), ("m2", False), ("m3", True)]
    assert takeover.roll_back("--bucket", "another") == []
    assert takeover.roll_back() == ["m3"]
    assert takeover.roll_back() == []
    assert takeover.files() == files
    told = "SELECT count(*) FROM event_log WHERE type = 'video.updated'"
    assert takeover.rows(told) == [(3,)]

    def never(*_: Any) -> None:
        raise AssertionError("fetched again")

    monkeypatch.setattr(object_import, "fetch_part", never)
    found = takeover.run(rows[:2])
    assert {one["detail"] for one in found.values()} == {"again"}
    assert '"event"' not in takeover.out  # no byte and no file to tell of
    assert takeover.rows(SHOWN) == [("m1", True), ("m2", True), ("m3", False)]
    assert takeover.rows(told) == [(5,)]
    assert takeover.files() == files
