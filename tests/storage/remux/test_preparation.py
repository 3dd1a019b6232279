from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from pathlib import Path

import av
import pytest

from storage.containers.box_lengths import is_fragmented, moov_is_last
from storage.errors import FileMissing
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from storage.mp4.boxes import Node
from storage.remux.packet_copy import verify
from storage.remux.preparation import prepare
from tests.storage.mp4.editing import cut, edit_index, media_start, put, set_edits, traks

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

    prepare(source, target, container)

    assert probe(target, container, limits) == probe(source, container, limits)
    assert _pictures(target, container) == _pictures(source, container)
    with target.open("rb") as file:
        assert not moov_is_last(file)
        assert not is_fragmented(file)


def test_webm_knows_its_length_and_index_before_its_pictures(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    target = tmp_path / "target"

    prepare(make_clip(**WEBM, muxer_options={"live": "1"}), target, "webm")

    content = target.read_bytes()
    cues, cluster = content.index(b"\x1c\x53\xbb\x6b", 300), content.index(b"\x1f\x43\xb6\x75")
    assert cues < cluster
    with av.open(str(target)) as media:
        assert media.duration == pytest.approx(1_000_000, abs=50_000)


def test_codec_that_the_container_cannot_hold_takes_a_conversion(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    done = prepare(make_clip(muxer="matroska"), tmp_path / "target", "webm")

    assert done.way == "converted"


WAYS = [
    pytest.param({"muxer_options": {"movflags": "+faststart"}}, None, "as-is", id="in-order"),
    pytest.param({}, None, "index-moved", id="index-last"),
    pytest.param({"muxer_options": FRAGMENTED}, None, "rebuilt", id="fragments"),
    pytest.param({"audio_streams": 2}, lambda index: _forget_codec(index), "rebuilt", id="apac"),
    pytest.param({}, lambda index: _empty(traks(index)[1]), "rebuilt", id="no-sound-in-track"),
    pytest.param({}, lambda index: _lie(index, 10), "rebuilt", id="ten-times-as-long"),
    pytest.param({}, lambda index: _lie(index, 0), "rebuilt", id="length-0"),
    pytest.param({}, lambda index: _lie_of_media(index), "rebuilt", id="length-of-media"),
    pytest.param({}, lambda index: _switch_off(index), "index-moved", id="disabled-first"),
    pytest.param({"frames": 50}, lambda index: _cut(index, 0, 1), "rebuilt", id="end-cut-off"),
    pytest.param({"frames": 50}, lambda index: _cut(index, 0.5, 1), "converted", id="cut-between"),
    pytest.param({}, lambda index: _delay(index), "rebuilt", id="clock-begins-late"),
    pytest.param({}, lambda index: _describe_twice(index), "converted", id="two-descriptions"),
    pytest.param({"video_options": {"bf": "2"}}, None, "index-moved", id="reordered-pictures"),
    pytest.param({"frames": 1, "audio": None}, None, "index-moved", id="one-picture"),
]


@pytest.mark.parametrize(("clip", "change", "way"), WAYS)
def test_no_more_is_done_to_an_mp4_than_it_needs(
    make_clip: Callable[..., Path], tmp_path: Path, clip, change, way
) -> None:
    source = make_clip(**{"video_options": {"bf": "0"}, **clip})
    if change:
        source = edit_index(source, tmp_path / "source.mp4", change)

    done = prepare(source, tmp_path / "target", "mp4")

    assert done.way == way, done.reason
    if way in ("index-moved", "rebuilt"):
        verify(tmp_path / "target")


def _forget_codec(index: Node) -> None:
    """The spatial sound of phones, which FFmpeg does not know."""
    stsd = traks(index, b"soun")[1].need(b"mdia", b"minf", b"stbl", b"stsd")
    stsd.content = stsd.content.replace(b"mp4a", b"apac").replace(b"esds", b"dapa")


def _empty(trak: Node) -> None:
    for kind in (b"stts", b"stsc", b"stco"):
        put(trak.need(b"mdia", b"minf", b"stbl", kind), 4, 0)
    put(trak.need(b"mdia", b"minf", b"stbl", b"stsz"), 8, 0)


def _lie(index: Node, times: int) -> None:
    mvhd = index.need(b"mvhd")
    put(mvhd, 16, int.from_bytes(mvhd.content[16:20], "big") * times)


def _lie_of_media(index: Node) -> None:
    put(traks(index)[0].need(b"mdia", b"mdhd"), 16, 1000)


def _switch_off(index: Node) -> None:
    """A picture that is not shown before the one that is."""
    index.children.insert(1, deepcopy(traks(index)[0]))
    put(traks(index)[0].need(b"tkhd"), 12, 9)
    put(traks(index)[0].need(b"tkhd"), 1, 2, 3)


def _cut(index: Node, start_s: float, duration_s: float) -> None:
    for trak in traks(index):
        cut(trak, start_s, duration_s)


def _delay(index: Node) -> None:
    for trak in traks(index):
        set_edits(trak, (5000, -1), (1000, media_start(trak)))


def _describe_twice(index: Node) -> None:
    """As after a change of the camera's parameters."""
    stbl = traks(index)[0].need(b"mdia", b"minf", b"stbl")
    stsd, stsc = stbl.need(b"stsd"), stbl.need(b"stsc")
    other = stsd.content[8:].replace(b"\1\x42", b"\1\x4d")
    stsd.content = stsd.content[:7] + b"\2" + stsd.content[8:] + other
    chunks = int.from_bytes(stbl.need(b"stco").content[4:8], "big")
    assert chunks > 1
    rows = [1, 1, 1, 2, 1, 2]
    counts = len(rows) // 3
    stsc.content = (
        bytes(4) + counts.to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in rows)
    )


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        prepare(tmp_path / "nothing", tmp_path / "target", "mp4")


def _pictures(path: Path, container: str) -> list[tuple[int | None, bytes]]:
    with av.open(str(path), format={"mp4": "mov", "webm": "matroska"}[container]) as media:
        return [(packet.pts, bytes(packet)) for packet in media.demux(video=0) if packet.size]
