"""Accept chooses among formats (RFC 9110 section 12.5.1)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.delivery.negotiation import choose

BOTH = ["video/mp4", "video/webm"]

CHROMIUM_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "offers", "expected"),
    [
        pytest.param(None, BOTH, 0, id="no header accepts everything"),
        pytest.param("", BOTH, 0, id="an empty header accepts everything"),
        pytest.param("*/*", BOTH, 0, id="a video element asks for anything: mp4 wins a tie"),
        pytest.param("video/*", BOTH, 0, id="mp4 wins a tie of subtypes"),
        pytest.param("video/webm", BOTH, 1, id="the only one named"),
        pytest.param("VIDEO/WebM", BOTH, 1, id="types are case-insensitive"),
        pytest.param("video/webm, video/mp4", BOTH, 0, id="order is no preference"),
        pytest.param("video/webm, video/mp4;q=0.9", BOTH, 1, id="the greater weight wins"),
        pytest.param("video/*;q=0.1, video/webm;q=0.2", BOTH, 1, id="specific beats wildcard"),
        pytest.param("*/*, video/mp4;q=0", BOTH, 1, id="q=0 refuses"),
        pytest.param("video/mp4;q=0", ["video/mp4"], None, id="refused and nothing else there"),
        pytest.param("image/png", BOTH, None, id="none fits"),
        pytest.param("text/*", BOTH, None, id="another kind"),
        pytest.param(
            'video/webm; codecs="vp9, opus"', BOTH, 1, id="a comma inside quotes ends nothing"
        ),
        pytest.param('video/webm;codecs="a;q=0;b"', BOTH, 1, id="a weight inside quotes is none"),
        pytest.param("video/mp4;q=0.5;level=1, video/webm;q=0.4", BOTH, 0, id="extensions"),
        pytest.param("video/webm ; q = 0.3 , video/mp4;q=0.2", BOTH, 1, id="optional white space"),
        pytest.param(CHROMIUM_IMAGE, ["image/jpeg"], 0, id="chromium img"),
        pytest.param("garbage", BOTH, 0, id="no list of media ranges at all"),
        pytest.param("video/webm;q=7, video/mp4", BOTH, 0, id="a weight out of range counts as 1"),
        pytest.param("*/*", [], None, id="nothing on offer"),
    ],
)
def test_accept_chooses(accept: str | None, offers: list[str], expected: int | None) -> None:
    assert choose(accept, offers) == expected


PICTURES = ["image/jpeg", "image/avif", "image/webp"]
SMALLER = PICTURES[1:]
FIREFOX_IMAGE = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI_IMAGE = "image/webp,image/avif,image/jxl,video/*;q=0.8,image/png,image/*;q=0.8,*/*;q=0.5"


@pytest.mark.parametrize(
    ("accept", "offers", "expected"),
    [
        pytest.param(CHROMIUM_IMAGE, PICTURES, "image/avif", id="Chromium names AVIF"),
        pytest.param(FIREFOX_IMAGE, PICTURES, "image/avif", id="Firefox names AVIF"),
        pytest.param(SAFARI_IMAGE, PICTURES, "image/avif", id="Safari names AVIF"),
        pytest.param(CHROMIUM_IMAGE, PICTURES[::2], "image/webp", id="WebP while there is no AVIF"),
        pytest.param(CHROMIUM_IMAGE, PICTURES[:1], "image/jpeg", id="JPEG while there is no other"),
        pytest.param("image/webp,*/*;q=0.8", PICTURES, "image/webp", id="only WebP is named"),
        pytest.param("image/webp,*/*", PICTURES, "image/webp", id="named wins a tie"),
        pytest.param("*/*", PICTURES, "image/jpeg", id="curl asks for anything"),
        pytest.param("image/*", PICTURES, "image/jpeg", id="any picture"),
        pytest.param(None, PICTURES, "image/jpeg", id="no header"),
        pytest.param("image/jpeg, image/avif", PICTURES, "image/avif", id="both are named"),
        pytest.param("image/jpeg, image/avif;q=0.9", PICTURES, "image/jpeg", id="a weight counts"),
        pytest.param("image/*, image/avif;q=0", PICTURES, "image/jpeg", id="AVIF is refused"),
        pytest.param("image/jpeg;q=0, */*", PICTURES, "image/avif", id="JPEG is refused"),
        pytest.param("image/png", PICTURES, None, id="none fits"),
    ],
)
def test_smaller_pictures_are_for_those_who_name_them(
    accept: str | None, offers: list[str], expected: str | None
) -> None:
    chosen = choose(accept, offers, better_if_named=SMALLER)

    assert (None if chosen is None else offers[chosen]) == expected


@given(st.text(max_size=5000))
def test_any_text_is_answered(accept: str) -> None:
    assert choose(accept, BOTH) in (None, 0, 1)


@pytest.mark.parametrize("piece", ['"', "a/b,", ";q=", '"\\', '\\"', ",", " "])
def test_long_input_takes_linear_time(piece: str) -> None:
    accept = '"' + piece * (4095 // len(piece))

    assert min(seconds_for(accept) for _ in range(3)) < 0.03  # a square took 0.1


def seconds_for(accept: str) -> float:
    started_s = time.perf_counter()
    choose(accept, BOTH)
    return time.perf_counter() - started_s
