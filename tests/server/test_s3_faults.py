"""`import-s3` when S3 is slow, refuses, breaks off, or holds what is odd: each told, none lost."""

import csv
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import run_server
from storage.s3 import object_fetch
from storage.s3.objects import READ_TIMEOUT_S
from tests.harness.running import ROOT, wait_for
from tests.programs.object_store import BUCKET, ObjectStore, before_both
from tests.programs.store_gate import Cut, Gate, Refusal, Request, gate_before
from tests.service.takeovers import VIDEOS, Takeover, padded, s3

MIB = 1024 * 1024
PART_BYTES = 8 * MIB
TIMEOUT_S = 60
LONGEST_NAP_S = 20.0
SLOW_DOWN = Refusal(503, "SlowDown")
SECOND_PART = f"bytes={PART_BYTES}-"


@pytest.fixture
def gate(store: ObjectStore) -> Iterator[Gate]:
    with gate_before(store.endpoint_url) as made:
        yield made


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records botocore's delays between attempts, instead of sleeping."""
    taken: list[float] = []

    class Clock:
        time = staticmethod(time.time)
        sleep = staticmethod(taken.append)

    monkeypatch.setattr("botocore.endpoint.time", Clock)
    return taken


def is_second_part(request: Request) -> bool:
    return request.method == "GET" and (request.range or "").startswith(SECOND_PART)


@before_both
def test_a_store_that_is_asked_too_much_is_given_time(
    takeover: Takeover, store: ObjectStore, gate: Gate, film: bytes, naps: list[float]
) -> None:
    large = padded(film, 3 * PART_BYTES)
    store.put("a.mp4", large)
    gate.rule = lambda request: SLOW_DOWN if request.number < 3 else None
    rows = [("m1", s3("a.mp4"))]
    assert takeover.states(rows, "--endpoint-url", gate.url) == {"m1": "taken"}
    assert takeover.files()["m1"].read_bytes() == large
    refused = sum(request.number < 3 for request in gate.seen)
    assert len(naps) == refused >= 3 * 4  # a HEAD, three parts
    assert 0 < max(naps) <= LONGEST_NAP_S


@before_both
def test_a_store_that_stays_overloaded_is_left_with_what_arrived(
    takeover: Takeover, store: ObjectStore, gate: Gate, film: bytes, naps: list[float]
) -> None:
    large = padded(film, 2 * PART_BYTES)
    store.put("a.mp4", large)
    rows, through_gate = [("m1", s3("a.mp4"))], ("--endpoint-url", gate.url, "--parallel", "1")
    gate.rule = lambda request: SLOW_DOWN if is_second_part(request) else None
    told = takeover.run(rows, *through_gate)["m1"]
    assert told["state"] == "unreachable"
    assert "SlowDown" in told["detail"]

    gate.seen.clear()
    gate.rule = lambda request: None
    assert takeover.states(rows, *through_gate) == {"m1": "taken"}
    assert gate.ranges() == [f"{SECOND_PART}{len(large) - 1}"]
    assert takeover.files()["m1"].read_bytes() == large


@before_both
def test_a_connection_that_is_cut_goes_on_at_the_byte(
    takeover: Takeover,
    store: ObjectStore,
    gate: Gate,
    film: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_fetch, "PAUSE_S", 0.0)
    large, arrived = padded(film, 2 * PART_BYTES), 5 * MIB + 1
    store.put("a.mp4", large)
    gate.rule = lambda asked: Cut(arrived) if is_second_part(asked) else None
    rows = [("m1", s3("a.mp4"))]
    assert takeover.states(rows, "--endpoint-url", gate.url) == {"m1": "taken"}
    assert f"bytes={PART_BYTES + arrived}-{len(large) - 1}" in gate.ranges()
    assert takeover.files()["m1"].read_bytes() == large


@before_both
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_an_object_that_may_not_be_read_is_reported_and_the_others_are_taken(
    takeover: Takeover, store: ObjectStore, gate: Gate, film: bytes, method: str
) -> None:
    store.put("mine.mp4", film)
    store.put("theirs.mp4", film)
    theirs = Refusal(403, "AccessDenied")
    gate.rule = lambda asked: theirs if "theirs" in asked.path and asked.method == method else None
    rows = [("m1", s3("mine.mp4")), ("m2", s3("theirs.mp4"))]
    found = takeover.run(rows, "--endpoint-url", gate.url)
    assert (found["m1"]["state"], found["m2"]["state"]) == ("taken", "denied")
    assert "s3:GetObject" in found["m2"]["detail"]
    assert f"denied  m2      {s3('theirs.mp4')}" in takeover.out


@pytest.mark.parametrize("store", ["s3rver"], indirect=True)
def test_credentials_that_are_wrong_are_reported(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a.mp4", film)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody's")
    assert takeover.states([("m1", s3("a.mp4"))]) == {"m1": "denied"}


def test_what_is_archived_is_taken_once_it_is_restored(
    takeover: Takeover, store: ObjectStore, gate: Gate, film: bytes
) -> None:
    store.put("cold.mp4", film, StorageClass="GLACIER")
    store.put("warm.mp4", film)
    rows = [("m1", s3("cold.mp4")), ("m2", s3("warm.mp4"))]
    found = takeover.run(rows)
    assert (found["m1"]["state"], found["m2"]["state"]) == ("archived", "taken")
    command = f"aws s3api restore-object --bucket {BUCKET} --key cold.mp4"
    assert command in found["m1"]["detail"]
    assert command in takeover.out

    store.client.restore_object(Bucket=BUCKET, Key="cold.mp4", RestoreRequest={"Days": 7})
    assert takeover.states(rows) == {"m1": "taken", "m2": "taken"}


def test_what_a_lifecycle_rule_archives_meanwhile_is_reported_with_the_command(
    takeover: Takeover, store: ObjectStore, gate: Gate, film: bytes
) -> None:
    store.put("a.mp4", film)
    archived = Refusal(403, "InvalidObjectState")
    gate.rule = lambda asked: archived if asked.method == "GET" else None
    told = takeover.run([("m1", s3("a.mp4"))], "--endpoint-url", gate.url)["m1"]
    assert told["state"] == "archived"
    assert "aws s3api restore-object" in told["detail"]


UNEQUAL = [
    pytest.param((6 * MIB, 5 * MIB, 5 * MIB), id="one part too many for the first's size"),
    pytest.param((6 * MIB, 5 * MIB, 7 * MIB), id="as many as parts of the first's size"),
]


@pytest.mark.parametrize("sizes", UNEQUAL)
def test_parts_of_unequal_sizes_are_verified_each(
    takeover: Takeover, store: ObjectStore, film: bytes, sizes: tuple[int, ...]
) -> None:
    store.put_in_parts("a.mp4", padded(film, sum(sizes) + 4711), *sizes)
    told = takeover.run([("m1", s3("a.mp4"))])["m1"]
    assert told["state"] == "taken"
    assert told["detail"].endswith("verified by etag")


@pytest.mark.parametrize("status", [400, 501])
def test_where_parts_cannot_be_asked_for_the_size_alone_is_reported(
    takeover: Takeover, store: ObjectStore, gate: Gate, film: bytes, status: int
) -> None:
    store.put_in_parts("a.mp4", padded(film, 6 * MIB), 5 * MIB)
    unknown = Refusal(status, "NotImplemented")
    gate.rule = lambda asked: unknown if "partNumber" in asked.path else None
    told = takeover.run([("m1", s3("a.mp4"))], "--endpoint-url", gate.url)["m1"]
    assert told["detail"].endswith("verified by size")
    assert takeover.rows("SELECT verified_by FROM s3_objects") == [("size",)]


def test_bytes_of_a_parted_upload_that_are_not_its_own_are_damaged(
    takeover: Takeover, store: ObjectStore, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = padded(film, 11 * MIB)
    store.put_in_parts("a.mp4", large, 5 * MIB)
    write = object_fetch._write
    monkeypatch.setattr(
        object_fetch, "_write", lambda fd, chunk, at: write(fd, chunk[:-1] + b"?", at)
    )
    told = takeover.run([("m1", s3("a.mp4"))])["m1"]
    assert told["state"] == "damaged"
    assert takeover.rows(VIDEOS) == []


def started(
    takeover: Takeover, gate: Gate, rows: list[tuple[str, str]], *more: str
) -> "subprocess.Popen[str]":
    """The command as a process of its own."""
    command = takeover.command(rows, "--endpoint-url", gate.url, *more)
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_server.py"), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets go on what a gate holds; at the latest when the test ends."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_parts_where_they_are(
    takeover: Takeover,
    store: ObjectStore,
    gate: Gate,
    film: bytes,
    release: threading.Event,
    number: int,
) -> None:
    large, arrived = padded(film, 2 * PART_BYTES), 3 * MIB
    store.put("a.mp4", film)
    store.put("large.mp4", large)
    rows = [("m1", s3("a.mp4")), ("m2", s3("large.mp4")), ("m3", s3("large.mp4"))]
    gate.rule = lambda asked: Cut(arrived, release) if is_second_part(asked) else None
    process = started(takeover, gate, rows, "--parallel", "1")
    assert gate.reached.wait(TIMEOUT_S)
    process.send_signal(number)
    release.set()
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1, out
    states = {module: one["state"] for module, one in takeover.report().items()}
    assert states == {"m1": "taken", "m2": "interrupted", "m3": "interrupted"}
    assert "2 interrupted, 1 taken" in out
    (known,) = takeover.rows("SELECT upper(fetched) FROM s3_objects WHERE key = 'large.mp4'")
    assert PART_BYTES < known[0] <= PART_BYTES + arrived

    gate.rule = lambda asked: None
    gate.seen.clear()
    assert set(takeover.states(rows, "--endpoint-url", gate.url).values()) == {"taken"}
    assert gate.ranges() == [f"bytes={known[0]}-{len(large) - 1}"]


def is_pending(number: int, process: "subprocess.Popen[str]") -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    pending = int(re.findall(r"^ShdPnd:\t(\w+)$", status, re.MULTILINE)[0], 16)
    return bool(pending >> (number - 1) & 1)


def test_ctrl_c_twice_waits_for_nothing(
    takeover: Takeover, store: ObjectStore, gate: Gate, film: bytes, release: threading.Event
) -> None:
    """Not for a store that does not answer, either; a whole part was noted before the next."""
    large = padded(film, 2 * PART_BYTES)
    store.put("large.mp4", large)
    store.put("later.mp4", film)
    rows = [("m1", s3("large.mp4")), ("m2", s3("later.mp4"))]
    gate.rule = lambda asked: Cut(None, release) if is_second_part(asked) else None
    process = started(takeover, gate, rows, "--parallel", "1")
    assert gate.reached.wait(TIMEOUT_S)
    noted = [(f"{{[0,{PART_BYTES})}}",)]
    fetched = "SELECT fetched::text FROM s3_objects WHERE key = 'large.mp4'"
    wait_for(lambda: takeover.rows(fetched) == noted, "the first part's note", TIMEOUT_S)
    process.send_signal(signal.SIGINT)
    wait_for(lambda: not is_pending(signal.SIGINT, process), "the first's arrival", TIMEOUT_S)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=READ_TIMEOUT_S / 2)
    assert process.returncode == 1, out
    assert "2 interrupted" in out
    assert {one["state"] for one in takeover.report().values()} == {"interrupted"}
    assert takeover.rows(fetched) == noted

    release.set()
    gate.seen.clear()
    gate.rule = lambda asked: None
    again = takeover.states(rows, "--endpoint-url", gate.url)
    assert set(again.values()) == {"taken"}
    assert f"bytes=0-{PART_BYTES - 1}" not in gate.ranges()
    assert takeover.files()["m1"].read_bytes() == large


def test_a_bandwidth_limit_holds(takeover: Takeover, store: ObjectStore, film: bytes) -> None:
    large = padded(film, 3 * MIB)
    store.put("a.mp4", large)
    began_s = time.monotonic()
    states = takeover.states([("m1", s3("a.mp4"))], "--bandwidth-limit", "4MiB")
    assert states == {"m1": "taken"}
    assert time.monotonic() - began_s > 0.5  # 0.75 s for the bytes, less what a chunk is ahead


def test_the_report_and_the_table_say_what_happened_to_each(
    takeover: Takeover,
    store: ObjectStore,
    gate: Gate,
    film: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_fetch, "PAUSE_S", 0.0)
    monkeypatch.setenv("COURSESTREAM_MAX_UPLOAD_SIZE", str(len(film)))
    for key, content in {
        "taken": film,
        "refused": b"no video",
        "vanished": film,
        "unreachable": film,
        "denied": film,
        "changed": film,
        "empty": b"",
        "too-large": film + b"?",
    }.items():
        store.put(key, content)
    store.put("archived", film, StorageClass="DEEP_ARCHIVE")
    faults: dict[str, Refusal | Cut] = {
        "vanished": Refusal(404, "NoSuchKey"),
        "denied": Refusal(403, "AccessDenied"),
        "changed": Refusal(412, "PreconditionFailed"),
        "unreachable": Cut(0),
    }
    gate.rule = lambda asked: (
        faults.get(asked.path.rpartition("/")[2]) if asked.method == "GET" else None
    )
    keys = ["taken", "refused", *faults, "empty", "too-large", "archived", "missing"]
    rows = [(f"m-{key}", s3(key)) for key in keys] + [("m-unusable", "https://youtu.be/x")]
    expected = {module: module.removeprefix("m-") for module, _ in rows}
    through = ("--endpoint-url", gate.url)
    assert takeover.states(rows, *through) == expected

    csv_report = takeover.directory / "report.csv"
    code = run_server.main(takeover.command(rows, *through, "--report", str(csv_report)))
    assert code == 1
    with csv_report.open(encoding="utf-8", newline="") as file:
        told = {row["module_id"]: row for row in csv.DictReader(file)}
    assert {module: row["state"] for module, row in told.items()} == expected
    assert all(row["detail"] for row in told.values())
    left = [line.split()[:2] for line in takeover.out.splitlines() if " m-" in line]
    assert left == [[state, module] for module, state in expected.items() if state != "taken"]
