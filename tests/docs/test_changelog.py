"""The changelog: its last release is the version of setup.cfg, its sections have one order."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)")


def versions() -> list[str]:
    _, *found = (ROOT / "CHANGELOG.md").read_text().split("\n## ")
    return found


def test_the_last_release_is_the_version_of_the_package() -> None:
    unreleased, *released = [version.partition("\n")[0] for version in versions()]
    (current,) = re.findall(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    found = [match.groups() for title in released if (match := RELEASE.fullmatch(title))]
    numbers = [tuple(map(int, numbers)) for *numbers, _ in found]

    assert unreleased == "Unreleased"
    assert len(found) == len(released)
    assert released[0].startswith(f"{current} - ")
    assert numbers == sorted(numbers, reverse=True)


def test_each_version_has_each_section_once_in_the_usual_order() -> None:
    for version in versions():
        sections = re.findall(r"^### (.+)$", version, re.MULTILINE)

        assert sections == [one for one in SECTIONS if one in sections]
        assert "\n\n\n" not in version
        assert not re.search(r"^- .*\n(?:  .*\n)*\n- ", version, re.MULTILINE), "a gap in a list"
