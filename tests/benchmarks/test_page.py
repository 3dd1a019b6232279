"""The page of results: every report with its plots, and nothing in them taken for markup."""

from pathlib import Path

import pytest

from benchmarks.page import NAME, main

PLOT = '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg id="{name}"></svg>\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "fanout.txt").write_text("5,000 streams <b>")
    (tmp_path / "results.txt").write_text("64 KiB & more")
    (tmp_path / "results.svg").write_text(PLOT.format(name="shares"))
    (tmp_path / "results.json").write_text("{}")
    return tmp_path


def test_videos_come_first_and_plots_stand_with_their_report(directory: Path) -> None:
    assert main(directory) == 0

    page = (directory / NAME).read_text()
    order = [page.index(piece) for piece in ('id="results"', 'id="shares"', "64 KiB", "5,000")]
    assert order == sorted(order)
    assert page.count("<svg") == 1
    assert "<?xml" not in page


def test_text_is_no_markup(directory: Path) -> None:
    main(directory)

    page = (directory / NAME).read_text()
    assert "64 KiB &amp; more" in page
    assert "streams &lt;b&gt;" in page


def test_nothing_measured_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path) == 2
    assert "nothing was measured" in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()
