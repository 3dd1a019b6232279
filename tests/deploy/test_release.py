"""The tarball of `make dist` runs from any folder: it holds the migrations and the pages."""

import os
import subprocess
import sys
from pathlib import Path

from tests.harness.running import ROOT

TIMEOUT_S = 60
LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from db.postgres.migrations import MIGRATIONS
from server.web.app import WEB
print(len(list(MIGRATIONS.glob("*.sql"))), (WEB / "dist" / "index.html").exists(), WEB.parent)
"""


def run(*command: str, cwd: Path, **environ: str) -> str:
    found = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_tarball_holds_all_that_runs_and_nothing_local(tmp_path: Path) -> None:
    run("make", "--silent", "dist", cwd=ROOT)
    (archive,) = (ROOT / "build").glob("coursestream-*.tar.gz")
    release = tmp_path / archive.name.removesuffix(".tar.gz")
    run("tar", "--extract", "--file", str(archive), cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    found = run(sys.executable, "-c", LOOK, str(release), cwd=elsewhere)
    token = run(
        *(sys.executable, str(release / "run_server.py"), "token", "--user", "ada"),
        cwd=elsewhere,
        COURSESTREAM_DATA_DIR=str(tmp_path / "data"),
    )

    migrations, has_pages, root = found.split()
    written = len(list((ROOT / "migrations").glob("*.sql")))
    assert (migrations, has_pages, root) == (str(written), "True", str(release))
    assert token.count(".") == 2
    assert {"LICENSE", "README.md", "Makefile", "deploy"} <= {
        path.name for path in release.iterdir()
    }
    assert not (release / ".venv").exists()
    assert not (release / "web" / "node_modules").exists()
    # Nothing of it is older than what it is made of: `make install` needs no Node there.
    assert "npm" not in run("make", "--dry-run", "web/dist/metafile.json", cwd=release)


def test_a_benchmark_is_compared_with_a_commit_and_an_image_made_of_an_image() -> None:
    guard = run("make", "--dry-run", "bench-guard", cwd=ROOT)
    image = run("make", "--dry-run", "image", cwd=ROOT)

    assert "-m benchmarks.guard HEAD~1" in guard
    assert "--build-arg BASE=docker.io/" in image
