"""Sound alone becomes a film: a poster for as long as the sound lasts."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from storage.errors import NoVideo, RefusedFormat, Truncated
from storage.examination import examine
from storage.formats import Container
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from tests.storage.films.transcoding import Workbench, packets_of, times_of

KINDS: dict[str, dict[str, Any]] = {
    "mp3": {"muxer": "mp3", "audio": "libmp3lame"},
    "m4a": {"muxer": "ipod", "audio": "aac"},
    "aac": {"muxer": "adts", "audio": "aac"},
    "wav": {"muxer": "wav", "audio": "pcm_s16le"},
    "flac": {"muxer": "flac", "audio": "flac"},
    "ogg": {"muxer": "ogg", "audio": "libopus"},
    "mp4": {"muxer": "mp4", "audio": "aac"},
}
SECONDS = 3.4
REFUSED = "{} files are not accepted here."
SOUND_ALONE = "The {} file has no video in it, only sound or other content."


@pytest.fixture
def make_sound(make_clip: Callable[..., Path]) -> Callable[[str], Path]:
    return lambda kind: make_clip(video=None, frames=85, **KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_sound_becomes_a_film(
    make_sound: Callable[[str], Path], bench: Workbench, kind: str
) -> None:
    source = make_sound(kind)
    before = examine(source, bench.limits, ["mp4", "audio"])

    assert bench.make(source, duration_s=SECONDS) == "mp4"

    found = probe(bench.target, "mp4", bench.limits)
    assert before.source == kind
    assert found.is_playable_in_browsers
    assert (found.width, found.height) == (before.probe.width, before.probe.height) == (1280, 720)
    assert found.duration_s == pytest.approx(SECONDS, abs=0.15)
    assert before.probe.duration_s == pytest.approx(SECONDS, abs=0.15)
    assert times_of(bench.target) == [0, 1, 2, 3]


def test_what_plays_is_copied(make_sound: Callable[[str], Path], bench: Workbench) -> None:
    bench.make(make_sound("mp3"), duration_s=SECONDS)

    assert packets_of(bench.target, "audio") == packets_of(make_sound("mp3"), "audio")


def test_film_of_sound_has_a_keyframe_a_minute(
    make_clip: Callable[..., Path], bench: Workbench
) -> None:
    source = make_clip(video=None, frames=25 * 130, **KINDS["wav"])
    targets: tuple[Container, ...] = ("mp4", "webm")

    for target in targets:
        bench.make(source, target, duration_s=130)

        with av.open(str(bench.target)) as media:
            packets = [packet for packet in media.demux(video=0) if packet.size]
        assert len(packets) == 130
        keys = [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]
        assert keys == pytest.approx([0, 60, 120], abs=0.01)
        assert bench.target.stat().st_size < 2_000_000


def test_cover_is_the_poster(tmp_path: Path, bench: Workbench) -> None:
    bench.make(_write_with_cover(tmp_path / "a.mp4"), duration_s=1)

    with av.open(str(bench.target)) as media:
        shown = next(media.decode(video=0)).to_image()
    assert shown.size == (300, 200)
    red, green, blue = shown.getpixel((150, 100))
    assert green > 120 > 60 > max(red, blue)


def _write_with_cover(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as out:
        sound = out.add_stream("aac", rate=48_000)
        sound.layout = "mono"
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 300, 200, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_image(Image.new("RGB", (300, 200), (20, 180, 20)))
        picture.pts, picture.time_base = 0, Fraction(1)
        out.mux(cover.encode(picture))
        out.mux(cover.encode(None))
        for number in range(47):
            frame = av.AudioFrame("fltp", "mono", 1024)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate, frame.pts = 48_000, number * 1024
            frame.time_base = Fraction(1, 48_000)
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("kind", "allowed", "sentence"),
    [
        pytest.param("mp3", ["mp4"], REFUSED.format("MP3"), id="not-asked-for"),
        pytest.param("mp4", ["mp4"], SOUND_ALONE.format("MP4"), id="mp4-with-sound-alone"),
        pytest.param("m4a", ["mp4"], SOUND_ALONE.format("M4A"), id="m4a"),
        pytest.param("mp4", ["audio"], REFUSED.format("MP4"), id="container-not-asked-for"),
        pytest.param("ogg", ["ogv"], SOUND_ALONE.format("Ogg"), id="ogg-with-sound-alone"),
    ],
)
def test_sound_is_refused_where_it_is_not_asked_for(
    make_sound: Callable[[str], Path],
    limits: MediaLimits,
    kind: str,
    allowed: list[str],
    sentence: str,
) -> None:
    with pytest.raises(RefusedFormat if "accepted" in sentence else NoVideo) as refused:
        examine(make_sound(kind), limits, allowed)

    assert refused.value.sentence == sentence


def test_pictures_are_refused_where_sound_alone_is_asked_for(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path
) -> None:
    brand, content = tmp_path / "a", make_clip().read_bytes()
    brand.write_bytes(content[:8] + b"M4A " + content[12:])

    assert examine(brand, limits, ["mp4", "audio"]).source == "m4a"
    with pytest.raises(RefusedFormat) as refused:
        examine(brand, limits, ["audio"])
    assert refused.value.sentence == "M4A files are not accepted here."


def test_cut_flac_is_truncated(make_clip: Callable[..., Path], limits: MediaLimits) -> None:
    source = make_clip(video=None, frames=200, **KINDS["flac"])
    content = source.read_bytes()
    cut = source.with_name("cut.flac")
    cut.write_bytes(content[:-600])  # silence takes some 15 bytes for a tenth of a second

    with pytest.raises(Truncated):
        examine(cut, limits, ["audio"])
