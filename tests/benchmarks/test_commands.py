"""The commands of benchmarks/ are called by the names of their modules, wherever they are named."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.harness.running import ROOT

COMMAND = re.compile(r"-m\W+(benchmarks(?:\.\w+)*)")
MODULES = sorted((ROOT / "benchmarks").rglob("*.py"))
PAGES = [ROOT / "Makefile", *sorted((ROOT / "docs").rglob("*.md")), *MODULES]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_commands_that_are_named_exist() -> None:
    named = {name for page in PAGES for name in COMMAND.findall(page.read_text())}

    assert {"benchmarks", "benchmarks.media.ladder", "benchmarks.viewing.reports"} <= named
    assert [name for name in sorted(named) if find_spec(name) is None] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_command_names_itself(path: Path) -> None:
    """It is run again by that name, in a place of its own."""
    for named in re.findall(r"options_of\(\"([\w.]+)\"", path.read_text()):
        assert f"benchmarks.{named}" == name_of(path)
