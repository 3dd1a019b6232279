from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from storage.errors import FileMissing, NoVideo, Undecodable
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from storage.media.remux import remux_faststart
from storage.media.sniff import is_fragmented, moov_is_last

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
WEBM = {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"}


@pytest.mark.parametrize(
    ("clip", "container"),
    [
        pytest.param({}, "mp4", id="moov-last"),
        pytest.param({"muxer_options": FRAGMENTED}, "mp4", id="fragmented"),
        pytest.param({"video": "libsvtav1", "audio": "libopus"}, "mp4", id="av1"),
        pytest.param({"video": "libx265", "audio": None}, "mp4", id="hevc"),
        pytest.param(
            {"counterclockwise_deg": 90, "sample_ratio": Fraction(4, 3)}, "mp4", id="turned"
        ),
        pytest.param(WEBM, "webm", id="webm"),
        pytest.param({**WEBM, "muxer_options": {"live": "1"}}, "webm", id="live-webm"),
    ],
)
def test_remuxed_file_is_the_same_video_in_order(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path, clip, container
) -> None:
    source, target = make_clip(**clip), tmp_path / "target"

    remux_faststart(source, target, container)

    assert probe(target, container, limits) == probe(source, container, limits)
    assert _pictures(target, container) == _pictures(source, container)
    with target.open("rb") as file:
        assert not moov_is_last(file)
        assert not is_fragmented(file)


def test_webm_knows_its_length_and_index_before_its_pictures(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    target = tmp_path / "target"

    remux_faststart(make_clip(**WEBM, muxer_options={"live": "1"}), target, "webm")

    content = target.read_bytes()
    cues, cluster = content.index(b"\x1c\x53\xbb\x6b", 300), content.index(b"\x1f\x43\xb6\x75")
    assert cues < cluster
    with av.open(str(target)) as media:
        assert media.duration == pytest.approx(1_000_000, abs=50_000)


def test_codec_that_the_container_cannot_hold_is_refused(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(Undecodable):
        remux_faststart(make_clip(muxer="matroska"), tmp_path / "target", "webm")


def test_sound_alone_is_no_video(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip(muxer="webm", video=None, audio="libopus")

    with pytest.raises(NoVideo):
        remux_faststart(clip, tmp_path / "target", "webm")


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        remux_faststart(tmp_path / "nothing", tmp_path / "target", "mp4")


def _pictures(path: Path, container: str) -> list[tuple[int | None, bytes]]:
    with av.open(str(path), format={"mp4": "mov", "webm": "matroska"}[container]) as media:
        return [(packet.pts, bytes(packet)) for packet in media.demux(video=0) if packet.size]
