"""The generated pages in docs/ agree with the code, and say everything."""

import re
from pathlib import Path

import pytest

from docs.generators.__main__ import DOCS, PAGES
from server.config.settings import SETTINGS


@pytest.mark.parametrize("name", PAGES)
def test_page_is_as_the_code_generates_it(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("variable", SETTINGS)
def test_each_setting_has_a_meaning_of_one_or_more_sentences(variable: str) -> None:
    meaning = SETTINGS[variable].metadata["meaning"]

    assert re.fullmatch(r"\S.*\.", meaning), meaning
    assert f"| `{variable}` |" in (DOCS / "configuration.md").read_text()


def test_every_page_is_linked_from_the_index_of_its_folder_or_the_readme() -> None:
    root = DOCS.parent
    indexes = [root / "README.md", *DOCS.rglob("README.md")]
    linked = {
        (index.parent / path).resolve()
        for index in indexes
        for path in re.findall(r"\]\(([^)#]+\.md)", index.read_text())
    }
    pages: set[Path] = {page for page in DOCS.rglob("*.md") if page.name != "README.md"}

    lost = {str(page.relative_to(root)) for page in pages if page not in linked}
    assert lost == set(), "link it from README.md or from the README.md of its folder"
