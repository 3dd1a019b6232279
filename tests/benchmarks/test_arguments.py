"""Arguments of benchmarks: impossible ones are refused before anything starts, with the reason."""

import os
import shutil
from pathlib import Path

import pytest

from benchmarks import arguments
from benchmarks.__main__ import main
from benchmarks.comparison import estimated_s, names_for
from benchmarks.measurement import isolation
from benchmarks.measurement.workloads import GOALS, WITHOUT_TLS, WORKLOADS, Workload
from benchmarks.servers.contenders import CONTENDERS

ROOT = Path(__file__).resolve().parents[2]
LONGEST_WHOLE_RUN_S = 27 * 60


def test_usual_run_is_five_rounds_of_what_the_goals_need() -> None:
    options = arguments.parse([])

    assert options.rounds == 5
    assert set(options.workloads) == {goal.workload for goal in GOALS}
    assert options.workloads[0] == "players"


def test_usual_run_ends_within_27_minutes() -> None:
    options = arguments.parse([])
    plan = [(WORKLOADS[name], WORKLOADS[name].contenders) for name in options.workloads]

    assert estimated_s(plan, options) < LONGEST_WHOLE_RUN_S


def test_soak_outlives_every_cache() -> None:
    options = arguments.parse(["--soak"])

    assert options.workloads == ("soak",)
    assert WORKLOADS["soak"].asked(options.seconds).seconds > 300


def test_quick_is_overridden_by_what_is_given() -> None:
    options = arguments.parse(["--quick", "--rounds", "7"])

    assert (options.rounds, options.seconds) == (7, arguments.QUICK_SECONDS)


def test_contenders_asked_for_run_in_every_workload() -> None:
    options = arguments.parse(["--contenders", "file-response,coursestream"])

    assert names_for(WORKLOADS["64k"], options) == ["file-response", "coursestream"]


@pytest.mark.parametrize(
    ("workload", "asked", "found"),
    [
        ("64k", "coursestream-tls,nginx", ["nginx"]),
        ("64k", "coursestream-tls,nginx-tls", [*WORKLOADS["64k"].contenders]),
        ("tls-64k", "coursestream-tls,nginx", ["coursestream-tls"]),
        ("tls-64k", "coursestream,nginx", ["coursestream-tls", "nginx-tls"]),
    ],
)
def test_rows_by_tls_are_measured_by_tls_and_no_others(
    workload: str, asked: str, found: list[str]
) -> None:
    options = arguments.parse(["--contenders", asked])

    names = names_for(WORKLOADS[workload], options)

    assert names == [name for name in found if CONTENDERS[name].missing() is None]
    assert all(CONTENDERS[name].is_tls == WORKLOADS[workload].is_tls for name in names)


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_usual_contenders_end_tls_where_their_row_does(workload: Workload) -> None:
    assert {CONTENDERS[name].is_tls for name in workload.contenders} == {workload.is_tls}
    assert CONTENDERS[workload.nginx].is_tls == workload.is_tls


def test_own_server_is_asked_for_the_usual_rows_without_tls() -> None:
    options = arguments.parse(["--url", "http://127.0.0.1:8080", "--token", "any"])

    assert set(options.workloads) == {goal.workload for goal in GOALS} & set(WITHOUT_TLS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param(["--workloads", "64k,65k"], "unknown: 65k; there are", id="workload"),
        pytest.param(["--contenders", "apache"], "unknown: apache; there are", id="contender"),
        pytest.param(["--rounds", "0"], "not between 1 and 100", id="no rounds"),
        pytest.param(["--rounds", "many"], "invalid", id="rounds not a number"),
        pytest.param(["--seconds", "601"], "not between 0.1 and 600", id="without end"),
        pytest.param(["--no-namespace"], "unrecognized arguments", id="no namespace"),
        pytest.param(["--url", "http://127.0.0.1:1"], "need each other", id="no token"),
        pytest.param(["--token", "x"], "need each other", id="no address"),
        pytest.param(
            ["--url", "http://127.0.0.1:1", "--token", "x", "--workloads", "64k,tls-64k"],
            "without TLS, not by tls-64k",
            id="row by TLS",
        ),
        pytest.param(
            ["--url", "https://127.0.0.1", "--token", "x"], "no TLS, no path", id="with TLS"
        ),
        pytest.param(
            ["--url", "http://192.0.2.1", "--token", "x"],
            "192.0.2.1 is not an address of this machine",
            id="somebody else's machine",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        arguments.parse(given)

    assert refused.value.code == 2
    assert said in capsys.readouterr().err


def test_profile_needs_py_spy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(arguments, "py_spy", lambda: None)

    with pytest.raises(SystemExit):
        arguments.parse(["--profile"])

    assert "pip install py-spy" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        pytest.param("geteuid", lambda: 1000, "root, to make a network namespace", id="root"),
        pytest.param("sched_getaffinity", lambda _: {0}, "two cores", id="cores"),
    ],
)
def test_what_the_machine_lacks_is_said(
    name: str,
    changed: object,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, name, changed)

    assert main([]) == 2
    assert said in capsys.readouterr().err


def test_tools_are_named_with_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(isolation.CannotIsolate, match=r"`unshare` \(Debian's package util-linux\)"):
        isolation.check_possible()


def test_documentation_names_every_workload_and_variant() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()

    variants = [name for name in CONTENDERS if name.startswith("coursestream")]
    for name in (*WORKLOADS, *variants, "--url", "--soak", "--profile", "--quick", "--realtime"):
        assert f"`{name}`" in text or f"{name} " in text
