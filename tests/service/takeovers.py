"""`import-s3` as an operator calls it, and what it leaves on disk and in the database."""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

import run_server
from storage.paths import StoragePaths
from tests.programs.object_store import BUCKET, ObjectStore

VIDEOS = """SELECT module_id, course_id, title, original_filename, id::text FROM videos
WHERE status <> 'announced' ORDER BY 1"""

Row = tuple[str, str]  # module and URL


class Takeover:
    """A service without its server: the database, the storage and the command."""

    def __init__(self, dsn: str, directory: Path, store: ObjectStore, capsys: Any) -> None:
        self.dsn = dsn
        self.directory = directory
        self.storage = StoragePaths(directory / "data" / "storage")
        self.storage.prepare()
        self._report = directory / "report.json"
        self._store = store
        self._capsys = capsys

    def run(self, rows: Sequence[Row], *more: str) -> dict[str, dict[str, Any]]:
        """The report, by module."""
        code = run_server.main(self.command(rows, *more))
        self.out, self.err = self._capsys.readouterr()
        assert self.err == "", self.err
        found = self.report()
        well = {"found"} if "--dry-run" in more else {"taken"}
        is_done = {one["state"] for one in found.values()} <= well | {"deleted"}
        assert code == (0 if is_done else 1), found
        return found

    def command(self, rows: Sequence[Row], *more: str) -> list[str]:
        manifest = self.directory / "m.csv"
        lines = [f'{module},c1,Title {module},1,"{url}"' for module, url in rows]
        manifest.write_text("\n".join(["id,course_id,title,position,video_url", *lines]))
        arguments = ["--manifest", str(manifest), "--endpoint-url", self._store.endpoint_url]
        return ["import-s3", *arguments, "--report", str(self._report), *more]

    def report(self) -> dict[str, dict[str, Any]]:
        return {one["module_id"]: one for one in json.loads(self._report.read_text())}

    def roll_back(self, *more: str) -> list[str]:
        """The modules that were told."""
        assert run_server.main(["import-s3", "--rollback", *more]) == 0
        self.out, _ = self._capsys.readouterr()
        return self.out.splitlines()[:-1]

    def do(self, sql: str) -> None:
        with closing(psycopg2.connect(self.dsn)) as connection, connection:
            connection.cursor().execute(sql)

    def states(self, rows: Sequence[Row], *more: str) -> dict[str, str]:
        return {module: one["state"] for module, one in self.run(rows, *more).items()}

    def rows(self, sql: str) -> list[Any]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            found: list[Any] = cursor.fetchall()
            return found

    def files(self) -> dict[str, Path]:
        """By module."""
        by_video = {path.parent.name: path for path in self.storage.courses.glob("*/*/original.*")}
        return {row[0]: by_video[row[4]] for row in self.rows(VIDEOS)}

    def unfinished(self) -> list[Path]:
        return list(self.storage.unfinished.iterdir())


def s3(key: str) -> str:
    return f"s3://{BUCKET}/{key}"


def padded(film: bytes, size_bytes: int) -> bytes:
    """Followed by a box of nothing, up to that size."""
    filler = size_bytes - len(film)
    return film + filler.to_bytes(4, "big") + b"free" + os.urandom(filler - 8)
