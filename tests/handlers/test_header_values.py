import pytest
from multidict import CIMultiDict

from handlers.header_values import (
    MAX_PARAMETERS,
    content_type,
    field_value,
    has_unknown_coding,
    is_host,
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


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="7.2 empty"),
        pytest.param("films.example.org", id="name"),
        pytest.param("films.example.org:8080", id="port"),
        pytest.param("films.example.org:", id="RFC 3986 3.2.3 empty port"),
        pytest.param("192.0.2.1:80", id="address"),
        pytest.param("[2001:db8::1]:443", id="address of IPv6"),
        pytest.param("[fe80::1%25eth0]", id="RFC 6874 zone"),
        pytest.param("[v1.fe:x]", id="RFC 3986 3.2.2 a later address"),
        pytest.param("my_service", id="underscore, as of containers"),
        pytest.param("a%20b!$&'()*+,;=~", id="RFC 3986 all of a name"),
        pytest.param("a" * 1024, id="longest"),
    ],
)
def test_host(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a b", id="space"),
        pytest.param("user@a", id="user"),
        pytest.param("a/b", id="path"),
        pytest.param("a?b", id="query"),
        pytest.param("a#b", id="fragment"),
        pytest.param("http://a", id="URL"),
        pytest.param("a:b", id="port of letters"),
        pytest.param("a:1:2", id="two ports"),
        pytest.param("::1", id="address of IPv6 without brackets"),
        pytest.param("[::1", id="half a bracket"),
        pytest.param("[::1]a", id="more behind the brackets"),
        pytest.param('a"b', id="quotation mark"),
        pytest.param("<a>", id="markup"),
        pytest.param("a%2", id="half an encoding"),
        pytest.param("\u00fc", id="not ASCII"),
        pytest.param("a\n", id="line break"),
        pytest.param("a" * 1025, id="too long"),
    ],
)
def test_no_host(text: str) -> None:
    assert not is_host(text)


def test_lines_of_a_field_are_one_value() -> None:
    headers = CIMultiDict([("Range", "a"), ("B", "c"), ("range", "d")])

    assert field_value(headers, "RANGE") == "a, d"
    assert field_value(headers, "b") == "c"
    assert field_value(headers, "E") is None


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


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], False, id="none"),
        pytest.param([" Chunked\t"], False, id="case and spaces"),
        pytest.param(["gzip, chunked"], True, id="a coding before it"),
        pytest.param(["gzip", "chunked"], True, id="in two lines"),
        pytest.param(["identity"], True, id="one that is no more (RFC 9112 section 7)"),
    ],
)
def test_unknown_coding(lines: list[str], expected: bool) -> None:
    headers = CIMultiDict(("Transfer-Encoding", line) for line in lines)

    assert has_unknown_coding(headers) is expected
