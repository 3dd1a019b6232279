"""Commands on a mount that lacks what the storage relies on: each refuses with a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import url_of
from tests.harness.running import ROOT, SECRET, free_port
from tests.programs.lacking import compile_lacking
from tests.service.pairing import paired_storage

TIMEOUT_S = 60


@pytest.fixture
def environ(dsn: str, tmp_path: Path) -> dict[str, str]:
    paired_storage(dsn, tmp_path / "data" / "storage")
    return {
        "PATH": os.environ["PATH"],
        "COURSESTREAM_DATABASE_URL": url_of(dsn),
        "COURSESTREAM_DATABASE_POOL_SIZE": "3",
        "COURSESTREAM_DATA_DIR": str(tmp_path / "data"),
        "COURSESTREAM_JWT_SECRET": SECRET,
        "COURSESTREAM_PORT": str(free_port()),
        "COURSESTREAM_MEDIA_WORKERS": "0",
        "LD_PRELOAD": str(compile_lacking(tmp_path)),
        "LACKING": "locks seen",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


@pytest.mark.parametrize("command", ["serve", "worker", "check", "import-s3"])
def test_each_refuses_and_names_what_is_missing(
    environ: dict[str, str], tmp_path: Path, command: str
) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("id,course_id,title,position,video_url\nm1,c1,M,1,s3://bucket/a.mp4\n")
    more = ["--manifest", str(manifest), "--endpoint-url", "http://127.0.0.1:1"]

    ran = subprocess.run(
        [sys.executable, "run_server.py", command, *(more if command == "import-s3" else [])],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert ran.returncode in (1, 2)
    assert "listens on" not in ran.stdout
    (sentence,) = (line for line in ran.stderr.splitlines() if line.startswith("coursestream: "))
    assert "cannot hold the storage: it lacks locks that other processes respect." in sentence
    assert [*(tmp_path / "data" / "storage" / "tmp").iterdir()] == []
