"""Known answers of RFC 9110 section 5.6.7, a row for each rule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.http_dates import http_date, parse_http_date

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
DATE_S = 784111777


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(DATE, DATE_S, id="5.6.7 IMF-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", DATE_S, id="5.6.7 RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", DATE_S, id="5.6.7 asctime"),
        pytest.param("Wed Nov 16 08:49:37 1994", DATE_S + 864_000, id="5.6.7 asctime, two digits"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0, id="the epoch"),
        pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1, id="before the epoch"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800, id="5.6.7 leap second"),
        pytest.param("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800, id="leap day"),
        pytest.param("Friday, 01-Jan-75 00:00:00 GMT", 3313526400, id="5.6.7 50 years ahead"),
        pytest.param("Friday, 01-Jan-76 00:00:00 GMT", 189302400, id="5.6.7 51 years: the past"),
        pytest.param("Sun, 06 Nov 1994 08:49:61 GMT", None, id="second 61"),
        pytest.param("Sun, 06 Nov 1994 08:60:00 GMT", None, id="minute 60"),
        pytest.param("Sun, 06 Nov 1994 24:00:00 GMT", None, id="hour 24"),
        pytest.param("Wed, 29 Feb 2023 00:00:00 GMT", None, id="no leap day"),
        pytest.param("Sun, 00 Nov 1994 08:49:37 GMT", None, id="day 0"),
        pytest.param("Sun, 06 Nov 0000 08:49:37 GMT", None, id="year 0"),
        pytest.param("Sun, 6 Nov 1994 08:49:37 GMT", None, id="5.6.7 one-digit day"),
        pytest.param("sun, 06 nov 1994 08:49:37 gmt", None, id="5.6.7 case-sensitive"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 UTC", None, id="5.6.7 GMT only"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 +0000", None, id="5.6.7 no offset"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT ", None, id="trailing space"),
        pytest.param("Sun, ٠٦ Nov 1994 08:49:37 GMT", None, id="digits of another script"),
        pytest.param("1994-11-06T08:49:37Z", None, id="RFC 3339"),
        pytest.param("784111777", None, id="a number"),
        pytest.param("", None, id="empty"),
    ],
)
def test_parse_http_date(text, expected):
    assert parse_http_date(text, this_year=2025) == expected


@settings(deadline=None)  # Noisy machines; time has tests of its own.
@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_a_written_date_is_read_as_itself(epoch_s):
    assert parse_http_date(http_date(epoch_s), this_year=2025) == epoch_s
