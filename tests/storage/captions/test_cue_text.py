import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.captions.cue_text import MAX_DEPTH, TAGS, clean_cue_text, clean_title

TAG = re.compile(rf"</?(?:{'|'.join(TAGS)})(?:\.[\w.-]+)?(?: [^<>\n]+)?>|<\d\d:\d\d:\d\d\.\d{{3}}>")
PIECES = st.sampled_from(
    [
        *("<", ">", "&", ";", "/", ".", "-->", "\n", "\t", " ", "word", "é", "\u2028", "\x0b"),
        *(
            "&lt;",
            "&gt;",
            "&amp;",
            "&amp;lt;",
            "&#60;",
            "&#10;",
            "&nbsp;",
            "{\\an8}",
            "b>",
            "script",
        ),
        *(
            "<b>",
            "</b>",
            "<i>",
            "</i>",
            "<c.loud>",
            "</c>",
            "<v Ann>",
            "<v ",
            "<lang de>",
            "</lang>",
        ),
        *("<ruby>", "<rt>", "</rt>", "</ruby>", "<font>", "</font>", "<script>", "</script>"),
        *("<00:00:01.500>", "<00:01.600>", "<00:03.000>", "00:00:01.500"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a < b > c & d", "a &lt; b &gt; c &amp; d", id="signs"),
        pytest.param("a --> b", "a --&gt; b", id="arrow"),
        pytest.param("&lt;b&gt; &amp;lt; &#x3c;", "&lt;b&gt; &amp;lt; &lt;", id="references"),
        pytest.param(
            "R&notes &unknown; &#0;", "R&amp;notes &amp;unknown; \ufffd", id="no references"
        ),
        pytest.param("one&#10;&#10;two", "one  two", id="reference of a line break"),
        pytest.param("<i>so</i> <B>loud</B>", "<i>so</i> <b>loud</b>", id="tags"),
        pytest.param("<c.yellow.bg_blue x>a</c>", "<c.yellow.bg_blue>a</c>", id="classes"),
        pytest.param("<v  Ann\n&\tBob>hi", "<v Ann &amp; Bob>hi</v>", id="voice"),
        pytest.param("<v.loud>hi", "<v.loud>hi</v>", id="voice of nobody"),
        pytest.param("<lang EN-gb>hi</lang>", "<lang en-GB>hi</lang>", id="language"),
        pytest.param("<lang _>hi</lang>", "<lang>hi</lang>", id="no language"),
        pytest.param("<ruby>k<rt>a</ruby>b", "<ruby>k<rt>a</rt></ruby>b", id="ruby ends its text"),
        pytest.param("<rt>a</rt>b", "ab", id="ruby text alone"),
        pytest.param("<b>a</i>b", "<b>ab</b>", id="end of nothing"),
        pytest.param("<b><i>a</b>b</i>", "<b><i>ab</i></b>", id="overlapping, as browsers do"),
        pytest.param("</b>a", "a", id="end first"),
        pytest.param('<font color="red">a</font>', "a", id="SRT colour"),
        pytest.param("<i/>", "&lt;i/&gt;", id="empty tag"),
        pytest.param("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;", id="script"),
        pytest.param("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;", id="picture"),
        pytest.param("<b onclick=x>a</b>", "<b>a</b>", id="attribute"),
        pytest.param("<<b>b>", "&lt;<b>b&gt;</b>", id="tag in a tag"),
        pytest.param("a<b", "a&lt;b", id="tag cut short"),
        pytest.param("a<1:01.500>b<00:01.400>c", "a<00:01:01.500>bc", id="times must rise"),
        pytest.param("a<00:59.000>b<02:00.000>c", "abc", id="times outside of the cue"),
        pytest.param(" a \n\n \n<font>\n</font>b ", "a\nb", id="empty lines"),
    ],
)
def test_text_is_cleaned(text: str, expected: str) -> None:
    assert clean_cue_text(text, 60_000, 120_000) == expected


def test_tags_are_nested_only_so_deep() -> None:
    text = clean_cue_text("<b>" * 100 + "x" + "</b>" * 100, 0, 1)

    assert text == "<b>" * MAX_DEPTH + "x" + "</b>" * MAX_DEPTH


@given(TEXTS)
def test_nothing_but_known_balanced_tags_comes_out(text: str) -> None:
    written = clean_cue_text(text, 1_000, 2_000)

    assert not set("<>") & set(TAG.sub("", written))
    assert "\n\n" not in written
    open_tags = []
    for end, name in re.findall(r"<(/?)([a-z]+)", written):
        if end:
            assert open_tags.pop() == name
        else:
            open_tags.append(name)
    assert open_tags == []


@given(TEXTS)
def test_clean_text_stays_as_it_is(text: str) -> None:
    written = clean_cue_text(text, 1_000, 2_000)

    assert clean_cue_text(written, 1_000, 2_000) == written


@pytest.mark.parametrize(
    ("text", "title"),
    [
        pytest.param(
            "<b>Part</b> <00:00:01.000>one\n &amp;  more", "Part one &amp; more", id="words"
        ),
        pytest.param("<font>About <table>", "About &lt;table&gt;", id="other markup"),
        pytest.param("<<b>i>", "&lt;i&gt;", id="tag in a tag"),
    ],
)
def test_title_is_one_line_without_tags(text: str, title: str) -> None:
    assert clean_title(text) == title


@given(TEXTS)
def test_title_stays_as_it_is(text: str) -> None:
    title = clean_title(text)

    assert not set("<>\n") & set(title)
    assert clean_title(title) == title
