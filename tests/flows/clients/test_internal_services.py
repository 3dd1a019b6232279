"""Other services fetch whole files in many ranges at once, just as docs/integrate.md shows."""

import asyncio
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.clients.test_download import program
from tests.flows.conftest import Classroom
from tests.harness.serving import Serve
from tests.service.process_costs import held, metrics_of, until_held

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "integrate.md").read_text()
SAMPLES = {
    name: (kind, text)
    for kind, text, name in re.findall(r"^```(\w+)\n(# (\w+), .*?)^```$", PAGE, re.M | re.S)
}
TIMEOUT_S = 60
LARGEST_PIECE_BYTES = 4 * 2**20


@pytest.mark.parametrize("name", ["aria2c", "curl", "Python"])
async def test_sample_of_the_page_fetches_the_whole_in_ranges(
    classroom: Classroom, tmp_path: Path, name: str
) -> None:
    serve, lecture = classroom.serve, classroom.lectures[0]
    before, answers = await held(serve), await partial_answers(serve)
    environment = {
        "BASE": serve.url,
        "TOKEN": serve.token("transcriber", "service"),
        "VIDEO": lecture.id,
        "SIZE": str(lecture.size),
        "SHA256": lecture.video["sha256"],
    }

    await asyncio.to_thread(run_sample, name, tmp_path, environment)

    fetched = (tmp_path / "video.mp4").read_bytes()
    assert hashlib.sha256(fetched).hexdigest() == lecture.video["sha256"]
    await until_held(serve, before)
    assert await partial_answers(serve) - answers >= lecture.size // LARGEST_PIECE_BYTES


async def partial_answers(serve: Serve) -> float:
    """Counts the answers 206 so far."""
    metrics = await metrics_of(serve)
    return sum(
        count
        for series, count in metrics.items()
        if "http_requests_total" in series and 'status="206"' in series
    )


def run_sample(name: str, directory: Path, environment: dict[str, str]) -> None:
    kind, text = SAMPLES[name]
    if kind == "sh":
        program(name)
    interpreter = [sys.executable] if kind == "python" else ["sh", "-e"]
    done = subprocess.run(
        [*interpreter, "-c", text],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
