"""Times are preserved: of frames, of keyframes to seek to, of picture against sound."""

from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.audio.resampler import AudioResampler

from storage.formats import Container
from storage.media.probe import probe
from tests.programs.lip_sync import RATE, SIZE, beep, flash
from tests.storage.films.frames import plain, write_frames
from tests.storage.films.transcoding import IN_STEP_S, Workbench, times_of


def test_times_of_frames_at_no_steady_rate_are_kept(tmp_path: Path, bench: Workbench) -> None:
    times_ms = [0, 40, 80, 500, 517, 533, 1200, 2900, 2940, 3000]
    source = tmp_path / "unsteady.mkv"
    frames = ((at_ms, plain(255 * (number % 2))) for number, at_ms in enumerate(times_ms))
    write_frames(source, frames, muxer="matroska", codec="ffv1")

    bench.make(source, "mp4", duration_s=3.04)

    assert [round(time * 1000) for time in times_of(bench.target)] == times_ms


@pytest.mark.parametrize("codec", ["mpeg4", "libx265", "mjpeg"])
@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_last_slide_is_shown_as_long_as_the_others(
    make_slides: Callable[[str], Path], bench: Workbench, codec: str, target: Container
) -> None:
    bench.make(make_slides(codec), target, duration_s=30)

    assert times_of(bench.target) == pytest.approx([0, 10, 20], abs=0.05)
    assert probe(bench.target, target, bench.limits).duration_s == pytest.approx(30, abs=0.1)


@pytest.fixture
def make_slides(tmp_path: Path) -> Callable[[str], Path]:
    """Three slides of ten seconds each, without sound."""

    def make(codec: str) -> Path:
        path = tmp_path / "slides.mp4"
        with av.open(str(path), "w") as out:
            quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
            stream = out.add_stream(codec, rate=Fraction(1, 10), options=quiet)
            stream.width, stream.height = 160, 96
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(3):
                frame = av.VideoFrame.from_image(plain(80 * number, (160, 96)))
                frame.pts, frame.time_base = number, Fraction(10)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        return path

    return make


@pytest.mark.parametrize(
    ("video", "audio"),
    [
        pytest.param("mpeg4", "ac3", id="both-anew"),
        pytest.param("mpeg4", "aac", id="sound-copied"),
        pytest.param("libx264", "aac", id="both-copied"),
    ],
)
def test_sound_that_begins_late_begins_late(
    tmp_path: Path, bench: Workbench, video: str, audio: str
) -> None:
    source = tmp_path / "flash.matroska"
    _write_flash(source, "matroska", video, audio, flash_at_s=2, gap_s=(0, 1.5))

    bench.make(source, "mp4", duration_s=3)

    assert _beep_s(bench.target) == pytest.approx(_flash_s(bench.target), abs=IN_STEP_S)


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


@pytest.mark.parametrize(
    ("muxer", "video", "audio"),
    [
        pytest.param("mpegts", "libx264", "aac", id="copied"),
        pytest.param("mpegts", "mpeg2video", "mp2", id="anew"),
        pytest.param("vob", "mpeg2video", "mp2", id="program-stream"),
    ],
)
def test_clock_that_begins_anew_in_the_middle_cuts_nothing_off(
    tmp_path: Path, bench: Workbench, muxer: str, video: str, audio: str
) -> None:
    source = tmp_path / f"wrap.{muxer}"
    wrap_s = 2**33 / 90_000
    _write_flash(source, muxer, video, audio, flash_at_s=2, late_s=wrap_s - 1)

    bench.make(source, "mp4", duration_s=3)

    assert _flash_s(bench.target) == pytest.approx(2, abs=0.1)
    assert _beep_s(bench.target) == pytest.approx(2, abs=0.1)
    assert len(times_of(bench.target)) == 3 * RATE


@pytest.mark.parametrize(
    ("audio", "overlap_s"),
    [
        pytest.param("aac", 0, id="other-sound"),
        pytest.param("aac", 0.08, id="other-sound-overlapping"),
        pytest.param("mp2", 0.08, id="anew-overlapping"),
    ],
)
def test_joined_streams_are_whole(
    tmp_path: Path, bench: Workbench, audio: str, overlap_s: float
) -> None:
    parts = [tmp_path / "first.mpegts", tmp_path / "second.mpegts"]
    _write_flash(parts[0], "mpegts", "libx264", audio, flash_at_s=9)
    late_s = 3 - overlap_s
    _write_flash(
        parts[1], "mpegts", "libx264", audio, flash_at_s=2, late_s=late_s, sound=(44_100, "stereo")
    )
    source = _join(parts, tmp_path / "joined.mpegts")

    bench.make(source, "mp4", duration_s=6)

    assert _flash_s(bench.target) == pytest.approx(late_s + 2, abs=0.1)
    assert _beep_s(bench.target) == pytest.approx(_flash_s(bench.target), abs=IN_STEP_S)
    assert _heard_s(bench.target) == pytest.approx(late_s + 3, abs=0.1)


@pytest.mark.parametrize(
    ("muxer", "video", "audio"),
    [
        pytest.param("mpegts", "libx264", "aac", id="copied"),
        pytest.param("mpegts", "mpeg2video", "mp2", id="anew"),
        pytest.param("vob", "mpeg2video", "mp2", id="program-stream"),
    ],
)
@pytest.mark.parametrize(
    "begins_s", [[0, 0], [1000, 0], [50_000, 0], [0, 50_000], [7, 3]], ids=lambda at: str(at[0])
)
def test_joined_streams_with_clocks_of_their_own_are_whole(
    tmp_path: Path, bench: Workbench, muxer: str, video: str, audio: str, begins_s: list[int]
) -> None:
    parts = [tmp_path / f"first.{muxer}", tmp_path / f"second.{muxer}"]
    for part, late_s, flash_at_s in zip(parts, begins_s, (9, 2), strict=True):
        _write_flash(part, muxer, video, audio, flash_at_s=flash_at_s, late_s=late_s)
    source = _join(parts, tmp_path / f"joined.{muxer}")

    bench.make(source, "mp4", duration_s=6)

    assert _flash_s(bench.target) == pytest.approx(5, abs=0.1)
    assert _beep_s(bench.target) == pytest.approx(_flash_s(bench.target), abs=IN_STEP_S)
    assert len(times_of(bench.target)) == 6 * RATE
    assert probe(bench.target, "mp4", bench.limits).duration_s == pytest.approx(6, abs=0.2)


def _join(parts: list[Path], path: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def _heard_s(path: Path) -> float:
    with av.open(str(path)) as media:
        return sum(frame.samples / frame.sample_rate for frame in media.decode(audio=0))


def test_gap_in_the_sound_stays_silent(tmp_path: Path, bench: Workbench) -> None:
    source = tmp_path / "gap.matroska"
    _write_flash(source, "matroska", "mpeg4", "flac", flash_at_s=2, gap_s=(0.5, 1.5))

    bench.make(source, duration_s=3)

    assert _beep_s(bench.target) == pytest.approx(_flash_s(bench.target), abs=IN_STEP_S)


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
    late_s: float = 0,
    gap_s: tuple[float, float] = (0, 0),
    sound: tuple[int, str] = (48_000, "mono"),
) -> None:
    """Write three seconds, black and silent, except for a flash with a beep."""
    late = round(late_s * RATE)
    with av.open(str(path), "w", format=muxer) as out:
        picture = out.add_stream(video, rate=RATE)
        (picture.width, picture.height), picture.pix_fmt = SIZE, "yuv420p"
        rate, layout = sound
        heard = out.add_stream(audio, rate=rate)
        heard.layout = layout
        fit = AudioResampler(heard.codec_context.format, layout, rate)
        for number in range(3 * RATE):
            time_s = number / RATE
            out.mux(picture.encode(flash(number + late, is_white=time_s >= flash_at_s)))
            if not gap_s[0] <= time_s < gap_s[1]:
                for frame in fit.resample(beep(number + late, is_loud=time_s >= flash_at_s)):
                    out.mux(heard.encode(frame))
        out.mux(picture.encode(None))
        out.mux(heard.encode(None))
