from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.captions.subtitles import MAX_CUE_CHARACTERS, MAX_CUES, read_captions, read_chapters
from storage.captions.webvtt import Cue, write_webvtt
from storage.errors import InvalidSubtitles

TIMES = "00:00:01.000 --> 00:00:02.000"
HELLO = Cue(1_000, 2_000, "", "Hello")
MIB = 2**20
LINES = st.sampled_from(
    [
        *("", " ", "WEBVTT", "NOTE a", "STYLE", "REGION", "::cue { color: red }", "1", "Hello"),
        *("<b>", "</b>", "<v Ann>", "&lt;", "&", "-->", "a --> b", "<00:00:01.500>", "{\\an8}"),
        *(TIMES, f"{TIMES} line:0 x:y", "00:00:03,000 --> 00:00:05,500", "00:01.000-->00:04.000"),
        *("00:00:02.000 --> 00:00:01.000", "99:59:59.998 --> 99:59:59.999", "\x00", "\ufeff"),
    ]
)
FILES = st.one_of(
    st.lists(LINES, max_size=20),
    st.lists(st.tuples(st.just(""), st.just(TIMES), LINES, LINES)).map(lambda it: sum(it, ())),
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def webvtt(*lines: str) -> bytes:
    return "\n".join(["WEBVTT", "", *lines]).encode()


@pytest.mark.parametrize(
    ("content", "cues"),
    [
        pytest.param(webvtt(TIMES, "Hello"), [HELLO], id="WebVTT"),
        pytest.param(b"\xef\xbb\xbf" + webvtt(TIMES, "Hello"), [HELLO], id="byte order mark"),
        pytest.param(webvtt(TIMES, "Hello").replace(b"\n", b"\r\n"), [HELLO], id="CRLF"),
        pytest.param(webvtt(TIMES, "Hello").replace(b"\n", b"\r"), [HELLO], id="CR"),
        pytest.param(
            b"WEBVTT - by hand\nKind: x\n\n" + webvtt(TIMES, "Hello")[8:], [HELLO], id="header"
        ),
        pytest.param(webvtt("intro", TIMES, "Hello"), [HELLO], id="identifier"),
        pytest.param(webvtt("NOTE", TIMES, "no", "", TIMES, "Hello"), [HELLO], id="comment"),
        pytest.param(
            webvtt("STYLE", "::cue { background: url(//x) }", "", TIMES, "Hello"),
            [HELLO],
            id="style",
        ),
        pytest.param(webvtt("REGION", "id:fred", "", TIMES, "Hello"), [HELLO], id="region"),
        pytest.param(
            webvtt("00:01.000-->1:02:03.004  line:0\tregion:fred", "a"),
            [Cue(1_000, 3_723_004, "line:0", "a")],
            id="settings",
        ),
        pytest.param(
            webvtt(TIMES + " align:start", " ", "Hello"),
            [Cue(1_000, 2_000, "align:start", "Hello")],
            id="line of blanks",
        ),
        pytest.param(
            webvtt("00:00:05.000 --> 00:00:06.000", "later", "", TIMES, "Hello"),
            [HELLO, Cue(5_000, 6_000, "", "later")],
            id="in the order of time",
        ),
        pytest.param(
            webvtt(TIMES, "", TIMES, "<b></b>", "", TIMES, "Hello"), [HELLO], id="shows nothing"
        ),
        pytest.param(webvtt(TIMES, "a --> b"), [Cue(1_000, 2_000, "", "a --&gt; b")], id="arrow"),
        pytest.param(webvtt(TIMES, "\x00\x0b" + "Hello"), [HELLO], id="control characters"),
        pytest.param(webvtt(TIMES, "{\\an8}"), [Cue(1_000, 2_000, "", "{\\an8}")], id="no SRT"),
        pytest.param(
            b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Hello</i>\r\nyou\r\n\r\n\r\n"
            b"2\r\n0:00:03,500 --> 00:00:04,000\r\n<font color=red>Bye</font>\r\n",
            [Cue(1_000, 2_000, "", "<i>Hello</i>\nyou"), Cue(3_500, 4_000, "", "Bye")],
            id="SRT",
        ),
        pytest.param(b"00:00:01,000 --> 00:00:02,000\nHello\n", [HELLO], id="SRT without numbers"),
        pytest.param(b"\n\n 1\n" + TIMES.encode() + b"\nHello\n \n", [HELLO], id="SRT with blanks"),
        pytest.param(
            b"1\n00:00:01,000 --> 00:00:02,000 X1:40 Y1:20\n{\\an8}{\\i1}Hello{\\i0}",
            [Cue(1_000, 2_000, "line:0", "Hello")],
            id="SRT at the top",
        ),
        pytest.param(
            b"00:00:01,000 --> 00:00:02,000\n{\\pos(1,2)}\\frac{\\alpha}{2}",
            [Cue(1_000, 2_000, "", "\\frac{\\alpha}{2}")],
            id="SRT with a formula",
        ),
    ],
)
def test_captions_are_read(content: bytes, cues: list[Cue]) -> None:
    assert read_captions(content).cues == tuple(cues)


LATER = "00:00:05.000 --> 00:00:06.000"


@pytest.mark.parametrize(
    ("content", "warnings"),
    [
        pytest.param(webvtt(TIMES, "Hello"), [], id="no fault"),
        pytest.param(
            webvtt("00:05.000 --> 00:05.000", "no time", "", TIMES, "Hello"),
            [(3, "a cue ends after it starts")],
            id="zero length",
        ),
        pytest.param(
            webvtt(TIMES, "Hello", "", "id", "00:06.000 --> 00:05.000", "reversed"),
            [(7, "a cue ends after it starts")],
            id="reversed",
        ),
        pytest.param(
            webvtt(LATER, "", TIMES, "Hello"), [(3, "this cue has no text to show")], id="empty"
        ),
        pytest.param(
            webvtt(TIMES, "Hello", "", LATER, "<b></b>"),
            [(6, "this cue has no text to show")],
            id="no text in its markup",
        ),
        pytest.param(
            webvtt(TIMES, "Hello", "", "lost", "words"),
            [(6, "text without times: an empty line ends a cue")],
            id="empty line in a cue",
        ),
        pytest.param(
            webvtt(LATER, "", "lost", "", TIMES, "Hello"),
            [
                (3, "this cue has no text to show"),
                (5, "text without times: an empty line ends a cue"),
            ],
            id="empty line before the text",
        ),
        pytest.param(
            b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\nlost\n\n2\n"
            b"00:00:05,000 --> 00:00:05,000\nno time\n\n3\n00:00:07,000 --> 00:00:08,000\n",
            [
                (5, "text without times: an empty line ends a cue"),
                (8, "a cue ends after it starts"),
                (12, "this cue has no text to show"),
            ],
            id="SRT",
        ),
        pytest.param(
            b"1\n\n00:00:01,000 --> 00:00:02,000\nHello\n",
            [(1, "text without times: an empty line ends a cue")],
            id="empty line before the first times",
        ),
        pytest.param(
            webvtt("opening", "", TIMES, "Hello"),
            [(3, "text without times: an empty line ends a cue")],
            id="empty line before the first times of WebVTT",
        ),
        pytest.param(
            webvtt(TIMES, "Hello", "", "lost --> words"),
            [(6, "text without times: an empty line ends a cue")],
            id="empty line before an arrow",
        ),
        pytest.param(
            webvtt(TIMES, "Hello", "", *["lost", ""] * 300),
            [(6 + 2 * n, "text without times: an empty line ends a cue") for n in range(100)],
            id="at most 100",
        ),
    ],
)
def test_a_faulty_cue_costs_only_itself(content: bytes, warnings: list[tuple[int, str]]) -> None:
    read = read_captions(content)

    assert read.cues == (HELLO,)
    assert [(one.line, one.detail) for one in read.warnings] == warnings


@pytest.mark.parametrize(
    ("content", "line", "fault"),
    [
        pytest.param(b"", 1, "no cue", id="nothing"),
        pytest.param(b"WEBVTT", 1, "no cue", id="header alone"),
        pytest.param(webvtt(TIMES), 3, "no text", id="nothing said"),
        pytest.param(b"WEBVTTX\n\n" + webvtt(TIMES, "a")[8:], 2, "times", id="no header"),
        pytest.param(b"Once upon a time\nthere was\n", 2, "times", id="prose"),
        pytest.param(b"{}", 2, "times", id="one line"),
        pytest.param(b"WEBVTT\n" + TIMES.encode() + b"\na", 2, "empty line", id="header and cue"),
        pytest.param(b"WEBVTT\n\nonce\n\nupon", 3, "times", id="WebVTT prose"),
        pytest.param(webvtt(TIMES, "a", "", "00:05 --> 00:06", "b"), 6, "times", id="short times"),
        pytest.param(webvtt(TIMES, "a", "2", TIMES, "b"), 6, "empty line", id="none between cues"),
        pytest.param(webvtt("00:00:2.0 --> 00:00:03.000", "a"), 3, "times", id="malformed time"),
        pytest.param(webvtt(f"{TIMES}align:start", "a"), 3, "times", id="setting without a blank"),
        pytest.param(
            webvtt("", "", "00:02.000 --> 00:01.000", "a"), 5, "ends after", id="reversed"
        ),
        pytest.param(webvtt("00:01.000 --> 00:01.000", "a"), 3, "ends after", id="no time at all"),
        pytest.param(webvtt("00:01.000 --> 100:00:00.000", "a"), 3, "go up to", id="too late"),
        pytest.param(webvtt(TIMES, "a", "é").decode().encode("cp1252"), 5, "UTF-8", id="cp1252"),
        pytest.param(webvtt(TIMES, "a").decode().encode("utf-16"), 1, "UTF-8", id="UTF-16"),
        pytest.param(webvtt(TIMES, "a" * (MAX_CUE_CHARACTERS + 1)), 4, "characters", id="long cue"),
        pytest.param(
            webvtt(*[TIMES, "a", ""] * (MAX_CUES + 1)),
            3 * MAX_CUES + 3,
            "more than",
            id="many cues",
        ),
    ],
)
def test_fault_is_reported_with_its_line(content: bytes, line: int, fault: str) -> None:
    with pytest.raises(InvalidSubtitles, match=f"^Line {line}: .*{fault}.*\\.$"):
        read_captions(content)


def test_largest_file_is_read() -> None:
    cues, _ = read_captions(
        webvtt(*[TIMES, "a" * MAX_CUE_CHARACTERS, ""] * 500, *[TIMES, "a", ""] * 19_500)
    )

    assert len(cues) == MAX_CUES


def test_chapters_are_titles() -> None:
    assert read_chapters(webvtt(TIMES, "<b>Part</b>", "one")).cues == (
        Cue(1_000, 2_000, "", "Part one"),
    )


# Hours for a quadratic parser, a moment for a linear one.
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\n" * MIB, id="line breaks"),
        pytest.param(b"a\n" * (MIB // 2), id="lines"),
        pytest.param(webvtt(*["NOTE", ""] * (MIB // 6)), id="comments"),
        pytest.param(b" " * MIB + b"-->", id="blanks"),
        pytest.param(b"1" * MIB + b"-->", id="digits"),
        pytest.param(webvtt(TIMES + " a" * (MIB // 2)), id="settings"),
        pytest.param(webvtt(TIMES, "<" * MIB), id="beginnings of tags"),
        pytest.param(webvtt(TIMES, "<b>" * (MIB // 3)), id="tags"),
        pytest.param(webvtt(TIMES, "<ruby><rt>" * (MIB // 10)), id="ruby"),
        pytest.param(webvtt(TIMES, "<c" + ".a" * (MIB // 2)), id="classes"),
        pytest.param(webvtt(TIMES, "<v " + " " * MIB + ">"), id="annotation"),
        pytest.param(webvtt(TIMES, "&#1" * (MIB // 3)), id="references"),
        pytest.param(b"00:00:01,000 --> 00:00:02,000\n" + b"{\\pos(" * (MIB // 6), id="overrides"),
    ],
)
def test_hostile_file_is_soon_done_with(content: bytes) -> None:
    with pytest.raises(InvalidSubtitles):
        read_captions(content)


@given(FILES, ENDS, st.booleans(), st.sampled_from([read_captions, read_chapters]))
def test_what_was_written_is_read_again(
    lines: list[str], end: str, has_header: bool, read: Any
) -> None:
    content = end.join(["WEBVTT", *lines] if has_header else lines).encode()
    try:
        cues, _ = read(content)
    except InvalidSubtitles:
        return

    assert read(write_webvtt(cues).encode()) == (cues, ())
    assert all(0 <= cue.start_ms < cue.end_ms and cue.text for cue in cues)


@given(st.one_of(st.binary(), st.binary().map(lambda body: b"WEBVTT\n\n" + body)))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        cues, _ = read_captions(content)
    except InvalidSubtitles:
        return

    assert cues
