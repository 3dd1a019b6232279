"""Hundreds of lectures taken over from S3 by a command that is killed at random moments."""

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from storage.samples import write_clock_mp4, write_clock_webm
from tests.faults.conftest import url_of
from tests.harness.running import ROOT
from tests.programs.object_store import ObjectStore, object_store
from tests.service.takeovers import Takeover, padded, s3

IS_FULL = os.environ.get("FULL") == "1"
OBJECTS, KILLS = (500, 12) if IS_FULL else (30, 2)
LARGE_EVERY, LARGE_BYTES = 10, 12 * 1024 * 1024  # two parts
# So that fetching takes about as long as looking at what was fetched.
LIMITED = ("--bandwidth-limit", "24MiB")
ENDS_WITHIN_S = 240

UNDER_WAY = """
SELECT id::text, (
    SELECT coalesce(sum(upper(piece) - lower(piece)), 0) FROM unnest(fetched) AS piece
)::bigint
FROM s3_objects WHERE NOT is_finished AND fetched <> '{}'
"""
DONE = "SELECT count(*) FROM s3_modules WHERE taken_at IS NOT NULL"
VERIFIED = "SELECT verified_by, count(*) FROM s3_objects GROUP BY 1 ORDER BY 1"


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store() as made:
        made.reset()
        yield made


def test_killed_at_any_moment_every_lecture_arrives_once(
    dsn: str,
    tmp_path: Path,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (
        ("DATA_DIR", str(tmp_path / "data")),
        ("DATABASE_URL", url_of(dsn)),
        ("STORAGE_RESERVE", "0"),
    ):
        monkeypatch.setenv(f"COURSESTREAM_{name}", value)
    takeover = Takeover(dsn, tmp_path, store, capsys)
    chance = random.Random(20261122)
    hashes = {}
    for number, content in enumerate(lectures(tmp_path, chance)):
        store.put(f"week {number:03}/lecture", content)
        hashes[f"m{number:03}"] = hashlib.sha256(content).hexdigest()
    rows = [(module, s3(f"week {module[1:]}/lecture")) for module in hashes]
    command = takeover.command(rows, *LIMITED)

    resumed = Resumed()
    for left in range(KILLS, 0, -1):
        done = takeover.rows(DONE)[0][0]
        kill_after_files(command, chance.randrange(1, 2 * (OBJECTS - done) // (left + 1)))
        resumed.note(takeover)
    assert run_to_its_end(command)["files"] > 0

    assert {one["state"] for one in takeover.report().values()} == {"taken"}
    stored = takeover.files()
    assert {name: sha256(path) for name, path in stored.items()} == hashes
    assert takeover.rows("SELECT count(*), count(DISTINCT module_id) FROM videos") == [
        (OBJECTS, OBJECTS)
    ]
    verified = dict(takeover.rows(VERIFIED))
    assert verified == {"crc32": OBJECTS}
    size_bytes = sum(path.stat().st_size for path in stored.values())
    with capsys.disabled():
        print(
            f"\n{OBJECTS} objects, {size_bytes} bytes; {KILLS} times killed; resumed: "
            f"{resumed.objects} objects with {resumed.kept_bytes} bytes that were not fetched "
            f"again; verified: {verified}"
        )


@dataclass
class Resumed:
    """Counts of unfinished objects in the ledger after each death."""

    objects: int = 0
    kept_bytes: int = 0

    def note(self, takeover: Takeover) -> None:
        for object_id, kept_bytes in takeover.rows(UNDER_WAY):
            assert takeover.storage.partial(UUID(object_id)).stat().st_size >= kept_bytes
            self.objects += 1
            self.kept_bytes += kept_bytes


def lectures(directory: Path, chance: random.Random) -> Iterator[bytes]:
    """Each unlike the others: MP4 and WebM of different lengths, followed by noise of their own."""
    films = [film(directory, seconds) for seconds in (0.5, 1, 2)]
    webm = directory / "film.webm"
    write_clock_webm(webm, 1)
    for number in range(OBJECTS):
        if number % LARGE_EVERY == 0:
            yield padded(films[0], LARGE_BYTES + chance.randrange(1_000_000))
        elif number % LARGE_EVERY == 1:
            yield webm.read_bytes() + void(number)
        else:
            chosen = chance.choice(films)
            yield padded(chosen, len(chosen) + chance.randrange(8, 500_000))


def void(size_bytes: int) -> bytes:
    """An element of EBML that is passed over (RFC 8794 section 11.3.2)."""
    return b"\xec" + (1 << 56 | size_bytes).to_bytes(8, "big") + bytes(size_bytes)


def film(directory: Path, duration_s: float) -> bytes:
    path = directory / f"film-{duration_s}.mp4"
    write_clock_mp4(path, duration_s)
    return path.read_bytes()


def kill_after_files(command: list[str], count: int) -> None:
    with started(command) as process:
        assert process.stdout is not None
        told = (json.loads(line) for line in process.stdout if line.startswith("{"))
        for event in told:
            if event["event"] == "file" and event["files"] >= count:
                break
        assert process.poll() is None, "it ended before its time"
        process.kill()
        process.wait(ENDS_WITHIN_S)


def run_to_its_end(command: list[str]) -> dict[str, int]:
    """Runs a command; returns the last line of JSON that it printed."""
    with started(command) as process:
        out, _ = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode == 0, out
    told: dict[str, int] = [json.loads(one) for one in out.splitlines() if one.startswith("{")][-1]
    return told


def started(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_server.py"), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
