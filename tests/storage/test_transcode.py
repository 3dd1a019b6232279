"""Files that browsers do not play become such that they do; times, shapes and colours stay."""

from array import array
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.audio.resampler import AudioResampler
from PIL import Image

from storage.errors import FileMissing, NoVideo, TooComplex, Undecodable
from storage.media import Limits
from storage.probe import probe
from storage.sniff import Container
from storage.transcode import transcode

MKV: dict[str, Any] = {"muxer": "matroska"}
MANY_PIXELS = 10**8
IN_STEP_S = 0.05
RATE = 25


class Workbench:
    """Transcodes into `target`."""

    def __init__(self, target: Path, limits: Limits) -> None:
        self.target = target
        self.limits = limits
        self.told: list[float] = []

    def make(
        self,
        source: Path,
        *targets: Container,
        duration_s: float = 1.0,
        max_pixels: int = MANY_PIXELS,
    ) -> Container:
        container: Container = "mp4" if source.suffix == ".mp4" else "webm"
        wanted = list(targets) or ["mp4", "webm"]
        return transcode(
            source, container, self.target, wanted, duration_s, max_pixels, self.told.append
        )


@pytest.fixture
def bench(tmp_path: Path, limits: Limits) -> Workbench:
    return Workbench(tmp_path / "made", limits)


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
        pytest.param(
            {**MKV, "video_options": {"preset": "medium"}},
            "mp4 avc1.64000B, mp4a.40.2",
            id="b-frames-in-matroska",
        ),
        pytest.param({**MKV, "video": "libvpx", "audio": "flac"}, "webm vp8, opus", id="vp8-flac"),
        pytest.param(
            {**MKV, "video": "libvpx-vp9", "audio": "libmp3lame"},
            "webm vp09.00.10.08, opus",
            id="vp9-mp3",
        ),
        pytest.param(
            {**MKV, "video": "ffv1", "audio": "vorbis"}, "mp4 avc1.64000B, mp4a.40.2", id="ffv1"
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
    assert len(_times(bench.target)) == 25


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
        pytest.param({"video": "mpeg4"}, "audio", id="sound"),
    ],
)
def test_what_plays_already_is_copied(
    make_clip: Callable[..., Path], bench: Workbench, clip: dict[str, Any], kind: str
) -> None:
    source = make_clip(**clip)

    bench.make(source)

    assert _packets(bench.target, kind) == _packets(source, kind)


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
    source = tmp_path / "hdr.mp4"
    steps = (0.0, 0.3, 0.5, 0.58, 0.75, 1.0)  # of the signal: from black to the brightest there is
    _write_hdr(source, transfer, steps)

    bench.make(source)

    with av.open(str(bench.target)) as media:
        frame = next(media.decode(video=0))
        assert (frame.format.name, frame.colorspace, frame.color_trc) == ("yuv420p", 1, 1)
    shown = [_first_image(bench.target).getpixel((20 + 40 * n, 30))[1] for n in range(len(steps))]
    assert (shown[0], shown[-1]) == (pytest.approx(0, abs=4), pytest.approx(255, abs=4))
    assert all(one + 8 < other for one, other in pairwise(shown)), "something is cut off"
    assert round(255 * steps[step]) == signal
    assert shown[step] == pytest.approx(expected, abs=6)


def test_times_of_frames_at_no_steady_rate_are_kept(tmp_path: Path, bench: Workbench) -> None:
    times_ms = [0, 40, 80, 500, 517, 533, 1200, 2900, 2940, 3000]
    source = tmp_path / "unsteady.mkv"
    _write_frames(source, times_ms)

    bench.make(source, "mp4", duration_s=3.04)

    assert [round(time * 1000) for time in _times(bench.target)] == times_ms


def test_there_is_a_keyframe_to_seek_to_every_two_seconds(
    make_clip: Callable[..., Path], bench: Workbench
) -> None:
    source = make_clip(video="mpeg4", frames=150, video_options={"g": "300"})

    for target in ("mp4", "webm"):
        bench.make(source, target, duration_s=6)

        with av.open(str(bench.target)) as media:
            keys = [float(p.pts * p.time_base) for p in media.demux(video=0) if p.is_keyframe]
        assert keys == pytest.approx([0, 2, 4], abs=0.1)


@pytest.mark.parametrize(
    ("muxer", "video", "audio", "targets"),
    [
        pytest.param("mp4", "mpeg4", "ac3", ["mp4"], id="both-anew"),
        pytest.param("mp4", "mpeg4", "aac", ["mp4"], id="sound-copied"),
        pytest.param("mp4", "libx264", "ac3", ["mp4"], id="picture-copied"),
        pytest.param("mp4", "libx264", "aac", ["webm"], id="other-format"),
        pytest.param("matroska", "libx264", "aac", ["mp4"], id="both-copied"),
        pytest.param("matroska", "libvpx", "libopus", ["mp4"], id="opus-copied"),
    ],
)
@pytest.mark.parametrize("late_s", [0, 7])
def test_picture_and_sound_stay_in_step(
    tmp_path: Path,
    bench: Workbench,
    muxer: str,
    video: str,
    audio: str,
    targets: list[Container],
    late_s: int,
) -> None:
    """A flash and a beep after two seconds; also in a file that begins seven seconds late."""
    source = tmp_path / f"flash.{muxer}"
    _write_flash(source, muxer, video, audio, flash_at_s=2, late_s=late_s)

    bench.make(source, *targets, duration_s=3)

    flash_s, beep_s = _flash_s(bench.target), _beep_s(bench.target)
    assert flash_s == pytest.approx(beep_s, abs=IN_STEP_S)
    assert flash_s == pytest.approx(2, abs=0.1)


def test_short_matroska_with_reordered_pictures_is_copied_whole(
    make_clip: Callable[..., Path], bench: Workbench
) -> None:
    source = make_clip(**MKV, frames=2, video_options={"preset": "medium"})

    bench.make(source, duration_s=0.08)

    assert _packets(bench.target, "video") == _packets(source, "video")


def test_gap_in_the_sound_stays_silent(tmp_path: Path, bench: Workbench) -> None:
    source = tmp_path / "gap.matroska"
    _write_flash(source, "matroska", "mpeg4", "flac", flash_at_s=2, gap_s=(0.5, 1.5))

    bench.make(source, duration_s=3)

    assert _beep_s(bench.target) == pytest.approx(_flash_s(bench.target), abs=IN_STEP_S)


def test_progress_is_told_and_ends_near_one(
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

    assert 10 < len(_times(bench.target)) <= 50


def test_without_a_single_picture_it_is_undecodable(
    make_clip: Callable[..., Path], bench: Workbench, tmp_path: Path
) -> None:
    content = bytearray(make_clip(video="mpeg4", audio=None).read_bytes())
    start, stop = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:stop] = bytes(stop - start)
    (tmp_path / "zeroed.mp4").write_bytes(content)

    with pytest.raises(Undecodable):
        bench.make(tmp_path / "zeroed.mp4")


def test_sound_alone_and_nothing_at_all_are_told(
    make_clip: Callable[..., Path], bench: Workbench, tmp_path: Path
) -> None:
    with pytest.raises(NoVideo):
        bench.make(make_clip(video=None))
    with pytest.raises(FileMissing):
        bench.make(tmp_path / "nothing.mp4")
    with pytest.raises(TooComplex):
        bench.make(make_clip(video="mpeg4"), max_pixels=100)


def _first_image(path: Path) -> Any:
    with av.open(str(path)) as media:
        return next(media.decode(video=0)).to_image()


def _is_red(pixel: tuple[int, int, int]) -> bool:
    return pixel[0] > 70 > 40 > pixel[2]


def _is_blue(pixel: tuple[int, int, int]) -> bool:
    return pixel[2] > 70 > 40 > pixel[0]


def _times(path: Path) -> list[float]:
    with av.open(str(path)) as media:
        return [frame.time for frame in media.decode(video=0)]


def _packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as media:
        return [bytes(packet) for packet in media.demux(**{kind: 0}) if packet.size]


def _flash_s(path: Path) -> float:
    with av.open(str(path)) as media:
        for frame in media.decode(video=0):
            if frame.to_image().convert("L").getpixel((80, 45)) > 128:
                return float(frame.time)
    raise AssertionError("no flash")


def _beep_s(path: Path) -> float:
    resampler = AudioResampler("s16", "mono", 48_000)
    with av.open(str(path)) as media:
        for decoded in media.decode(audio=0):
            for frame in resampler.resample(decoded):
                samples = array("h", bytes(frame.planes[0])[: frame.samples * 2])
                for place, sample in enumerate(samples):
                    if abs(sample) > 8000:
                        return float(frame.time) + place / 48_000
    raise AssertionError("no beep")


def _write_flash(
    path: Path,
    muxer: str,
    video: str,
    audio: str,
    *,
    flash_at_s: float,
    late_s: int = 0,
    gap_s: tuple[float, float] = (0, 0),
) -> None:
    """Three seconds: black and silent, but for a flash with a beep; without sound in the gap."""
    with av.open(str(path), "w", format=muxer) as out:
        picture = out.add_stream(video, rate=RATE)
        picture.width, picture.height, picture.pix_fmt = 160, 90, "yuv420p"
        sound = out.add_stream(audio, rate=48_000)
        sound.layout = "mono"
        for number in range(3 * RATE):
            time_s = number / RATE
            out.mux(picture.encode(_black_or_white(number + late_s * RATE, time_s >= flash_at_s)))
            if not gap_s[0] <= time_s < gap_s[1]:
                out.mux(sound.encode(_beep(number + late_s * RATE, time_s >= flash_at_s)))
        out.mux(picture.encode(None))
        out.mux(sound.encode(None))


def _black_or_white(number: int, is_white: bool) -> av.VideoFrame:
    frame = av.VideoFrame.from_image(Image.new("RGB", (160, 90), (255 * is_white,) * 3))
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _beep(number: int, is_loud: bool) -> av.AudioFrame:
    length = 48_000 // RATE
    loud = array("h", (20_000 if n // 24 % 2 else -20_000 for n in range(length)))
    frame = av.AudioFrame("s16", "mono", length)
    frame.planes[0].update(loud.tobytes() if is_loud else bytes(2 * length))
    frame.sample_rate, frame.pts, frame.time_base = 48_000, number * length, Fraction(1, 48_000)
    return frame


def _write_frames(path: Path, times_ms: list[int]) -> None:
    with av.open(str(path), "w", format="matroska") as out:
        stream = out.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time_ms in enumerate(times_ms):
            frame = _black_or_white(0, number % 2 == 0)
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _write_hdr(path: Path, transfer: int, steps: tuple[float, ...]) -> None:
    with av.open(str(path), "w", options={"movflags": "+write_colr"}) as out:
        options = {"preset": "ultrafast", "x265-params": "log-level=none:lossless=1"}
        stream = out.add_stream("libx265", rate=RATE, options=options)
        stream.width, stream.height = 40 * len(steps), 60
        stream.pix_fmt = "yuv420p10le"
        coder = stream.codec_context
        coder.color_primaries, coder.color_trc, coder.colorspace = 9, transfer, 9
        for number in range(5):
            out.mux(stream.encode(_grey_steps(number, steps)))
        out.mux(stream.encode(None))


def _grey_steps(number: int, steps: tuple[float, ...]) -> av.VideoFrame:
    frame = av.VideoFrame(40 * len(steps), 60, "yuv420p10le")
    for plane, values in zip(frame.planes, (steps, (None,), (None,)), strict=True):
        row = array("H", _row(values, plane.line_size // 2))
        plane.update(row.tobytes() * plane.height)
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _row(values: tuple[float | None, ...], length: int) -> Iterator[int]:
    for place in range(length):
        value = values[min(place // 40, len(values) - 1)]
        yield 512 if value is None else round(64 + 876 * value)
