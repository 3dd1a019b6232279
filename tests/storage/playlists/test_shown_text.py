import pytest

from storage.playlists.shown_text import clean_text, known_language, quote

ANY = "".join(map(chr, range(0x300))) + "\ud800\udfff\u2028\u2029\ufffe\uffff\U0001f393"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Analysis I", "Analysis I", id="plain"),
        pytest.param("a\r\nb\tc", "a b c", id="line breaks"),
        pytest.param("a\0b\x1bc\x7fd\x85e", "a b c d e", id="control characters"),
        pytest.param("a\u2028b\u2029c", "a b c", id="separators of lines"),
        pytest.param("a\ud800b\ufffec\uffff", "a b c", id="no characters"),
        pytest.param("  a   b  ", "a b", id="spaces"),
        pytest.param("e\u0301", "\u00e9", id="composed"),
        pytest.param("\U0001f393 \u6570\u5b66", "\U0001f393 \u6570\u5b66", id="other scripts"),
        pytest.param("x" * 300, "x" * 200, id="too long"),
        pytest.param("x" * 199 + " yz", "x" * 199, id="too long at a space"),
        pytest.param("\n", "", id="nothing left"),
    ],
)
def test_a_title_is_one_line(text: str, expected: str) -> None:
    assert clean_text(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('the "best"', '"the \u201dbest\u201d"', id="quotes"),
        pytest.param('",URI="evil', '"\u201d,URI=\u201devil"', id="an attribute"),
        pytest.param("a\n#EXT-X-ENDLIST", '"a #EXT-X-ENDLIST"', id="a tag"),
        pytest.param("{$name}", '"{ $name}"', id="a variable"),
        pytest.param("{{$a}$b}", '"{{ $a}$b}"', id="a variable within"),
    ],
)
def test_a_quoted_string_ends_where_it_should(text: str, expected: str) -> None:
    assert quote(text) == expected


def test_any_text_is_quoted_in_one_line() -> None:
    quoted = quote(ANY)

    assert quoted[0] == quoted[-1] == '"'
    assert '"' not in quoted[1:-1]
    assert len(quoted.splitlines()) == 1
    assert quoted.encode()


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        pytest.param("en", "en", id="language"),
        pytest.param("zh-Hant-TW", "zh-Hant-TW", id="script and region"),
        pytest.param("deu", "de", id="of a container"),
        pytest.param("gsw", "gsw", id="three letters"),
        pytest.param(None, None, id="none"),
        pytest.param("und", None, id="undetermined"),
        pytest.param("", None, id="empty"),
        pytest.param('en"', None, id="a quote"),
        pytest.param("en\n", None, id="a line break"),
        pytest.param("\u00e9\u00e9", None, id="letters of others"),
    ],
)
def test_a_language_is_a_tag_or_unknown(tag: str | None, expected: str | None) -> None:
    assert known_language(tag) == expected
