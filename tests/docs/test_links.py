"""The written pages: their links lead somewhere, and the paths that they name exist."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = frozenset(
    subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
)
FOLDERS = frozenset(str(parent) for name in FILES for parent in Path(name).parents)
# The changelog names what was there at its time.
PAGES = sorted(name for name in FILES if name.endswith(".md") and name != "CHANGELOG.md")
ROOMS = "server|handlers|events|storage|db|tests|docs|web|deploy|migrations|benchmarks"
LINK = re.compile(r"\]\(([^)\s]+)\)")
ELSEWHERE = ("http:", "https:", "mailto:")
PATH = re.compile(rf"(?<![\w./-])(?:{ROOMS})/[\w./{{}}*-]*\w/?")
FILE_NAME = re.compile(r"`([\w-]+\.(?:py|js|css|cfg|toml|service))`")
MODULE = re.compile(r"`((?:server|handlers|events|storage|db)(?:\.[a-z_0-9]+)+)`")
# Names that stand for others: of files that a walk through makes, and of patterns.
PLACEHOLDER = re.compile(r"NNNN|0099|[*{}]")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def is_dead(page: str, link: str) -> bool:
    target, _, anchor = link.partition("#")
    found = ROOT / Path(page).parent / target if target else ROOT / page
    if not found.exists():
        return True
    return bool(anchor) and anchor not in anchors(found)


def exists(path: str) -> bool:
    return path.rstrip("/") in FILES | FOLDERS or bool(PLACEHOLDER.search(path))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_a_heading(page: str) -> None:
    links = LINK.findall((ROOT / page).read_text())

    assert [one for one in links if not one.startswith(ELSEWHERE) and is_dead(page, one)] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    text = re.sub(r"https?://\S+", "", (ROOT / page).read_text())
    names = {Path(name).name for name in FILES}
    missing = [path for path in PATH.findall(text) if not exists(path)]
    missing += [name for name in FILE_NAME.findall(text) if name not in names]
    for module in MODULE.findall(text):
        path = module.replace(".", "/")
        if not exists(path) and not exists(f"{path}.py") and not exists(parent_of(path)):
            missing.append(module)

    assert missing == []


def parent_of(path: str) -> str:
    """The module of what is named in one: `storage.concurrency.tasks.end`."""
    return f"{path.rpartition('/')[0]}.py"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        pytest.param("architecture.md", False, id="file"),
        pytest.param("architecture.md#layers", False, id="heading"),
        pytest.param("#http-api", False, id="own heading"),
        pytest.param("architecture.md#nowhere", True, id="no heading"),
        pytest.param("nowhere.md", True, id="no file"),
    ],
)
def test_dead_links_are_found(link: str, expected: bool) -> None:
    assert is_dead("docs/api.md", link) is expected


@pytest.mark.parametrize("floor", ["server", "handlers", "events", "storage", "db"])
def test_each_wing_stands_in_the_page_of_the_architecture(floor: str) -> None:
    wings = {
        Path(name).parent.name for name in FILES if re.fullmatch(rf"{floor}/\w+/__init__.py", name)
    }
    named = set(re.findall(r"`(\w+)/`", (ROOT / "docs" / "architecture.md").read_text()))

    assert wings - named == set(), "name it in docs/architecture.md, under Wings"
