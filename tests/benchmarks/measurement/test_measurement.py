"""Options of a measurement, the files that it writes, and its refusals."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.measurement.frame import options_of, run, run_isolated, spread


def measure(options: Namespace) -> Iterable[str]:
    yield f"rounds: {options.rounds}"


def test_findings_are_written_below_the_machine(tmp_path: Path) -> None:
    output = tmp_path / "not" / "there"
    options = options_of("media.trial", None).parse_args(["--rounds", "3", "--output", str(output)])

    assert run(options, measure) == 0

    facts, findings = (output / "trial.txt").read_text().split("\n\n")
    assert facts.startswith("date: ")
    assert findings == "rounds: 3\n"


def test_a_machine_without_the_tools_gets_a_list_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    parser = options_of("trial", None)

    assert run_isolated(parser, ["--output", str(tmp_path)], measure) == 2

    assert capsys.readouterr().err.startswith("benchmarks: the benchmarks need `unshare`")
    assert not list(tmp_path.iterdir())


def test_spread_tells_the_middle_and_both_ends() -> None:
    assert spread([3.0, 1.0, 2.5], 1) == "2.5 [1.0 to 3.0]"
