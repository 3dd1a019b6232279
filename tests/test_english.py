"""Docstrings begin with the thing or the verb: not with a question word, nor, where they are of
functions, with a preposition."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("server", "handlers", "events", "storage", "db")
SOURCES = (*FLOORS, "benchmarks", "docs", "tests")
QUESTION = re.compile(r"(What|Who|Whose|How|Whether|Which|Where)(ever)?\b")
# "Of the box." says whose, not what: the signature does not say it either.
PREPOSITION = re.compile(r"(As|At|By|For|From|In|Of|On|To|With|Without|That|Those|These)\b")


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring, those of attributes included."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text.strip()


@pytest.mark.parametrize("source", SOURCES)
def test_no_docstring_begins_with_a_question_word(source: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in sorted((ROOT / source).rglob("*.py"))
        for line, text in docstrings(path)
        if QUESTION.match(text)
    ]

    assert found == []


@pytest.mark.parametrize("source", [*FLOORS, "benchmarks", "docs"])
def test_no_docstring_of_a_function_begins_with_a_preposition(source: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {text.splitlines()[0]}"
        for path in sorted((ROOT / source).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node)) is not None
        and PREPOSITION.match(text)
    ]

    assert found == []
