"""`import-s3 --dry-run` with the service's database at hand: what earlier runs did is known."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

import run_server
from storage.paths import StoragePaths
from storage.s3 import object_fetch
from storage.samples import write_clock_mp4
from tests.faults.conftest import url_of
from tests.programs.object_store import BUCKET, ObjectStore

MB = 1_000_000
ARRIVED_BYTES = 400_000
STATE = "SELECT o::text, m::text FROM s3_objects o LEFT JOIN s3_modules m ON m.object_id = o.id"


class Inventory:
    """Four modules: one taken over, one half fetched, one refused, one to come."""

    def __init__(self, dsn: str, directory: Path, store: ObjectStore, capsys: Any) -> None:
        self.dsn = dsn
        self.store = store
        self.storage = StoragePaths(directory / "data" / "storage")
        self.manifest = directory / "m.csv"
        self.report = directory / "report.json"
        self._capsys = capsys

    def write(self, *keys: str) -> None:
        lines = [f"m{n},c1,T,1,s3://{BUCKET}/{key}" for n, key in enumerate(keys, 1)]
        self.manifest.write_text("\n".join(["id,course_id,title,position,video_url", *lines]))

    def run(self, *more: str) -> dict[str, dict[str, Any]]:
        arguments = ["--manifest", str(self.manifest), "--endpoint-url", self.store.endpoint_url]
        self.code = run_server.main(["import-s3", *arguments, "--report", str(self.report), *more])
        out, err = self._capsys.readouterr()
        assert err == ""
        self.lines = out.splitlines()
        return {one["module_id"]: one for one in json.loads(self.report.read_text())}

    def look(self, *more: str) -> dict[str, tuple[str, int]]:
        """State and fetched bytes by module; nothing is changed by it."""
        before = self.rows(STATE)
        found = self.run("--dry-run", *more)
        assert self.rows(STATE) == before
        return {module: (one["state"], one["fetched"]) for module, one in found.items()}

    def rows(self, sql: str) -> list[Any]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return sorted(cursor.fetchall())


@pytest.fixture
def inventory(
    dsn: str,
    tmp_path: Path,
    store: ObjectStore,
    own_settings: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Inventory:
    write_clock_mp4(tmp_path / "film.mp4", 1, (160, 90))
    film = (tmp_path / "film.mp4").read_bytes()
    store.put("taken.mp4", film)
    store.put("text.mp4", b"no film")
    for name in ("half.mp4", "none.mp4"):
        store.put(name, os.urandom(MB))
    made = Inventory(dsn, tmp_path, store, capsys)
    made.storage.prepare()
    with monkeypatch.context() as patch:
        interrupt(patch)
        made.write("taken.mp4", "half.mp4", "text.mp4")
        made.run("--parallel", "1")
    made.write("taken.mp4", "half.mp4", "text.mp4", "none.mp4")
    return made


def interrupt(patch: pytest.MonkeyPatch) -> None:
    """Interrupts the import after some bytes of the large object."""
    whole = object_fetch._fetch_once

    def fetch(client: Any, found: Any, descriptor: int, part: Any, shared: Any) -> None:
        if found.size_bytes != MB:
            return whole(client, found, descriptor, part, shared)
        os.pwrite(descriptor, bytes(ARRIVED_BYTES), 0)
        part.position += ARRIVED_BYTES
        raise object_fetch.FetchError("vanished", "interrupted")

    patch.setattr(object_fetch, "_fetch_once", fetch)


def test_what_earlier_runs_did_is_reported_and_only_the_rest_is_priced(
    inventory: Inventory,
) -> None:
    found = inventory.look("--price-per-gb", "500")
    assert found == {
        "m1": ("taken", 0),
        "m2": ("found", ARRIVED_BYTES),
        "m3": ("refused", 0),
        "m4": ("found", 0),
    }
    assert inventory.code == 1, "one is refused"
    assert "2 found, 1 refused, 1 taken" in inventory.lines
    assert inventory.lines[-1] == (
        "to be fetched: 2 objects, 1600000 bytes (0.002 GB), 0.80 at 500 a GB;"
        " 400000 more bytes are here already"
    )


def test_what_cannot_be_gone_on_with_is_fetched_whole(inventory: Inventory) -> None:
    """Objects that have changed, a file that is gone, an object that another module shows."""
    inventory.store.put("text.mp4", b"another text")
    assert inventory.look()["m3"] == ("found", 0)
    for path in inventory.storage.unfinished.iterdir():
        path.unlink()
    assert inventory.look()["m2"] == ("found", 0)
    inventory.store.put("half.mp4", os.urandom(MB))
    assert inventory.look()["m2"] == ("found", 0)
    inventory.write("taken.mp4", "taken.mp4")
    assert inventory.look() == {"m1": ("taken", 0), "m2": ("found", 0)}
    assert inventory.lines[-1].startswith("to be fetched: 1 objects, ")
    inventory.write()
    assert (inventory.look(), inventory.code) == ({}, 0)


def test_without_a_database_it_goes_on_and_says_so(
    inventory: Inventory, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None that answers, none that is migrated, none that is named."""
    for url in ("postgresql://u:tell-nobody@127.0.0.1:1/x", url_of(empty_dsn), None):
        if url is None:
            monkeypatch.delenv("COURSESTREAM_DATABASE_URL")
        else:
            monkeypatch.setenv("COURSESTREAM_DATABASE_URL", url)
        found = inventory.look()
        assert {state for state, _ in found.values()} == {"found"}
        assert inventory.code == 0
        assert inventory.lines[-1].startswith("no database of the service was at hand")
