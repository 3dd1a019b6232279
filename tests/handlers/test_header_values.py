import pytest
from multidict import CIMultiDict

from handlers.header_values import (
    MAX_PARAMETERS,
    content_type,
    is_packed,
    media_type,
    parameters,
    text_parameter,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("application/json", "application/json", id="alone"),
        pytest.param("Application/JSON", "application/json", id="8.3.1 case"),
        pytest.param(" \tapplication/json\t ", "application/json", id="spaces"),
        pytest.param("application/json; charset=utf-8", "application/json", id="a parameter"),
        pytest.param("application/json ;charset=utf-8", "application/json", id="5.6.6 spaces"),
        pytest.param("application/json;;;", "application/json", id="5.6.6 no parameters"),
        pytest.param("application/json;(((", "application/json", id="parameters not looked at"),
        pytest.param("application/vnd.api+json", "application/vnd.api+json", id="all of a token"),
        pytest.param("", "", id="empty"),
        pytest.param("json", "", id="no slash"),
        pytest.param("application/", "", id="no subtype"),
        pytest.param("/json", "", id="no type"),
        pytest.param("a/b/c", "", id="two slashes"),
        pytest.param("application/json, text/html", "", id="a list"),
        pytest.param("application/ json", "", id="a space inside"),
        pytest.param("(comment) application/json", "", id="RFC 5322 comment"),
        pytest.param("application/jsön", "", id="not ASCII"),
    ],
)
def test_media_type(text: str, kind: str) -> None:
    assert media_type(text) == kind
    assert content_type(CIMultiDict({"content-type": text})) == kind


def test_body_without_a_type_is_octets() -> None:
    assert content_type(CIMultiDict()) == "application/octet-stream"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("form-data", {}, id="none"),
        pytest.param("form-data;", {}, id="an empty one"),
        pytest.param("a;b=c", {"b": "c"}, id="token"),
        pytest.param("a; B=C", {"b": "C"}, id="5.6.6 case of the name alone"),
        pytest.param('a; b="c"', {"b": "c"}, id="quoted"),
        pytest.param('a; b="c;d"; e=f', {"b": "c;d", "e": "f"}, id="semicolon in quotes"),
        pytest.param('a; b="c;d;e;f"', {"b": "c;d;e;f"}, id="many of them"),
        pytest.param(r'a; b="c\"d"', {"b": 'c"d'}, id="escaped quote"),
        pytest.param(r'a; b="c\\d"', {"b": "c\\d"}, id="escaped backslash"),
        pytest.param(r'a; b="C:\films"', {"b": r"C:\films"}, id="WHATWG backslash"),
        pytest.param('a; b="c', {"b": "c"}, id="endless quotation"),
        pytest.param('a; b="c\\', {"b": "c"}, id="ends in its escape"),
        pytest.param('a; b="c"d; e=f', {"b": "c", "e": "f"}, id="more behind the quotes"),
        pytest.param('a; b=""', {"b": ""}, id="empty quotes"),
        pytest.param("a; b=", {"b": ""}, id="no value"),
        pytest.param("a; b; c=d", {"c": "d"}, id="no equals sign"),
        pytest.param("a; b=c d ; e=f", {"b": "c d", "e": "f"}, id="no token"),
        pytest.param("a; b=c; b=d", {"b": "c"}, id="twice"),
        pytest.param("a;;; ; b=c;;", {"b": "c"}, id="5.6.6 empty ones"),
        pytest.param('a; b="c\r\nd"', {"b": "c\r\nd"}, id="line break"),
    ],
)
def test_parameters(text: str, found: dict[str, str]) -> None:
    assert parameters(text) == found


@pytest.mark.parametrize("count", [MAX_PARAMETERS - 1, MAX_PARAMETERS, MAX_PARAMETERS + 1])
def test_no_more_parameters_are_read_than_anybody_sends(count: int) -> None:
    text = "a" + "".join(f";p{number}=1" for number in range(count))

    assert len(parameters(text)) == min(count, MAX_PARAMETERS)


@pytest.mark.parametrize(
    ("found", "value"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"filename": "a"}, "a", id="plain"),
        pytest.param({"filename": ""}, "", id="empty"),
        pytest.param({"filename*": "UTF-8''%c3%a9"}, "é", id="RFC 8187"),
        pytest.param({"filename*": "utf-8'en'%c3%a9"}, "é", id="RFC 8187 with a language"),
        pytest.param({"filename*": "ISO-8859-1''%e9"}, "é", id="RFC 8187 Latin-1"),
        pytest.param({"filename*": "UTF-8''a", "filename": "b"}, "a", id="RFC 6266 4.3 prefers"),
        pytest.param({"filename*": "a"}, "a", id="no charset"),
        pytest.param({"filename*": "idna''%ff"}, "\ufffd", id="another charset"),
        pytest.param({"filename*": "UTF-8''é%zz"}, "é%zz", id="not encoded"),
        pytest.param({"filename*0": "a", "filename*1": "b"}, "ab", id="RFC 2231 pieces"),
        pytest.param({"filename*1": "b"}, None, id="RFC 2231 without the first"),
    ],
)
def test_text_parameter(found: dict[str, str], value: str | None) -> None:
    assert text_parameter(found, "filename") == value


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], False, id="none"),
        pytest.param([""], False, id="empty"),
        pytest.param(["identity"], False, id="identity"),
        pytest.param([" Identity "], False, id="case and spaces"),
        pytest.param(["identity", ""], False, id="two lines"),
        pytest.param(["gzip"], True, id="gzip"),
        pytest.param(["identity", "br"], True, id="the second line"),
        pytest.param(["identity, gzip"], True, id="a list"),
        pytest.param(["x-unknown"], True, id="one that nobody knows"),
    ],
)
def test_packed(lines: list[str], expected: bool) -> None:
    headers = CIMultiDict(("Content-Encoding", line) for line in lines)

    assert is_packed(headers) is expected
