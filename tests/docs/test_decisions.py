"""Each entry of the decisions has a title, a date, and what was chosen, rejected and why."""

import re
from pathlib import Path

import pytest

DECISIONS = Path(__file__).resolve().parents[2] / "docs" / "decisions"
PAGES = sorted(page.name for page in DECISIONS.glob("*.md") if page.name != "README.md")
POINT = r"- \*\*{}:\*\* \S[^\n]*\n(?:  \S[^\n]*\n)*"
POINTS = "".join(POINT.format(label) for label in ("Chosen", "Rejected", "Why"))
QUESTION = r"(?:What|Who|Whose|How|Whether|Which|Where)\b"
ENTRY = re.compile(rf"\n## (?!{QUESTION})[^\n]+\n\n(\d{{4}}-\d\d-\d\d)\n\n{POINTS}")


@pytest.mark.parametrize("page", PAGES)
def test_entries_have_one_form_and_stand_in_the_order_of_their_dates(page: str) -> None:
    text = (DECISIONS / page).read_text()
    dates = ENTRY.findall(text)
    ((title, area),) = re.findall(r"\A# (Decisions: (.+))\n", text)

    assert ENTRY.sub("", text) == f"# {title}\n"
    assert dates == sorted(dates) != []
    assert f"- [{area}]({page})" in (DECISIONS / "README.md").read_text().splitlines()
