import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.captions.webvtt import (
    MAX_TIME_MS,
    Cue,
    filter_settings,
    format_time,
    parse_time,
    write_webvtt,
)


def test_cues_are_written_one_after_another() -> None:
    cues = [Cue(0, 1, "", "One"), Cue(3_600_000, 3_600_001, "line:0 align:start", "Two\nlines")]

    assert write_webvtt(cues) == (
        "WEBVTT\n"
        "\n00:00:00.000 --> 00:00:00.001\nOne\n"
        "\n01:00:00.000 --> 01:00:00.001 line:0 align:start\nTwo\nlines\n"
    )


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        pytest.param("00:00:00.000", 0, id="zero"),
        pytest.param("01:02:03.004", 3_723_004, id="WebVTT"),
        pytest.param("02:03.004", 123_004, id="without hours"),
        pytest.param("1:2:3,004", 3_723_004, id="SRT, fewer digits"),
        pytest.param("99:59:59.999", MAX_TIME_MS - 1, id="last"),
        pytest.param("100:00:00.000", None, id="past the last"),
        pytest.param("00:60:00.000", None, id="sixty minutes"),
        pytest.param("00:00:60.000", None, id="sixty seconds"),
        pytest.param("00:00:00.00", None, id="two digits of a fraction"),
        pytest.param("00:00:00", None, id="no fraction"),
        pytest.param("-00:00:01.000", None, id="before the start"),
        pytest.param("00:00:0\u0661.000", None, id="other digits"),
        pytest.param(" 00:00:01.000", None, id="blank"),
    ],
)
def test_time_is_read(text: str, time_ms: int | None) -> None:
    assert parse_time(text) == time_ms


@given(st.integers(0, MAX_TIME_MS - 1))
def test_written_time_is_read_again(time_ms: int) -> None:
    assert parse_time(format_time(time_ms)) == time_ms


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("", "", id="none"),
        pytest.param("align:start position:0%", "align:start position:0%", id="both"),
        pytest.param("line:-1 line:5,end", "line:5,end", id="the last of one name"),
        pytest.param("vertical:rl\tsize:33.5%", "vertical:rl size:33.5%", id="tab"),
        pytest.param("position:100%,line-left", "position:100%,line-left", id="alignment"),
        pytest.param("size:101% line:1.5", "", id="out of bounds"),
        pytest.param("region:fred align:middle onload:x", "", id="unknown"),
        pytest.param("X1:40 X2:600 Y1:20 Y2:50", "", id="SRT"),
        pytest.param("align:start<b>", "", id="markup"),
    ],
)
def test_settings_that_mean_something_are_kept(text: str, kept: str) -> None:
    assert filter_settings(text) == kept
    assert filter_settings(kept) == kept
