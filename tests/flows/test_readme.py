"""The tour of the README works as it is written."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.harness.running import ROOT, SECRET, Service

TIMEOUT_S = 120
FIRST_BYTES = 65536


async def test_tour_of_the_readme_works(service: Service, tmp_path: Path) -> None:
    output = await asyncio.to_thread(run_tour, service, tmp_path)

    lecture = (tmp_path / "lecture.mp4").read_bytes()
    assert (tmp_path / "first-64-KiB").read_bytes() == lecture[:FIRST_BYTES]
    uploaded, _, rest = output.partition('{"items":')
    again = json.loads(uploaded)
    assert (again["title"], again["original_size"]) == ("Again", len(lecture))
    assert "event: video.ready" in rest
    async with (
        service.client("root", "admin") as admin,
        admin.delete(f"/api/v1/videos/{again['id']}") as response,
    ):
        assert response.status == 204


def run_tour(service: Service, directory: Path) -> str:
    (text,) = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    base = "BASE=http://127.0.0.1:8080"
    program = ".venv/bin/python run_server.py"
    assert base in text
    assert program in text
    text = text.replace(base, f"BASE={service.url}")
    text = text.replace(program, f"{sys.executable} {ROOT / 'run_server.py'}")
    done = subprocess.run(
        ["sh", "-euc", text],
        cwd=directory,
        env={
            "PATH": os.environ["PATH"],
            "COURSESTREAM_DATA_DIR": str(service.data_dir),
            "COURSESTREAM_JWT_SECRET": SECRET,
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
