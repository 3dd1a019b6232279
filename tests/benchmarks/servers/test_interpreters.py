"""The other Python of a run: used where it can serve, and missed with the reason."""

import platform
import sys
from pathlib import Path

import pytest

from benchmarks.servers import interpreters
from benchmarks.servers.contenders import CONTENDERS, OTHER_PYTHON


def test_one_with_the_packages_is_told_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(interpreters.VARIABLE, sys.executable)

    assert CONTENDERS[OTHER_PYTHON].missing() is None
    told = f"{platform.python_version()}, {sys.executable}"
    assert interpreters.facts() == {"other python": told}


@pytest.mark.parametrize(
    ("named", "said"),
    [
        pytest.param("", "names no other Python", id="none"),
        pytest.param("/nowhere/python", "No such file", id="no program"),
        pytest.param("false", "BENCH_PYTHON: ", id="a program that fails"),
    ],
)
def test_one_that_cannot_serve_is_left_out(
    named: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(interpreters.VARIABLE, named)

    assert said in str(CONTENDERS[OTHER_PYTHON].missing())
    assert interpreters.facts() == {}


def test_one_without_the_packages_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setenv(interpreters.VARIABLE, str(bare))

    assert "No module named 'aiohttp'" in str(interpreters.missing())
