import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.audio.resampler import AudioResampler
from PIL import Image

from storage.disk import Disk
from storage.formats import Container
from storage.media.facts import MediaLimits
from storage.paths import StoragePaths
from storage.upkeep.inventory import remove_unfinished
from tests.storage.films.transcoding import Workbench

RATE = 25


@dataclass(frozen=True)
class Clip:
    """A small video to be encoded: left half red, right half blue, brighter from frame to frame."""

    muxer: str = "mp4"
    video: str | None = "libx264"
    audio: str | None = "aac"
    frames: int = 25
    size: tuple[int, int] = (160, 90)
    muxer_options: dict[str, str] = field(default_factory=dict)
    video_options: dict[str, str] = field(default_factory=dict)
    counterclockwise_deg: int = 0
    sample_ratio: Fraction | None = None
    pixel_format: str = "yuv420p"
    audio_streams: int = 1
    silent_until: int = 0
    """Frames before this one are black."""


QUICK = {
    "libx264": {"preset": "ultrafast", "g": "10"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libsvtav1": {"preset": "12"},
}


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    directory = tmp_path_factory.mktemp("clips")
    made: dict[str, Path] = {}

    def make(**wanted: object) -> Path:
        clip = Clip(**wanted)  # type: ignore[arg-type]
        if repr(clip) not in made:
            made[repr(clip)] = directory / f"{len(made)}.{clip.muxer}"
            _write(clip, made[repr(clip)])
        return made[repr(clip)]

    return make


@pytest.fixture
def limits() -> MediaLimits:
    return MediaLimits(max_pixels=50_000_000, max_duration_s=86_400, max_streams=16)


@pytest.fixture
def bench(tmp_path: Path, limits: MediaLimits) -> Workbench:
    return Workbench(tmp_path / "made", limits)


@pytest.fixture
def paths(tmp_path: Path) -> StoragePaths:
    paths = StoragePaths(tmp_path / "storage")
    paths.prepare()
    return paths


@pytest.fixture(autouse=True)
def as_strict_as_nfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flock` of a file is refused where Linux's NFS client refuses it (`nfs_flock`)."""
    lock = fcntl.flock

    def lock_strictly(descriptor: int, operation: int) -> None:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        unfit = os.O_RDONLY if operation & fcntl.LOCK_EX else os.O_WRONLY
        if mode == unfit and stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_strictly)


@pytest.fixture
def cleared_before_its_lock(paths: StoragePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process's clean-up runs between the opening of the next file and its lock."""
    lock = fcntl.flock

    def lock_late(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        remove_unfinished(paths)
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)


@pytest.fixture
def disk() -> Iterator[Disk]:
    with ThreadPoolExecutor(2) as pool:
        yield Disk(pool)


@pytest.fixture
def container_of() -> Callable[[Path], Container]:
    return lambda path: "mp4" if path.suffix == ".mp4" else "webm"


def _write(clip: Clip, path: Path) -> None:
    with av.open(str(path), "w", format=clip.muxer, options=clip.muxer_options) as out:
        video = _video_stream(clip, out) if clip.video else None
        sounds = [_audio_stream(clip, out) for _ in range(clip.audio_streams if clip.audio else 0)]
        for number in range(clip.frames):
            if video:
                out.mux(video.encode(_picture(clip, number)))
            for stream, resampler in sounds:
                for fitting in resampler.resample(_sound(number)):
                    out.mux(stream.encode(fitting))
        for stream in [*([video] if video else []), *(stream for stream, _ in sounds)]:
            out.mux(stream.encode(None))


def _video_stream(clip, out):
    options = {**QUICK.get(clip.video, {}), **clip.video_options}
    video = out.add_stream(clip.video, rate=RATE, options=options)
    (video.width, video.height), video.pix_fmt = clip.size, clip.pixel_format
    if clip.sample_ratio:
        video.codec_context.sample_aspect_ratio = clip.sample_ratio
    if clip.counterclockwise_deg:
        video.set_display_rotation(clip.counterclockwise_deg)
    return video


def _audio_stream(clip, out):
    experimental = {"strict": "experimental"} if clip.audio == "vorbis" else {}
    stream = out.add_stream(clip.audio, rate=48_000, options=experimental)
    if clip.audio == "wmav2":
        stream.bit_rate = 64_000
    stream.layout = "stereo" if clip.audio == "vorbis" else "mono"
    return stream, AudioResampler(stream.codec_context.format, stream.layout, 48_000)


def _picture(clip: Clip, number: int) -> av.VideoFrame:
    width, height = clip.size
    bright = 0 if number < clip.silent_until else 100 + number % 100
    image = Image.new("RGB", clip.size, (bright, 0, 0))
    image.paste((0, 0, bright), (width // 2, 0, width, height))
    frame = av.VideoFrame.from_image(image)
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _sound(number: int) -> av.AudioFrame:
    frame = av.AudioFrame("s16", "mono", 48_000 // RATE)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
    frame.pts = number * frame.samples
    return frame
