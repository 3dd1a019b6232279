"""The written pages: short lines, tests that exist, faults with their rounds."""

import re
from pathlib import Path

import pytest

from tests.harness.running import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
FRONT_PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
UNPACKAGED = re.compile(r"pip install [^`\n]*(coursestream|'?\.'?(\[|$|\s))")
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")
FAULT = re.compile(r"\*\*[^*]+\*\*\s\(([\d,]+\s+rounds?(\s+each)?|all\s+steps),\s+\d+\s+lost\)\.\n")


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
