"""The house rules: imports go down, every module stands alone, the pages list everything."""

import ast
import configparser
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import handlers
from handlers.openapi.endpoints import Endpoint, declared
from server.config.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("server", "handlers", "events", "storage", "db")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
)
# Everything else below server/ that leaves the loop goes through storage/disk.py.
OFF_THE_LOOP = {
    "storage/disk.py",
    "storage/sandbox/child_process.py",  # reads /proc
    "events/takeover/s3_urls.py",  # boto3 signs, and waits for S3
    "handlers/operating/metrics.py",  # reads /proc, or the directory that processes share
}
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
API = (ROOT / "docs" / "api.md").read_text()


def test_imports_go_only_down() -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True
    )

    assert found.returncode == 0, found.stdout


def test_storage_work_leaves_the_loop_through_one_door() -> None:
    found = {
        str(path.relative_to(ROOT))
        for package in ("handlers", "events", "storage")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"\b(run_in_executor|to_thread)\(", path.read_text())
    }

    assert found == OFF_THE_LOOP, "leave the loop through storage/disk.py"


def test_no_group_of_an_expression_is_possessive() -> None:
    """CPython before 3.11.5, Debian's among them, matches those wrongly that fail within."""
    found = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"\)(?:[?*+]|\{[0-9,]+\})\+|\(\?>", path.read_text())
    }

    assert not found


def test_each_module_imports_alone() -> None:
    """In whatever order: no module relies on another having been imported first."""
    order = list(TopologicalSorter({name: _imports(name) for name in MODULES}).static_order())

    found = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "tests" / "lone_imports.py", *order],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert found.returncode == 0, found.stderr


def _imports(name: str) -> set[str]:
    """Our modules that a module imports; a circle of them has no order."""
    path = ROOT.joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    named: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            named.update({str(node.module), *(f"{node.module}.{one.name}" for one in node.names)})
    return named.intersection(MODULES)


@pytest.mark.parametrize("variable", SETTINGS)
def test_each_setting_stands_in_the_page_of_settings(variable: str) -> None:
    assert f"`{variable}`" in CONFIGURATION, "run `make docs`"


@pytest.mark.parametrize("one", declared(handlers), ids=lambda one: f"{one.method} {one.path}")
def test_each_endpoint_stands_in_the_page_of_routes(one: Endpoint) -> None:
    row = rf"`[A-Z, ]*\b{one.method}\b[A-Z, ]* {re.escape(one.path)}`"
    assert re.search(row, API), "run `make docs`"


@pytest.mark.parametrize("package", PACKAGES)
def test_package_faces_hold_no_code(package: str) -> None:
    for face in (ROOT / package).rglob("__init__.py"):
        assert face.read_text().count("\n") <= 1, f"{face}: a docstring of one line, no code"


@pytest.mark.parametrize("package", PACKAGES)
def test_one_word_for_each_thing(package: str) -> None:
    """`logger`, `transaction`, and `exc` for an error that was caught."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.ExceptHandler(name=str(name)):
                    assert name in {"exc", "group"}, f"{path}:{node.lineno}: name it exc"
                case ast.Name(id=name) | ast.arg(arg=name):
                    assert name not in {"tx", "LOG", "LOGGER"}, f"{path}:{node.lineno}"


def test_each_public_class_name_exists_once() -> None:
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    found.setdefault(node.name, []).append(place)

    twice = {name: places for name, places in found.items() if len(places) > 1}
    assert twice == {}, "rename one of them"


def test_the_released_packages_are_those_of_the_tree() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    found = [face.parent for package in PACKAGES for face in (ROOT / package).rglob("__init__.py")]

    listed = setup["options"]["packages"].split()
    expected = sorted(".".join(one.relative_to(ROOT).parts) for one in found)
    assert sorted(listed) == expected, "list it under `packages` in setup.cfg"
