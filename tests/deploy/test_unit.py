"""The systemd unit and the example of its environment are valid."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from server.config.settings import load_config
from tests.harness.running import ROOT

UNIT = ROOT / "deploy" / "coursestream.service"
EXAMPLE = ROOT / "deploy" / "environment.example"


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    here = tmp_path / UNIT.name
    program = "/opt/coursestream/.venv/bin/python"
    here.write_text(UNIT.read_text().replace(program, "/bin/true"))

    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True
    )

    assert (found.returncode, found.stderr) == (0, "")


def test_the_unit_stops_serve_alone_and_in_time(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]

    assert service["KillMode"] == "mixed"
    assert service["ExecStart"].endswith("python run_server.py serve")
    assert int(service["TimeoutStopSec"].removesuffix("s")) > 30 + 10 + 60
    assert service["User"] != "root"
    assert f"/var/lib/{service['StateDirectory']}" in EXAMPLE.read_text()


@pytest.mark.parametrize("is_uncommented", [False, True], ids=["as it is", "with all of it"])
def test_the_example_is_a_valid_configuration(tmp_path: Path, is_uncommented: bool) -> None:
    text = EXAMPLE.read_text()
    if is_uncommented:
        text = text.replace("SECRET=\n", f"SECRET={'x' * 32}\n").replace("\n#COURSE", "\nCOURSE")
    pairs = [line.split("=", 1) for line in text.splitlines() if line.startswith("COURSESTREAM_")]

    config = load_config(dict(pairs), tmp_path / "no.env")

    assert (str(config.data_dir), config.log_format) == ("/var/lib/coursestream", "json")
    assert config.has_embedded_database is not is_uncommented
