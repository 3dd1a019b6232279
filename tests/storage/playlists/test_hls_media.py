from decimal import Decimal
from fractions import Fraction

import pytest

from storage.playlists.hls_media import iframe_playlist, media_playlist, text_playlist
from tests.storage.playlists.presentations import FILE, file_of


def test_a_media_playlist_names_the_segments_by_their_bytes() -> None:
    assert media_playlist("v480-0.mp4", FILE) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="v480-0.mp4",BYTERANGE="800@0"\n'
        "#EXTINF:4.000000,\n"
        "#EXT-X-BYTERANGE:400@1000\n"
        "v480-0.mp4\n"
        "#EXTINF:4.000000,\n"
        "#EXT-X-BYTERANGE:800@1400\n"
        "v480-0.mp4\n"
        "#EXTINF:2.000000,\n"
        "#EXT-X-BYTERANGE:200@2200\n"
        "v480-0.mp4\n"
        "#EXT-X-ENDLIST\n"
    )


def test_an_iframe_playlist_names_the_first_pictures() -> None:
    assert iframe_playlist("v480-0.mp4", file_of([400, 800], [4000, 2000])) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-I-FRAMES-ONLY\n"
        '#EXT-X-MAP:URI="v480-0.mp4",BYTERANGE="800@0"\n'
        "#EXTINF:4.000000,\n"
        "#EXT-X-BYTERANGE:10@1000\n"
        "v480-0.mp4\n"
        "#EXTINF:2.000000,\n"
        "#EXT-X-BYTERANGE:10@1400\n"
        "v480-0.mp4\n"
        "#EXT-X-ENDLIST\n"
    )


def test_a_playlist_of_captions_is_one_file_as_long_as_the_film() -> None:
    assert text_playlist("captions_en-0.vtt", Fraction(5401, 3)) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:1801\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXTINF:1800.333333,\n"
        "captions_en-0.vtt\n"
        "#EXT-X-ENDLIST\n"
    )


@pytest.mark.parametrize(
    ("timescale", "ticks"),
    [
        pytest.param(12_288, 49_050, id="no decimal fraction"),
        pytest.param(90_000, 360_360, id="NTSC"),
        pytest.param(3, 10, id="thirds"),
    ],
)
def test_a_day_of_durations_sums_up_to_a_day(timescale: int, ticks: int) -> None:
    """Rounded one by one they would be off by some milliseconds."""
    count = 86_400 * timescale // ticks
    file = file_of([1] * count, [ticks] * count, timescale, start=5)

    lines = media_playlist("v480-0.mp4", file).splitlines()

    durations = [Decimal(one[8:-1]) for one in lines if one.startswith("#EXTINF:")]
    assert len(durations) == count
    assert abs(Fraction(sum(durations)) - file.duration_s) <= Fraction(1, 1_000_000)
