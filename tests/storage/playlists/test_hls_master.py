import pytest

from storage.playlists.hls_master import master_playlist
from storage.playlists.renditions import Presentation
from tests.storage.playlists.presentations import FILM, sound, text, video


def master(film: Presentation, iframes: dict[str, str] | None = None) -> list[str]:
    names = [one.name for one in film.media] + [one.name for one in film.texts]
    playlists = {name: f"{name}-1.m3u8" for name in names}
    content = master_playlist(film, playlists, iframes or {})
    assert content.endswith("\n")
    return content.splitlines()


def starting(lines: list[str], tag: str) -> list[str]:
    return [line.removeprefix(tag) for line in lines if line.startswith(tag)]


def variants(lines: list[str]) -> list[str]:
    """The URIs, in their order."""
    return [line for line in lines if not line.startswith("#")]


def test_a_master_playlist_lists_everything() -> None:
    assert master(FILM, {"v480": "iframes480-1.m3u8"}) == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="en",LANGUAGE="en",DEFAULT=YES,'
        'AUTOSELECT=YES,CHANNELS="2",URI="audio-1.m3u8"',
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="English",LANGUAGE="en",DEFAULT=NO,'
        'AUTOSELECT=YES,FORCED=NO,URI="captions_en-1.m3u8"',
        '#EXT-X-STREAM-INF:BANDWIDTH=1800,AVERAGE-BANDWIDTH=1320,CODECS="avc1.64001E,mp4a.40.2",'
        "RESOLUTION=853x480,FRAME-RATE=25.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,"
        'AUDIO="sound",SUBTITLES="captions"',
        "v480-1.m3u8",
        '#EXT-X-STREAM-INF:BANDWIDTH=1800,AVERAGE-BANDWIDTH=1320,CODECS="avc1.64001E,mp4a.40.2",'
        "RESOLUTION=1280x720,FRAME-RATE=25.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,"
        'AUDIO="sound",SUBTITLES="captions"',
        "v720-1.m3u8",
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=400,CODECS="avc1.64001E",RESOLUTION=853x480,'
        'VIDEO-RANGE=SDR,URI="iframes480-1.m3u8"',
        '#EXT-X-STREAM-INF:BANDWIDTH=200,AVERAGE-BANDWIDTH=200,CODECS="mp4a.40.2",'
        'AUDIO="sound",SUBTITLES="captions"',
        "audio-1.m3u8",
    ]


def test_a_silent_film_has_pictures_alone() -> None:
    lines = master(Presentation((video(240),)))

    assert lines[3:] == [
        '#EXT-X-STREAM-INF:BANDWIDTH=1600,AVERAGE-BANDWIDTH=1120,CODECS="avc1.64001E",'
        "RESOLUTION=426x240,FRAME-RATE=25.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE",
        "v240-1.m3u8",
    ]


def test_a_recording_without_pictures_can_be_listened_to() -> None:
    assert variants(master(Presentation((), (sound(),)))) == ["audio-1.m3u8"]


AV1 = "av01.0.04M.08"


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        pytest.param([video(240), video(720), video(1080)], ["v720", "v1080", "v240"], id="720p"),
        pytest.param([video(240), video(480)], ["v480", "v240"], id="480p"),
        pytest.param([video(854, width=480), video(240)], ["v854", "v240"], id="upright"),
        pytest.param(
            [video(480, AV1), video(480), video(720, AV1), video(720)],
            ["v480", "v720", "a720", "a480"],
            id="plays everywhere before AV1",
        ),
    ],
)
def test_the_first_variant_starts_soon_everywhere(videos: list, expected: list[str]) -> None:
    lines = master(Presentation(tuple(videos)))

    assert variants(lines) == [f"{name}-1.m3u8" for name in expected]


def test_several_sounds_are_alternatives_of_which_one_is_the_default() -> None:
    sounds = (
        sound("audio1", "en", 'Dr. "Bob"\nTalk'),
        sound("audio2", "de", is_default=True),
        sound("audio3", "en", codecs="opus"),
    )

    lines = master(Presentation((video(480),), sounds))

    media = starting(lines, "#EXT-X-MEDIA:TYPE=AUDIO,")
    assert [one.partition("NAME=")[2].partition(",CHANNELS")[0] for one in media] == [
        '"Dr. \u201dBob\u201d Talk",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES',
        '"de",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES',
        '"en",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=NO',
    ]
    assert variants(lines) == ["v480-1.m3u8", "audio2-1.m3u8"]
    assert 'CODECS="avc1.64001E,mp4a.40.2,opus"' in lines[6]


def test_captions_without_a_language_have_a_name() -> None:
    lines = master(Presentation((video(480),), (), (text(language=None, title=None),)))

    assert starting(lines, "#EXT-X-MEDIA:") == [
        'TYPE=SUBTITLES,GROUP-ID="captions",NAME="1",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,'
        'URI="captions_en-1.m3u8"'
    ]
