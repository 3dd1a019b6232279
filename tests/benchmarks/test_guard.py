"""The guard tells a loss from noise."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.guard import (
    BASE,
    GUARDED,
    NOW,
    by_chance,
    checked_out,
    gains,
    lost,
    main,
    verdicts,
)
from benchmarks.measurement.workloads import WORKLOADS, Sample
from benchmarks.servers.processes import CannotStart
from benchmarks.servers.product import ROOT
from tests.benchmarks.measurement.samples import measured, sample


@pytest.mark.parametrize(
    ("found", "is_lost"),
    [
        pytest.param([], False, id="nothing measured"),
        pytest.param([0.9] * 10, True, id="a tenth in each round"),
        pytest.param([0.9] * 9 + [1.2], True, id="all rounds but one"),
        pytest.param([0.9] * 8 + [1.2] * 2, False, id="too many the other way"),
        pytest.param([0.98] * 10, False, id="within the tolerance"),
        pytest.param([1.1] * 10, False, id="a gain"),
        pytest.param([0.9] * 5, True, id="five of five"),
        pytest.param([0.5] * 4, False, id="four say little"),
    ],
)
def test_a_loss_is_large_and_hardly_chance(found: list[float], is_lost: bool) -> None:
    assert lost(found) is is_lost


@pytest.mark.parametrize(
    ("worse", "rounds", "chance"), [(0, 3, 1), (3, 3, 1 / 8), (2, 3, 1 / 2), (9, 10, 11 / 1024)]
)
def test_chance_is_that_of_a_coin(worse: int, rounds: int, chance: float) -> None:
    assert by_chance(worse, rounds) == chance


def test_gain_is_by_processor_time_a_byte() -> None:
    """Half the bytes in half of the processor time is no loss, whatever the machine did."""
    samples = [
        sample("64k", NOW, 0, 50, server_cpu_s=0.4),
        sample("64k", BASE, 0, 100, server_cpu_s=0.4),
        sample("64k", NOW, 1, 50, server_cpu_s=0.4),
        sample("64k", BASE, 1, 100, server_cpu_s=0.8),
        sample("64k", NOW, 2, 70, server_cpu_s=0.4),
    ]

    assert gains(samples, "64k") == [0.5, 1.0]


def test_round_without_a_byte_of_the_base_says_nothing() -> None:
    samples = [
        sample("64k", NOW, 0, 50, server_cpu_s=0.4),
        sample("64k", BASE, 0, 0, server_cpu_s=0.4),
    ]

    assert gains(samples, "64k") == []


def test_players_are_judged_by_what_they_read() -> None:
    samples = [
        Sample("pieces", name, 0, measured(player_bytes=100), server_cpu_s=cpu)
        for name, cpu in ((NOW, 0.4), (BASE, 0.2))
    ]

    assert gains(samples, "pieces") == [0.5]


def test_each_workload_has_its_verdict() -> None:
    samples = [
        sample("64k", name, number, size, server_cpu_s=0.5)
        for name, size in ((NOW, 80), (BASE, 100))
        for number in range(5)
    ]

    _, found, missing = verdicts(samples, ["64k", "fresh"])
    assert found == ["64 KiB", "0.80 (0.80 to 0.80)", "LOST"]
    assert missing[1:] == ["-", "kept"]


def test_usual_workloads_exist() -> None:
    assert set(GUARDED) <= set(WORKLOADS)


def test_rows_by_tls_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["HEAD", "--workloads", "64k,tls-64k"])

    assert "unknown: tls-64k" in capsys.readouterr().err


def test_commit_is_checked_out_beside_and_removed(tmp_path: Path) -> None:
    directory = tmp_path / "checkout"
    with checked_out("HEAD", directory):
        assert (directory / "run_server.py").is_file()
        assert (directory / "web/dist").resolve() == ROOT / "web/dist"

    listed = subprocess.run(
        ["git", "-C", ROOT, "worktree", "list"], capture_output=True, text=True, check=True
    )
    assert not directory.exists()
    assert str(directory) not in listed.stdout


def test_commit_that_is_none_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotStart, match="no-such-commit"),
        checked_out("no-such-commit", tmp_path / "checkout"),
    ):
        pass
