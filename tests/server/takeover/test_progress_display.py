"""Progress of an import, as a bar for people and as JSON lines for programs."""

import io
import json

import pytest

from server.takeover import progress_display
from server.takeover.progress_display import Lines, show_places, show_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_programs_read_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_display, "INTERVAL_S", 0.0)
    out = io.StringIO()
    with show_progress(out, 10, 2) as progress:
        progress.add_bytes(4)
        progress.add_file("s3://b/a", "taken")
    totals = {"total_bytes": 10, "total_files": 2}
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"event": "progress", "bytes": 4, "files": 0, **totals},
        {"event": "file", "object": "s3://b/a", "state": "taken", "bytes": 4, "files": 1, **totals},
    ]


def test_bytes_are_reported_once_a_second_at_most() -> None:
    out = io.StringIO()
    lines = Lines(out, 10, 2)
    lines.add_bytes(4)
    lines.add_bytes(4)
    assert out.getvalue() == ""


def test_people_see_a_bar() -> None:
    out = Terminal()
    with show_progress(out, 2048, 2) as progress:
        progress.add_bytes(1024)
        progress.add_file("s3://b/a", "taken")
    assert "1/2 files" in out.getvalue()
    assert "1.0/2.0 KiB" in out.getvalue()


def test_programs_get_places_once_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.StringIO()
    with show_places(out) as add:
        add(500)
    assert out.getvalue() == ""
    monkeypatch.setattr(progress_display, "INTERVAL_S", 0.0)
    with show_places(out) as add:
        add(500)
        add(20)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"event": "places", "places": 500},
        {"event": "places", "places": 520},
    ]


def test_people_see_how_many_places_were_read() -> None:
    out = Terminal()
    with show_places(out) as add:
        add(500)
        add(20)
    assert "520 viewers' places" in out.getvalue()
