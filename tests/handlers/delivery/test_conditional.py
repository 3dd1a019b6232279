"""Known answers of RFC 9110 section 13, a row for each rule; properties beside them."""

import time
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from handlers.delivery.conditional import (
    ETag,
    Precondition,
    Validators,
    evaluate,
    parse_etags,
    range_applies,
)

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
DATE_S = 784111777
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
FILE = Validators(ETag("abc"), DATE_S)

PROCEED, NOT_MODIFIED, FAILED = Precondition


def row(name, expected, *fields, method="GET"):
    return pytest.param(method, fields, expected, id=name)


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        row("none: proceeds", PROCEED),
        row("13.1.1 If-Match: strong tag", PROCEED, ("If-Match", '"abc"')),
        row("13.1.1 If-Match: one of a list", PROCEED, ("If-Match", '"x" , ,\t"abc"')),
        row("13.1.1 If-Match: any", PROCEED, ("If-Match", " * ")),
        row("13.1.1 If-Match: other tag", FAILED, ("If-Match", '"abd"')),
        row("13.1.1 If-Match: weak tag never matches", FAILED, ("If-Match", 'W/"abc"')),
        row("13.1.1 If-Match: unquoted", FAILED, ("If-Match", "abc")),
        row("13.1.1 If-Match: a fault voids the list", FAILED, ("If-Match", '"abc", abc')),
        row("13.1.1 If-Match: fails HEAD too", FAILED, ("If-Match", '"x"'), method="HEAD"),
        row(
            "5.3 If-Match: two lines are one list",
            PROCEED,
            ("If-Match", '"x"'),
            ("If-Match", '"abc"'),
        ),
        row("13.1.4 If-Unmodified-Since: same", PROCEED, ("If-Unmodified-Since", DATE)),
        row("13.1.4 If-Unmodified-Since: later", PROCEED, ("If-Unmodified-Since", LATER)),
        row("13.1.4 If-Unmodified-Since: earlier", FAILED, ("If-Unmodified-Since", EARLIER)),
        row("13.1.4 If-Unmodified-Since: no date", PROCEED, ("If-Unmodified-Since", "never")),
        row(
            "13.2.2 If-Match true: If-Unmodified-Since unread",
            PROCEED,
            ("If-Match", '"abc"'),
            ("If-Unmodified-Since", EARLIER),
        ),
        row("13.1.2 If-None-Match: same tag", NOT_MODIFIED, ("If-None-Match", '"abc"')),
        row("13.1.2 If-None-Match: a tag before ours", PROCEED, ("If-None-Match", '"abb"')),
        row("13.1.2 If-None-Match: a tag behind ours", PROCEED, ("If-None-Match", '"abd"')),
        row("13.1.2 If-None-Match: weak comparison", NOT_MODIFIED, ("If-None-Match", 'W/"abc"')),
        row("13.1.2 If-None-Match: one of a list", NOT_MODIFIED, ("If-None-Match", '"x","abc"')),
        row("13.1.2 If-None-Match: any", NOT_MODIFIED, ("If-None-Match", "*")),
        row("13.1.2 If-None-Match: other tag", PROCEED, ("If-None-Match", '"x"')),
        row("13.1.2 If-None-Match: HEAD", NOT_MODIFIED, ("If-None-Match", '"abc"'), method="HEAD"),
        row("13.1.2 If-None-Match: others fail", FAILED, ("If-None-Match", '"abc"'), method="PUT"),
        row("13.1.2 If-None-Match: unquoted", PROCEED, ("If-None-Match", "abc")),
        row("13.1.3 If-Modified-Since: same", NOT_MODIFIED, ("If-Modified-Since", DATE)),
        row("13.1.3 If-Modified-Since: later", NOT_MODIFIED, ("If-Modified-Since", LATER)),
        row("13.1.3 If-Modified-Since: earlier", PROCEED, ("If-Modified-Since", EARLIER)),
        row("13.1.3 If-Modified-Since: no date", PROCEED, ("If-Modified-Since", "yesterday")),
        row(
            "13.1.3 If-Modified-Since: two dates", PROCEED, ("If-Modified-Since", f"{DATE}, {DATE}")
        ),
        row(
            "13.1.3 If-Modified-Since: reads only",
            PROCEED,
            ("If-Modified-Since", DATE),
            method="PUT",
        ),
        row(
            "13.2.2 If-None-Match other: If-Modified-Since unread",
            PROCEED,
            ("If-None-Match", '"x"'),
            ("If-Modified-Since", DATE),
        ),
        row(
            "13.2.2 If-Match false comes before If-None-Match",
            FAILED,
            ("If-Match", '"x"'),
            ("If-None-Match", '"abc"'),
        ),
        row(
            "13.2.2 If-Match true, then If-None-Match",
            NOT_MODIFIED,
            ("If-Match", '"abc"'),
            ("If-None-Match", '"abc"'),
        ),
        row(
            "13.2.2 If-Unmodified-Since true, then If-Modified-Since",
            NOT_MODIFIED,
            ("If-Unmodified-Since", DATE),
            ("If-Modified-Since", DATE),
        ),
    ],
)
def test_evaluate(method, fields, expected):
    assert evaluate(method, CIMultiDict(fields), FILE) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('"abc"', True, id="13.1.5 strong tag"),
        pytest.param('"abd"', False, id="13.1.5 other tag"),
        pytest.param('W/"abc"', False, id="13.1.5 weak tag: the bytes may differ"),
        pytest.param('"abc", "abc"', False, id="13.1.5 a list is none"),
        pytest.param("abc", False, id="13.1.5 unquoted"),
        pytest.param("*", False, id="13.1.5 any is not defined here"),
        pytest.param("", False, id="13.1.5 empty"),
        pytest.param(DATE, True, id="13.1.5 exact date"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", True, id="13.1.5 same date, RFC 850"),
        pytest.param(LATER, False, id="13.1.5 later date: not exact (aiohttp sends the range)"),
        pytest.param(EARLIER, False, id="13.1.5 earlier date"),
    ],
)
def test_if_range(text, expected):
    assert range_applies(CIMultiDict({"If-Range": text}), FILE) is expected


def test_range_stands_without_if_range():
    assert range_applies(CIMultiDict(), FILE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", (), id="empty"),
        pytest.param(" , ,\t", (), id="5.6.1 only empty elements"),
        pytest.param('"a"', (ETag("a"),), id="8.8.3 strong"),
        pytest.param('W/"a"', (ETag("a", is_weak=True),), id="8.8.3 weak"),
        pytest.param('""', (ETag(""),), id="8.8.3 empty tag"),
        pytest.param('"a,b"', (ETag("a,b"),), id="8.8.3 comma within a tag"),
        pytest.param('"\xff\udcff"', (ETag("\xff\udcff"),), id="8.8.3 obs-text"),
        pytest.param('"a" ,, W/"b",', (ETag("a"), ETag("b", is_weak=True)), id="5.6.1 list"),
        pytest.param('w/"a"', (), id="8.8.3 W is case-sensitive"),
        pytest.param(", ".join(['"a"'] * 100), (ETag("a"),) * 100, id="5.6.1 a long list"),
        pytest.param('W/ "a"', (), id="8.8.3 no space after W/"),
        pytest.param('"a" "b"', (), id="5.6.1 no comma"),
        pytest.param('"a b"', (), id="8.8.3 space within a tag"),
        pytest.param('"a', (), id="8.8.3 unclosed"),
        pytest.param('"a",*', (), id="13.1.1 star within a list"),
        pytest.param('W/,"a"', (), id="8.8.3 W/ alone"),
    ],
)
def test_parse_etags(text, expected):
    assert parse_etags(text) == expected


@pytest.mark.parametrize("tag", [ETag("a"), ETag("", is_weak=True)])
def test_a_written_tag_is_read_as_itself(tag):
    assert parse_etags(str(tag)) == (tag,)


HOSTILE = st.text(alphabet=' \t,"W/*abc\xff\udc80', max_size=300) | st.text()


@settings(deadline=None)  # Noisy machines; time has tests of its own.
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_no_text_is_an_exception(match, none_match, unmodified, modified, if_range):
    headers = CIMultiDict(
        {
            "If-Match": match,
            "If-None-Match": none_match,
            "If-Unmodified-Since": unmodified,
            "If-Modified-Since": modified,
            "If-Range": if_range,
        }
    )

    assert evaluate("GET", headers, FILE) in Precondition
    assert range_applies(headers, FILE) in (True, False)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" " * 100_000 + "x", id="spaces, then a fault"),
        pytest.param('"' + "a" * 100_000, id="unclosed"),
        pytest.param(" , " * 30_000 + "x", id="empty elements, then a fault"),
        pytest.param('"a"' + "\t" * 100_000 + "x", id="tabs after a tag"),
        pytest.param("W/" * 50_000, id="weak marks"),
    ],
)
def test_a_hostile_list_costs_linear_time(text):
    started_s = time.process_time()

    assert parse_etags(text) == ()

    # Trying again from each place would be 10^10 steps; one pass is milliseconds.
    assert time.process_time() - started_s < 1.0


@pytest.mark.parametrize("value", [ETag("a"), Validators(ETag("a"), 0)])
def test_validators_stay_as_they_are(value):
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)
    assert not hasattr(value, "__dict__")
