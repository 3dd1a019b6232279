"""`import-s3 --verify` as an operator calls it, of lectures that were taken over from a real S3."""

import asyncio
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

import run_server
from db.pool import open_database
from db.upkeep import file_rows
from db.videos import processing, videos
from events.media.served_files import ServedFiles
from events.takeover.verify import Verifier
from server.takeover import verify
from storage.mp4.faststart import move_index_to_front
from storage.paths import StoragePaths
from storage.s3 import objects
from storage.samples import write_clock_mp4
from storage.sandbox.children import Sandbox
from tests.programs.object_store import BUCKET, ObjectStore


@dataclass(frozen=True)
class Films:
    """One that players take as it is, one whose index stands at the end."""

    ordered: bytes
    disordered: bytes


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    directory = tmp_path_factory.mktemp("films")
    disordered, ordered = directory / "disordered.mp4", directory / "ordered.mp4"
    write_clock_mp4(disordered, 1, (160, 90))
    move_index_to_front(disordered, ordered)
    return Films(ordered.read_bytes(), disordered.read_bytes())


class Taken:
    """Modules m1 and m2, taken over; the service that shows them is not running."""

    def __init__(self, dsn: str, directory: Path, store: ObjectStore, capsys: Any) -> None:
        self.dsn = dsn
        self.store = store
        self.storage = StoragePaths(directory / "data" / "storage")
        self.report = directory / "report.json"
        self._manifest = directory / "m.csv"
        self._capsys = capsys

    def take(self, *modules: tuple[str, str]) -> None:
        lines = [f"{module},c1,T,1,s3://{BUCKET}/{key}" for module, key in modules]
        self._manifest.write_text("\n".join(["id,course_id,title,position,video_url", *lines]))
        assert self._run("--manifest", str(self._manifest)) == (0, "")

    def verify(self, *more: str) -> dict[str, str]:
        """State by module; exit code 1 when one of them is not well."""
        code, err = self._run("--verify", "--report", str(self.report), *more)
        assert err == ""
        found = {one["module_id"]: one["state"] for one in self.told}
        assert code == (0 if set(found.values()) <= {"verified", "converted", "deleted"} else 1)
        return found

    def fails(self) -> str:
        code, err = self._run("--verify")
        assert code == 2
        return err

    def _run(self, *arguments: str) -> tuple[int, str]:
        endpoint = ("--endpoint-url", self.store.endpoint_url)
        code = run_server.main(["import-s3", *endpoint, *arguments])
        self.out, err = self._capsys.readouterr()
        return code, err

    def printed(self) -> str:
        return str(self._capsys.readouterr().out)

    @property
    def told(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.report.read_text())
        return found

    def detail(self, module: str) -> str:
        (found,) = (str(one["detail"]) for one in self.told if one["module_id"] == module)
        return found

    def rows(self, sql: str) -> list[Any]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def file(self, module: str) -> Path:
        """The file that is served, or the original while there is none."""
        ((video,),) = self.rows(f"SELECT id::text FROM videos WHERE module_id = '{module}'")
        (path,) = (
            path
            for pattern in ("original.*", "source-*")
            for path in self.storage.courses.glob(f"*/{video}/{pattern}")
        )
        return path

    def process(self) -> None:
        """Processes videos as media workers do, without pictures."""
        asyncio.run(self._process([row[0] for row in self.rows("SELECT id FROM videos")]))

    async def _process(self, ids: list[Any]) -> None:
        async with open_database(self.dsn, size=2) as database:
            served_files = ServedFiles(database, self.storage, Sandbox(1))
            for video_id in ids:
                video = await videos.get(database, video_id)
                assert video is not None
                served = await served_files.serve(video, is_wanted)
                async with database.transaction() as transaction:
                    assert await processing.set_ready(transaction, video_id, served.media)
                await served_files.drop_original(video)


async def is_wanted(_: float) -> bool:
    return True


@pytest.fixture
def taken(
    dsn: str,
    tmp_path: Path,
    store: ObjectStore,
    films: Films,
    own_settings: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Taken:
    monkeypatch.setattr(verify, "MODULES_AT_ONCE", 1)  # each is read by itself
    store.put("week/a.mp4", films.ordered)
    store.put("week/b.mp4", films.disordered)
    made = Taken(dsn, tmp_path, store, capsys)
    made.storage.prepare()
    made.take(("m1", "week/a.mp4"), ("m2", "week/b.mp4"))
    return made


WELL = {"m1": "verified", "m2": "verified"}


def test_what_is_whole_is_verified_before_it_is_processed_and_after(taken: Taken) -> None:
    assert taken.verify() == WELL
    assert taken.detail("m1").endswith("S3 has the same")
    taken.process()
    before = [(path, path.stat()) for path in sorted(taken.storage.root.rglob("*"))]
    facts = taken.rows("SELECT v::text, m::text, o::text FROM videos v, s3_modules m, s3_objects o")
    assert taken.verify() == {"m1": "verified", "m2": "converted"}
    assert "which is not kept" in taken.detail("m2")
    assert taken.out.splitlines()[-1] == "1 converted, 1 verified"
    assert facts == taken.rows(
        "SELECT v::text, m::text, o::text FROM videos v, s3_modules m, s3_objects o"
    )
    after = [(path, path.stat()) for path in sorted(taken.storage.root.rglob("*"))]
    assert [(path, found.st_mtime_ns, found.st_size) for path, found in before] == [
        (path, found.st_mtime_ns, found.st_size) for path, found in after
    ]


def test_damage_of_what_was_converted_is_found(taken: Taken) -> None:
    taken.process()
    flip(taken.file("m2"))
    assert taken.verify() == {"m1": "verified", "m2": "damaged"}
    flip(taken.file("m2"))
    taken.rows("UPDATE videos SET original_sha256 = 'other'")
    assert taken.verify() == {"m1": "verified", "m2": "damaged"}
    assert "made from other bytes" in taken.detail("m2")
    taken.file("m2").unlink()
    taken.rows(
        "UPDATE videos v SET original_sha256 = (SELECT m.sha256 FROM s3_modules m"
        " WHERE m.video_id = v.id)"
    )
    assert taken.verify() == {"m1": "verified", "m2": "lost"}


def flip(path: Path) -> None:
    """One bit in the middle."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def make_unreadable(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS: list[tuple[Callable[[Path], None], str]] = [
    (flip, "damaged"),
    (truncate, "damaged"),
    (Path.unlink, "lost"),
    (make_unreadable, "damaged"),
]


def test_damage_is_found_whether_or_not_s3_has_the_object(taken: Taken, films: Films) -> None:
    modules = {f"h{n}": harm for n, harm in enumerate(2 * HARMS)}
    for module in modules:
        taken.store.put(f"{module}.mp4", films.ordered + b"\0\0\0\x0afree" + module.encode())
    taken.take(*((module, f"{module}.mp4") for module in modules))
    for module in list(modules)[: len(HARMS)]:
        taken.store.client.delete_object(Bucket=BUCKET, Key=f"{module}.mp4")
    for module, (harm, _) in modules.items():
        harm(taken.file(module))
    assert taken.verify() == WELL | {module: state for module, (_, state) in modules.items()}
    shown = [line.split()[:2] for line in taken.out.splitlines()[-len(modules) - 2 :]]
    assert shown[: len(modules)] == [[state, module] for module, (_, state) in modules.items()]


def test_what_s3_has_now_is_reported(taken: Taken) -> None:
    taken.store.client.delete_object(Bucket=BUCKET, Key="week/a.mp4")
    taken.store.put("week/b.mp4", b"another film")
    assert taken.verify() == {"m1": "verified", "m2": "changed"}
    assert taken.detail("m1").endswith("S3 has it no longer")


def test_s3_that_does_not_answer_is_reported(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "ATTEMPTS", 1)
    assert taken.verify("--endpoint-url", "http://127.0.0.1:1") == {
        "m1": "unreachable",
        "m2": "unreachable",
    }
    assert "sha256" in taken.detail("m1")


def test_a_module_is_compared_with_what_it_was_taken_from(taken: Taken, films: Films) -> None:
    """Its object was replaced since, and taken over anew for another module."""
    taken.store.put("week/a.mp4", films.disordered)
    taken.take(("m3", "week/a.mp4"))
    assert taken.verify() == {"m1": "changed", "m2": "verified", "m3": "verified"}


def test_videos_that_were_deleted_or_failed_are_reported(taken: Taken) -> None:
    taken.rows("UPDATE videos SET deleted_at = now() WHERE module_id = 'm1'")
    assert taken.verify() == {"m1": "deleted", "m2": "verified"}
    taken.rows("UPDATE videos SET status = 'failed' WHERE module_id = 'm2'")
    assert taken.verify() == {"m1": "deleted", "m2": "failed"}


def test_a_file_that_makes_way_for_another_meanwhile_is_not_lost(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are those before the worker, once."""
    read = file_rows.read_videos
    stale: list[Any] = [asyncio.run(rows_of(taken.dsn)), None]

    async def of_videos(*arguments: Any) -> Any:
        return stale.pop(0) or await read(*arguments) if stale else await read(*arguments)

    taken.process()
    monkeypatch.setattr(file_rows, "read_videos", of_videos)
    found = taken.verify("--parallel", "1")
    assert found == {"m1": "verified", "m2": "converted"}


async def rows_of(dsn: str) -> Any:
    async with open_database(dsn, size=1) as database:
        ids = [row.id for row in await database.fetch_all("SELECT id FROM videos")]
        return await file_rows.read_videos(database, ids)


def test_a_bucket_and_a_prefix_narrow_it_down(taken: Taken) -> None:
    assert taken.verify("--bucket", BUCKET, "--prefix", "week/b") == {"m2": "verified"}
    assert taken.verify("--bucket", "other") == {}
    assert taken.out.splitlines()[-1] == "nothing was taken over"


def test_a_storage_that_is_not_there_is_no_lost_lecture(taken: Taken) -> None:
    shutil.rmtree(taken.storage.courses)
    taken.storage.marker.unlink()
    assert "storage" in taken.fails()


def test_stopped_in_the_middle_the_rest_is_reported(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = Verifier.verify

    async def stopping(self: Verifier, one: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return await verify(self, one)

    monkeypatch.setattr(Verifier, "verify", stopping)
    assert taken.verify("--parallel", "1") == {"m1": "verified", "m2": "interrupted"}


def test_at_a_second_signal_it_ends_though_s3_does_not_answer(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering = threading.Event()

    def hanging(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert answering.wait(30)
        return objects.look_up(*arguments)

    def ending(code: int) -> None:
        answering.set()
        raise SystemExit(code)

    monkeypatch.setattr("events.takeover.verify.look_up", hanging)
    monkeypatch.setattr(os, "_exit", ending)
    with pytest.raises(SystemExit, match="1"):
        run_server.main(["import-s3", "--verify", "--endpoint-url", taken.store.endpoint_url])
    assert taken.printed().splitlines()[-1] == "2 interrupted"
