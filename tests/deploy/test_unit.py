"""The systemd unit, the example of its environment, and the pages in docs/ say what is true."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.config.settings import load_config
from tests.harness.running import ROOT

UNIT = ROOT / "deploy" / "coursestream.service"
EXAMPLE = ROOT / "deploy" / "environment.example"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
FRONT_PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
UNPACKAGED = re.compile(r"pip install [^`\n]*(coursestream|'?\.'?(\[|$|\s))")
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")
FAULT = re.compile(r"\*\*[^*]+\*\*\s\(([\d,]+\s+rounds?(\s+each)?|all\s+steps),\s+\d+\s+lost\)\.\n")
LINK = re.compile(r"\]\((?!http)([^)#]*)(?:#([\w-]+))?\)")


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


def test_every_test_that_the_pages_name_exists() -> None:
    named = [
        name for page in [*PAGES, *FRONT_PAGES] for name in TEST_NAME.findall(page.read_text())
    ]

    assert named
    for path, names in named:
        text = (ROOT / path).read_text()
        for name in names.split("::")[1:]:
            assert re.search(rf"(def|class) {name}\b", text), f"{path}{names}"


@pytest.mark.parametrize("page", [*PAGES, *FRONT_PAGES], ids=lambda page: page.name)
def test_no_page_asks_to_install_the_folder_as_a_package(page: Path) -> None:
    """It would hold neither migrations nor pages: the released form is the tarball or the image."""
    assert not UNPACKAGED.search(page.read_text())


def test_every_fault_tells_its_rounds_and_names_its_tests() -> None:
    _, *sections = (ROOT / "docs" / "reliability.md").read_text().split("\n## ")
    entries = [entry for section in sections for entry in section.split("\n- ")[1:]]

    assert len(entries) >= 60
    for entry in entries:
        assert FAULT.match(entry), entry
        assert TEST_NAME.search(entry), entry


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_short_enough_to_read(page: Path) -> None:
    """Except code and tables, which cannot be broken, and single words, as a test's name."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    cells = [
        cell for line in text.splitlines() if line.startswith("|") for cell in line.split(" | ")
    ]
    long = [line for line in lines if len(line) > 120 and " " in line.strip()]
    long += [cell for cell in cells if len(cell) > 310]

    assert long == []


@pytest.mark.parametrize("page", [*PAGES, *FRONT_PAGES], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, heading in LINK.findall(page.read_text()):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        if heading:
            assert heading in _headings(target)


def _headings(page: Path) -> set[str]:
    """As the usual renderers name them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
