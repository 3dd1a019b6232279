"""Files that browsers do not play become such that they do; times, shapes and colours stay."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from storage.errors import FileMissing, TooComplex, Undecodable
from storage.formats import Container
from storage.media.probe import probe
from tests.storage.films.frames import bars, write_deep
from tests.storage.films.transcoding import IN_STEP_S, Workbench, packets_of, times_of

MKV: dict[str, Any] = {"muxer": "matroska"}


@pytest.mark.parametrize(
    ("clip", "codecs"),
    [
        pytest.param({"video": "libx265"}, "mp4 avc1.64000B, mp4a.40.2", id="hevc"),
        pytest.param({"video": "mpeg4"}, "mp4 avc1.64000B, mp4a.40.2", id="mpeg4"),
        pytest.param(
            {"video": "mpeg2video", "audio": "ac3"}, "mp4 avc1.64000B, mp4a.40.2", id="mpeg2-ac3"
        ),
        pytest.param(
            {"video": "mjpeg", "pixel_format": "yuvj420p"},
            "mp4 avc1.64000B, mp4a.40.2",
            id="mjpeg",
        ),
        pytest.param({"pixel_format": "yuv444p"}, "mp4 avc1.64000B, mp4a.40.2", id="h264-4:4:4"),
        pytest.param(
            {"pixel_format": "yuv420p10le"}, "mp4 avc1.64000B, mp4a.40.2", id="h264-10-bit"
        ),
        pytest.param({"audio": "alac"}, "mp4 avc1.42C00B, mp4a.40.2", id="alac"),
        pytest.param({"audio": "eac3"}, "mp4 avc1.42C00B, mp4a.40.2", id="eac3"),
        pytest.param({"video": "libx265", "audio": None}, "mp4 avc1.64000B", id="silent"),
        pytest.param(MKV, "mp4 avc1.42C00B, mp4a.40.2", id="h264-in-matroska"),
        pytest.param({"muxer": "mov"}, "mp4 avc1.42C00B, mp4a.40.2", id="h264-in-quicktime"),
        pytest.param(
            {
                "muxer": "mov",
                "video": "prores_ks",
                "audio": "pcm_s16le",
                "pixel_format": "yuv422p10le",
            },
            "mp4 avc1.64000B, mp4a.40.2",
            id="prores-in-quicktime",
        ),
        pytest.param({"muxer": "mpegts"}, "mp4 avc1.42C00B, mp4a.40.2", id="h264-in-ts"),
        pytest.param(
            {"muxer": "mpegts", "audio": "ac3", "muxer_options": {"mpegts_m2ts_mode": "1"}},
            "mp4 avc1.42C00B, mp4a.40.2",
            id="camcorder",
        ),
        pytest.param({"muxer": "flv"}, "mp4 avc1.42C00B, mp4a.40.2", id="h264-in-flv"),
        pytest.param(
            {"muxer": "flv", "video": "flv", "audio": None}, "mp4 avc1.64000B", id="sorenson-in-flv"
        ),
        pytest.param(
            {"muxer": "avi", "video": "mpeg4", "audio": "libmp3lame"},
            "mp4 avc1.64000B, mp3",
            id="avi",
        ),
        pytest.param({"muxer": "avi", "audio": None}, "mp4 avc1.64000B", id="h264-in-avi"),
        pytest.param(
            {"muxer": "mpeg", "video": "mpeg1video", "audio": "mp2"},
            "mp4 avc1.64000B, mp4a.40.2",
            id="mpeg-1",
        ),
        pytest.param(
            {"muxer": "vob", "audio": "mp2"}, "mp4 avc1.64000B, mp4a.40.2", id="h264-in-vob"
        ),
        pytest.param(
            {"muxer": "asf", "video": "wmv2", "audio": "wmav2"},
            "mp4 avc1.64000B, mp4a.40.2",
            id="windows-media",
        ),
    ],
)
def test_what_browsers_do_not_play_becomes_what_they_play(
    make_clip: Callable[..., Path], bench: Workbench, clip: dict[str, Any], codecs: str
) -> None:
    made = bench.make(make_clip(**clip))

    found = probe(bench.target, made, bench.limits)
    container, _, names = codecs.partition(" ")
    assert (made, found.mime_type) == (container, f'video/{container}; codecs="{names}"')
    assert found.is_playable_in_browsers
    assert (found.width, found.height, found.frame_rate) == (160, 90, 25)
    assert found.duration_s == pytest.approx(1, abs=IN_STEP_S)
    assert len(times_of(bench.target)) == 25


@pytest.mark.parametrize(
    ("clip", "target", "codecs"),
    [
        pytest.param({}, "webm", "vp09.00.10.08, opus", id="h264"),
        pytest.param(
            {"video": "libsvtav1", "audio": "libopus"}, "webm", "av01.0.00M.08, opus", id="av1"
        ),
        pytest.param(
            {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"},
            "mp4",
            "vp09.00.10.08, opus",
            id="vp9",
        ),
        pytest.param(
            {"muxer": "webm", "video": "libvpx", "audio": "vorbis"},
            "mp4",
            "avc1.64000B, mp4a.40.2",
            id="vp8",
        ),
    ],
)
def test_the_other_format_is_made_when_only_that_is_asked_for(
    make_clip: Callable[..., Path],
    bench: Workbench,
    clip: dict[str, Any],
    target: Container,
    codecs: str,
) -> None:
    assert bench.make(make_clip(**clip), target) == target

    found = probe(bench.target, target, bench.limits)
    assert found.mime_type == f'video/{target}; codecs="{codecs}"'
    assert found.is_playable_in_browsers


@pytest.mark.parametrize(
    ("clip", "kind"),
    [
        pytest.param({"audio": "alac"}, "video", id="picture"),
        pytest.param({"muxer": "mov"}, "video", id="picture-of-quicktime"),
        pytest.param({"muxer": "flv"}, "video", id="picture-of-flash-video"),
        pytest.param({"muxer": "mov"}, "audio", id="sound-of-quicktime"),
        pytest.param({"video": "mpeg4"}, "audio", id="sound"),
    ],
)
def test_what_plays_already_is_copied(
    make_clip: Callable[..., Path], bench: Workbench, clip: dict[str, Any], kind: str
) -> None:
    source = make_clip(**clip)

    bench.make(source)

    assert packets_of(bench.target, kind) == packets_of(source, kind)


@pytest.mark.parametrize("deg", [90, 180, 270])
@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_turned_picture_comes_out_upright(
    make_clip: Callable[..., Path], bench: Workbench, deg: int, target: Container
) -> None:
    source = make_clip(video="libx265", audio=None, counterclockwise_deg=deg)

    bench.make(source, target)

    found, image = probe(bench.target, target, bench.limits), _first_image(bench.target)
    assert found.rotation == 0
    assert (found.width, found.height) == ((160, 90) if deg == 180 else (90, 160))
    # Red was on the left before it was turned, and blue on the right.
    red, blue = {
        90: ((45, 140), (45, 20)),
        180: ((140, 45), (20, 45)),
        270: ((45, 20), (45, 140)),
    }[deg]
    assert _is_red(image.getpixel(red))
    assert _is_blue(image.getpixel(blue))


def test_turned_picture_that_plays_stays_turned_in_mp4(
    make_clip: Callable[..., Path], bench: Workbench
) -> None:
    bench.make(make_clip(audio="alac", counterclockwise_deg=90))

    found = probe(bench.target, "mp4", bench.limits)
    assert (found.rotation, found.width, found.height) == (270, 90, 160)


def test_wide_pixels_become_square(make_clip: Callable[..., Path], bench: Workbench) -> None:
    bench.make(make_clip(video="libx265", sample_ratio=Fraction(4, 3)))

    found = probe(bench.target, "mp4", bench.limits)
    image = _first_image(bench.target)
    assert (found.width, found.height) == image.size == (212, 90)


@pytest.mark.parametrize(
    ("transfer", "step", "signal", "expected"),
    [pytest.param(16, 1, 76, 54, id="PQ"), pytest.param(18, 4, 191, 172, id="HLG")],
)
def test_hdr_is_tone_mapped(
    tmp_path: Path, bench: Workbench, transfer: int, step: int, signal: int, expected: int
) -> None:
    steps = (0.0, 0.3, 0.5, 0.58, 0.75, 1.0)  # of the signal: from black to the brightest there is
    levels = [round(64 + 876 * one) for one in steps]

    bench.make(write_deep(tmp_path / "hdr.mp4", levels, transfer))

    with av.open(str(bench.target)) as media:
        frame = next(media.decode(video=0))
        assert (frame.format.name, frame.colorspace, frame.color_trc) == ("yuv420p", 1, 1)
    shown = [level for _, level, _ in bars(_first_image(bench.target), len(steps))]
    assert shown[0] == pytest.approx(0, abs=4)
    assert shown[-1] == pytest.approx(255, abs=4)
    assert all(one + 8 < other for one, other in pairwise(shown)), "something is cut off"
    assert round(255 * steps[step]) == signal
    assert shown[step] == pytest.approx(expected, abs=6)


def test_short_matroska_with_reordered_pictures_is_copied_whole(
    make_clip: Callable[..., Path], bench: Workbench
) -> None:
    source = make_clip(**MKV, frames=2, video_options={"preset": "medium"})

    bench.make(source, duration_s=0.08)

    assert packets_of(bench.target, "video") == packets_of(source, "video")


def test_progress_is_reported_and_ends_near_one(
    make_clip: Callable[..., Path], bench: Workbench
) -> None:
    bench.make(make_clip(video="mpeg4", frames=50), duration_s=2)

    assert len(bench.told) > 50
    assert min(bench.told) < 0.05
    assert 0.9 < max(bench.told) < 1.05


def test_damaged_pictures_are_left_out(
    make_clip: Callable[..., Path], bench: Workbench, tmp_path: Path
) -> None:
    content = bytearray(make_clip(video="mpeg4", frames=50, audio=None).read_bytes())
    middle = (content.index(b"mdat") + content.index(b"moov")) // 2
    content[middle : middle + 400] = bytes(400)
    (tmp_path / "damaged.mp4").write_bytes(content)

    bench.make(tmp_path / "damaged.mp4", duration_s=2)

    assert 10 < len(times_of(bench.target)) <= 50


def test_without_a_single_picture_it_is_undecodable(
    make_clip: Callable[..., Path], bench: Workbench, tmp_path: Path
) -> None:
    content = bytearray(make_clip(video="mpeg4", audio=None).read_bytes())
    start, stop = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:stop] = bytes(stop - start)
    (tmp_path / "zeroed.mp4").write_bytes(content)

    with pytest.raises(Undecodable):
        bench.make(tmp_path / "zeroed.mp4")


def test_nothing_and_too_much_are_refused(
    make_clip: Callable[..., Path], bench: Workbench, tmp_path: Path
) -> None:
    with pytest.raises(FileMissing):
        bench.make(tmp_path / "nothing.mp4")
    with pytest.raises(TooComplex):
        bench.make(make_clip(video="mpeg4"), max_pixels=100)


@pytest.mark.parametrize(
    "clip",
    [
        pytest.param(MKV, id="h264-in-matroska"),
        pytest.param({"muxer": "mov"}, id="h264-in-quicktime"),
        pytest.param({"video": "mpeg4"}, id="anew"),
    ],
)
@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_shape_of_pixels_is_kept(
    make_clip: Callable[..., Path], bench: Workbench, clip: dict[str, Any], target: Container
) -> None:
    bench.make(make_clip(**clip, audio=None, sample_ratio=Fraction(2)), target)

    found = probe(bench.target, target, bench.limits)
    assert (found.width, found.height) == (320, 90)


@pytest.mark.parametrize("codec", ["png", "qtrle", "prores_ks"])
def test_transparent_parts_are_black(tmp_path: Path, bench: Workbench, codec: str) -> None:
    source = tmp_path / "a.mov"
    deep = codec == "prores_ks"
    with av.open(str(source), "w", format="mov") as out:
        stream = out.add_stream(codec, rate=25, options={"profile": "4444"} if deep else {})
        stream.width, stream.height = 160, 96
        stream.pix_fmt = {"png": "rgba", "qtrle": "argb"}.get(codec, "yuva444p10le")
        image = Image.new("RGBA", (160, 96), (255, 255, 255, 0))
        image.paste((255, 0, 0, 255), (80, 0, 160, 96))
        for number in range(3):
            frame = av.VideoFrame(160, 96, "rgba")
            frame.planes[0].update(image.tobytes())
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    bench.make(source, "mp4", duration_s=0.12)

    shown = _first_image(bench.target)
    assert max(shown.getpixel((40, 48))) < 20
    assert _is_red(shown.getpixel((120, 48)))


def _first_image(path: Path) -> Any:
    with av.open(str(path)) as media:
        return next(media.decode(video=0)).to_image()


def _is_red(pixel: tuple[int, int, int]) -> bool:
    return pixel[0] > 70 > 40 > pixel[2]


def _is_blue(pixel: tuple[int, int, int]) -> bool:
    return pixel[2] > 70 > 40 > pixel[0]
