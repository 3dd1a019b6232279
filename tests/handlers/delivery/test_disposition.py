"""The name of a download, by known answers."""

import re
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.delivery.disposition import LONGEST_NAME_BYTES, attachment, download_name

# RFC 6266 section 4.1 with RFC 8187 section 3.2.1, as strict as they come.
FIELD = re.compile(
    r'attachment; filename="[ !#$&-\[\]^-~]+"; '
    r"filename\*=UTF-8''(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+"
)


def ascii_only(name: str) -> str:
    return f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"


@pytest.mark.parametrize(
    ("original", "extension", "expected"),
    [
        # Realistic
        pytest.param("lecture.mp4", "mp4", ascii_only("lecture.mp4"), id="as it came"),
        pytest.param("lecture.mov", "mp4", ascii_only("lecture.mp4"), id="another container"),
        pytest.param("LECTURE.MP4", "webm", ascii_only("LECTURE.webm"), id="loud extension"),
        pytest.param("week-1.2", "mp4", ascii_only("week-1.2.mp4"), id="a number is no extension"),
        pytest.param("setup.exe", "mp4", ascii_only("setup.exe.mp4"), id="nor is exe"),
        pytest.param(
            "My lecture.mp4",
            "mp4",
            "attachment; filename=\"My lecture.mp4\"; filename*=UTF-8''My%20lecture.mp4",
            id="blank",
        ),
        pytest.param(
            "Équations différentielles.mp4",
            "mp4",
            'attachment; filename="Equations differentielles.mp4"; '
            "filename*=UTF-8''%C3%89quations%20diff%C3%A9rentielles.mp4",
            id="accents",
        ),
        pytest.param(
            "Лекция 1.mp4",
            "mp4",
            'attachment; filename="______ 1.mp4"; '
            "filename*=UTF-8''%D0%9B%D0%B5%D0%BA%D1%86%D0%B8%D1%8F%201.mp4",
            id="Cyrillic",
        ),
        pytest.param(
            "講義.mp4",
            "mp4",
            "attachment; filename=\"video.mp4\"; filename*=UTF-8''%E8%AC%9B%E7%BE%A9.mp4",
            id="nothing left in ASCII",
        ),
        pytest.param(
            "€ rates.mp4",
            "mp4",
            "attachment; filename=\"_ rates.mp4\"; filename*=UTF-8''%E2%82%AC%20rates.mp4",
            id="RFC 6266 section 5",
        ),
        pytest.param(
            "a'b(c)*.mp4",
            "mp4",
            "attachment; filename=\"a'b(c)_.mp4\"; filename*=UTF-8''a%27b%28c%29%2A.mp4",
            id="RFC 8187: no attr-char",
        ),
        pytest.param(
            "100%41.mp4",
            "mp4",
            "attachment; filename=\"100_41.mp4\"; filename*=UTF-8''100%2541.mp4",
            id="RFC 6266 appendix D: percent",
        ),
        # Pathological
        pytest.param(
            'a"; filename="b.exe',
            "mp4",
            'attachment; filename="a_; filename=_b.exe.mp4"; '
            "filename*=UTF-8''a%22%3B%20filename%3D%22b.exe.mp4",
            id="quotes",
        ),
        pytest.param(
            "a\r\nSet-Cookie: b=c.mp4",
            "mp4",
            'attachment; filename="aSet-Cookie_ b=c.mp4"; '
            "filename*=UTF-8''aSet-Cookie%3A%20b%3Dc.mp4",
            id="header injection",
        ),
        pytest.param("a\u2028b\0\x7f.mp4", "mp4", ascii_only("ab.mp4"), id="other line breaks"),
        pytest.param("\u202egpm.exe", "mp4", ascii_only("gpm.exe.mp4"), id="right to left"),
        pytest.param("\ud800a.mp4", "mp4", ascii_only("a.mp4"), id="half a character"),
        pytest.param("../../etc/passwd", "mp4", ascii_only("passwd.mp4"), id="path"),
        pytest.param(r"C:\fakepath\a.mp4", "mp4", ascii_only("a.mp4"), id="path of a browser"),
        pytest.param(".htaccess", "mp4", ascii_only("htaccess.mp4"), id="hidden file"),
        pytest.param(
            "a .mp4",
            "mp4",
            ascii_only("a.mp4"),
            id="blank at the end",
        ),
    ],
)
def test_header(original: str, extension: str, expected: str) -> None:
    assert attachment(original, "A title", extension) == expected


@pytest.mark.parametrize(
    ("original", "title", "expected"),
    [
        pytest.param("", "A title", "A title.mp4", id="no name"),
        pytest.param(".mp4", "A title", "A title.mp4", id="an extension is no name"),
        pytest.param("..", "Limits / rules", "Limits - rules.mp4", id="separator in the title"),
        pytest.param("/", " . ", "video.mp4", id="neither"),
        pytest.param("a" * 300, "", "a" * 251 + ".mp4", id="too long"),
        pytest.param("é" * 200, "", "é" * 125 + ".mp4", id="cut between characters"),
        pytest.param("a" * 250 + " b", "", "a" * 250 + ".mp4", id="cut at a blank"),
        pytest.param("a" * 251 + ".mov", "", "a" * 251 + ".mp4", id="just fits"),
    ],
)
def test_name(original: str, title: str, expected: str) -> None:
    name = download_name(original, title, "mp4")

    assert name == expected
    assert len(name.encode()) <= LONGEST_NAME_BYTES


@given(st.text(), st.text())
def test_any_name_makes_one_field_that_reads_back(original: str, title: str) -> None:
    value = attachment(original, title, "webm")

    assert FIELD.fullmatch(value)
    header = Message()
    header["Content-Disposition"] = value.replace('filename="', 'fallback="')
    assert header.get_filename() == download_name(original, title, "webm")
