from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest

from storage.errors import FileMissing, NoVideo, TooComplex, Undecodable
from storage.media.facts import MediaLimits
from storage.media.probe import probe

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
WITHOUT_INDEX = {"movflags": FRAGMENTED["movflags"] + "+skip_trailer"}


@pytest.mark.parametrize(
    ("clip", "container", "codecs", "plays"),
    [
        pytest.param({}, "mp4", "avc1.42C00B, mp4a.40.2", True, id="h264-aac"),
        pytest.param(
            {"video": "libsvtav1", "audio": "libopus"}, "mp4", "av01.0.00M.08, opus", True, id="av1"
        ),
        pytest.param(
            {"video": "libvpx-vp9", "audio": "libmp3lame"},
            "mp4",
            "vp09.00.10.08, mp3",
            True,
            id="vp9-mp3",
        ),
        pytest.param(
            {"video": "libx265", "audio": None}, "mp4", "hvc1.1.6.L30.90", False, id="hevc"
        ),
        pytest.param(
            {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"},
            "webm",
            "vp09.00.10.08, opus",
            True,
            id="vp9-opus",
        ),
        pytest.param(
            {"muxer": "webm", "video": "libvpx", "audio": "vorbis"},
            "webm",
            "vp8, vorbis",
            True,
            id="vp8-vorbis",
        ),
        pytest.param(
            {"muxer": "matroska"}, "mkv", "avc1.42C00B, mp4a.40.2", False, id="h264-in-matroska"
        ),
        pytest.param({"muxer": "mov"}, "mov", "avc1.42C00B, mp4a.40.2", False, id="h264-in-mov"),
    ],
)
def test_codecs_are_named_for_browsers(
    make_clip: Callable[..., Path], limits: MediaLimits, clip, container, codecs, plays
) -> None:
    found = probe(make_clip(**clip), container, limits)

    assert found.container == ("webm" if container == "webm" else "mp4")
    assert found.mime_type == f'video/{found.container}; codecs="{codecs}"'
    assert found.is_playable_in_browsers is plays


def test_plain_clip_is_described(make_clip: Callable[..., Path], limits: MediaLimits) -> None:
    found = probe(make_clip(frames=50), "mp4", limits)

    assert (found.width, found.height, found.rotation) == (160, 90, 0)
    assert (found.video_codec, found.audio_codec, found.streams) == ("h264", "aac", 2)
    assert found.duration_s == pytest.approx(2, abs=0.05)
    assert found.frame_rate == 25


@pytest.mark.parametrize(
    ("clip", "container"),
    [
        pytest.param({"muxer_options": FRAGMENTED}, "mp4", id="fragmented"),
        pytest.param({"muxer_options": WITHOUT_INDEX}, "mp4", id="fragmented-without-index"),
        pytest.param(
            {
                "muxer": "webm",
                "video": "libvpx-vp9",
                "audio": "libopus",
                "muxer_options": {"live": "1"},
            },
            "webm",
            id="live-webm",
        ),
    ],
)
def test_duration_that_no_header_tells_is_counted(
    make_clip: Callable[..., Path], limits: MediaLimits, clip, container
) -> None:
    found = probe(make_clip(frames=100, **clip), container, limits)

    assert found.duration_s == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize(
    ("counterclockwise", "rotation", "size"),
    [(90, 270, (90, 160)), (-90, 90, (90, 160)), (180, 180, (160, 90))],
)
def test_rotated_video_is_measured_as_shown(
    make_clip: Callable[..., Path], limits: MediaLimits, counterclockwise, rotation, size
) -> None:
    found = probe(make_clip(counterclockwise_deg=counterclockwise, audio=None), "mp4", limits)

    assert (found.rotation, (found.width, found.height)) == (rotation, size)


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_anamorphic_video_is_measured_as_shown(
    make_clip: Callable[..., Path], limits: MediaLimits, codec: str
) -> None:
    path = make_clip(video=codec, audio=None, sample_ratio=Fraction(4, 3))

    found = probe(path, "mp4", limits)

    assert (found.width, found.height) == (213, 90)


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(MediaLimits(160 * 90 - 1, 60, 16), id="pixels"),
        pytest.param(MediaLimits(160 * 90, 0.5, 16), id="duration"),
        pytest.param(MediaLimits(160 * 90, 60, 1), id="streams"),
    ],
)
def test_past_a_limit_is_too_complex(make_clip: Callable[..., Path], limits: MediaLimits) -> None:
    with pytest.raises(TooComplex):
        probe(make_clip(), "mp4", limits)


def test_exactly_at_the_limits_is_taken(make_clip: Callable[..., Path]) -> None:
    assert probe(make_clip(), "mp4", MediaLimits(160 * 90, 1.1, 2)).streams == 2


def test_stretched_picture_counts_as_shown(make_clip: Callable[..., Path]) -> None:
    path = make_clip(audio=None, sample_ratio=Fraction(8))

    with pytest.raises(TooComplex):
        probe(path, "mp4", MediaLimits(160 * 90 * 2, 60, 16))


def test_header_that_lies_about_the_size_is_found_out(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    content = make_clip(size=(1280, 720), audio=None).read_bytes()
    # The sample entry's and the track's width and height; the coded picture stays as large.
    size, small = (1280 << 16 | 720).to_bytes(4, "big"), (64 << 16 | 48).to_bytes(4, "big")
    assert size in content
    path = tmp_path / "liar.mp4"
    path.write_bytes(content.replace(size, small))

    with pytest.raises((TooComplex, Undecodable)):
        probe(path, "mp4", MediaLimits(64 * 48, 60, 16))


@pytest.mark.parametrize("many", [20, 100])
def test_many_streams_are_too_complex(
    make_clip: Callable[..., Path], limits: MediaLimits, many: int
) -> None:
    with pytest.raises(TooComplex):
        probe(make_clip(frames=2, audio_streams=many), "mp4", limits)


@pytest.mark.parametrize(("muxer", "audio"), [("mp4", "aac"), ("webm", "libopus")])
def test_sound_alone_is_no_video(
    make_clip: Callable[..., Path], limits: MediaLimits, muxer, audio
) -> None:
    with pytest.raises(NoVideo):
        probe(make_clip(muxer=muxer, video=None, audio=audio), muxer, limits)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("ffconcat version 1.0\nfile {other}\n", id="ffconcat"),
        pytest.param(
            "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n", id="playlist"
        ),
    ],
)
@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_script_that_names_another_file_opens_nothing(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path, script, container
) -> None:
    path = tmp_path / "lecture.mp4"
    path.write_text(script.format(other=make_clip()))

    with pytest.raises(Undecodable):
        probe(path, container, limits)


def test_missing_file_is_reported(limits: MediaLimits, tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        probe(tmp_path / "nothing", "mp4", limits)


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_noise_is_undecodable(limits: MediaLimits, tmp_path: Path, container: str) -> None:
    path = tmp_path / "noise"
    path.write_bytes(bytes(range(256)) * 64)

    with pytest.raises(Undecodable):
        probe(path, container, limits)


def test_zeroed_pictures_are_undecodable(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path
) -> None:
    content = bytearray(make_clip(audio=None).read_bytes())
    start = content.index(b"mdat") + 4
    stop = content.index(b"moov") - 4
    content[start:stop] = bytes(stop - start)
    path = tmp_path / "zeroed.mp4"
    path.write_bytes(content)

    with pytest.raises(Undecodable):
        probe(path, "mp4", limits)


@pytest.mark.parametrize(
    ("clip", "container"),
    [
        pytest.param({}, "mp4", id="moov-last"),
        pytest.param({"muxer_options": {"movflags": "+faststart"}}, "mp4", id="faststart"),
        pytest.param({"muxer_options": FRAGMENTED}, "mp4", id="fragmented"),
        pytest.param(
            {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"}, "webm", id="webm"
        ),
    ],
)
def test_cut_file_is_described_or_refused_but_never_worse(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path, clip, container
) -> None:
    content, path = make_clip(**clip).read_bytes(), tmp_path / "cut"

    for cut in range(0, len(content), len(content) // 40):
        path.write_bytes(content[:cut])
        # A fragmented file that ends between fragments is a shorter video.
        with suppress(Undecodable, NoVideo):
            assert probe(path, container, limits).duration_s > 0


def test_title_in_a_broken_encoding_is_no_reason_to_refuse(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path
) -> None:
    content = make_clip().read_bytes()
    assert b"Lavf" in content
    path = tmp_path / "broken.mp4"
    path.write_bytes(content.replace(b"Lavf", b"\xff\xfe\xfd\xfc"))

    assert probe(path, "mp4", limits).video_codec == "h264"
