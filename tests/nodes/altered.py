"""Services on machines that are not as they should be, and of a version to come."""

import shutil
import subprocess
from pathlib import Path

from tests.harness.running import ROOT

PACKAGES = ("db", "events", "handlers", "server", "storage")
PARTS = (*PACKAGES, "migrations", "web/dist")
NAME = "9000_next_version"
MIGRATION = """-- A column that the next version has, and this one does not know.
-- depends: {last}

ALTER TABLE videos ADD COLUMN next_version boolean NOT NULL DEFAULT false;
"""


def hanging_storage(directory: Path, storage: Path, flag: Path) -> tuple[str, ...]:
    """Environment of a program for which `storage` hangs while the file `flag` exists."""
    library = _compiled("hanging", directory)
    return (f"LD_PRELOAD={library}", f"HANGING_UNDER={storage}", f"HANGING_WHILE={flag}")


def shifted_clock(directory: Path, shift_s: int) -> tuple[str, ...]:
    """Environment of a program that sees another time of day; its time-outs last as ever."""
    return f"LD_PRELOAD={_compiled('shifted_clock', directory)}", f"SHIFTED_BY_S={shift_s}"


def _compiled(name: str, directory: Path) -> Path:
    library, source = directory / f"{name}.so", Path(__file__).with_name(f"{name}.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def next_version(directory: Path) -> Path:
    """This version with one more migration."""
    for part in PARTS:
        shutil.copytree(ROOT / part, directory / part)
    shutil.copy(ROOT / "run_server.py", directory)
    migrations = directory / "migrations"
    last = max(path.stem for path in migrations.glob("*.sql") if "rollback" not in path.name)
    (migrations / f"{NAME}.sql").write_text(MIGRATION.format(last=last))
    rollback = "ALTER TABLE videos DROP COLUMN next_version;\n"
    (migrations / f"{NAME}.rollback.sql").write_text(rollback)
    return directory
