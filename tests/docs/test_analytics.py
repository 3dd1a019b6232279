"""Every figure that analytics answer with is defined in docs/analytics.md, under its heading."""

import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from handlers.analytics import messages, quality_messages, server, sessions

PAGE = Path(__file__).parents[2] / "docs" / "analytics.md"
STUDENTS, QUALITY = "Students and popular videos", "Quality of playback"
DASHBOARD, SESSIONS = "The dashboard", "Sessions, and why one stalled"
VIEWING = "Figures of a course and of a video"
SECTIONS = {
    messages.DayView: VIEWING,
    messages.WatchedVideoView: VIEWING,
    messages.CourseAnalytics: VIEWING,
    messages.VideoAnalytics: VIEWING,
    messages.PopularView: VIEWING,
    messages.RetentionView: "Retention",
    messages.StudentView: STUDENTS,
    quality_messages.QualityView: QUALITY,
    server.PlaybacksView: DASHBOARD,
    server.JobsView: DASHBOARD,
    server.ProblemView: DASHBOARD,
    server.ServerView: DASHBOARD,
    server.StorageShareView: DASHBOARD,
    server.StorageView: DASHBOARD,
    sessions.SessionQualityView: SESSIONS,
    sessions.PlaybackSessionView: SESSIONS,
}
# Names, lists of figures, and words: no figures.
NAMES = {"user_id", "video_id", "course_id", "session_id", "subject_id", "title", "of", "day"}
LISTS = {"days", "videos", "courses", "retention", "quality"}
WORDS = {"withheld", "kind", "code", "detail", "step"}
NO_FIGURES = {messages.PopularListing, quality_messages.QualityAnalytics, sessions.SessionTimeline}


def defined_under(heading: str) -> set[str]:
    """The names in the first cells of the tables of a section; `days[].bytes` defines `bytes`."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    named = [name for cells in rows if len(cells) > 1 for name in re.findall("`(.+?)`", cells[0])]
    return {re.sub(r"\[\w*\]$", "", name).rpartition(".")[2] for name in named}


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_each_figure_is_defined(kind: type[msgspec.Struct]) -> None:
    figures = set(kind.__struct_fields__) - NAMES - WORDS
    if kind is not server.StorageShareView:
        figures -= LISTS

    assert figures - defined_under(SECTIONS[kind]) == set()


@pytest.mark.parametrize("module", [messages, quality_messages, server, sessions])
def test_each_message_is_looked_at(module: ModuleType) -> None:
    kinds = {
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__module__ == module.__name__
    }

    assert kinds - SECTIONS.keys() - NO_FIGURES == set()
