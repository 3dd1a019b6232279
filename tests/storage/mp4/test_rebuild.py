"""MP4 files written anew: the same streams, without what nobody should see."""

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from storage.errors import StorageError, Undecodable
from storage.mp4.boxes import Node
from storage.mp4.faststart import move_index_to_front
from storage.mp4.movie import read_movie
from storage.mp4.rebuild import rebuild_mp4
from tests.storage.mp4.editing import cut, edit_index, put, read_moov, set_edits, traks

FRAGMENTS = {
    "base-is-moof": "frag_keyframe+empty_moov+default_base_moof",
    "base-in-header": "frag_keyframe+empty_moov",
    "movie-then-fragments": "frag_keyframe",
    "cmaf": "cmaf+frag_keyframe",
}
TABLES = frozenset(
    {b"stts", b"ctts", b"stss", b"stsz", b"stsc", b"stco", b"co64", b"elst", b"edts"}
)
HEADERS = frozenset({b"mvhd", b"tkhd", b"mdhd"})


def _rebuilt(source: Path, target: Path, numbers: tuple[int, ...] = (1, 2, 3)) -> Path:
    rebuild_mp4(source, target, list(numbers))
    return target


def _packets(path: Path) -> dict[int, list[Any]]:
    with av.open(str(path)) as media:
        found: dict[int, list[Any]] = {stream.index: [] for stream in media.streams}
        for packet in media.demux():
            if packet.size:
                times = (packet.pts, packet.dts, packet.is_keyframe)
                found[packet.stream_index].append((times, bytes(packet)))
    return found


@pytest.mark.parametrize("flags", FRAGMENTS.values(), ids=FRAGMENTS)
def test_fragments_become_one_piece_with_the_same_packets(
    make_clip: Callable[..., Path], tmp_path: Path, flags: str
) -> None:
    source = make_clip(muxer_options={"movflags": flags}, frames=60)

    target = _rebuilt(source, tmp_path / "target.mp4")

    assert _packets(target) == _packets(source)
    with target.open("rb") as file:
        assert not read_movie(file).is_fragmented


@pytest.mark.parametrize("clip", [{}, {"video": "libsvtav1"}, {"audio": "libopus"}], ids=str)
def test_rebuilt_file_is_the_same_streams(
    make_clip: Callable[..., Path], tmp_path: Path, clip: dict[str, Any]
) -> None:
    source = make_clip(**clip, audio_streams=2)

    target = _rebuilt(source, tmp_path / "target.mp4")

    assert _packets(target) == _packets(source)


def test_what_is_not_understood_keeps_its_bytes(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    """Language, name, mirroring, a disabled track, the shape of pixels, boxes of a camera."""

    def mark(index: Node) -> None:
        picture, sound = traks(index)
        put(picture.need(b"tkhd"), 40, 0xFFFF0000)  # mirrored
        put(picture.need(b"tkhd"), 1, 2, 3)  # disabled
        put(sound.need(b"mdia", b"mdhd"), 20, 0x1D32, 2)  # another language
        picture.children.append(Node(b"camr", b"of a camera"))
        index.children.append(Node(b"udta", b"a title"))

    clip = make_clip(sample_ratio=Fraction(4, 3))
    source = edit_index(clip, tmp_path / "source.mp4", mark)

    target = _rebuilt(source, tmp_path / "target.mp4")

    before, after = _leaves(read_moov(source)), _leaves(read_moov(target))
    assert after == before


def _leaves(index: Node) -> list[tuple[bytes, bytes]]:
    found = []
    for node in index.walk():
        if node.kind not in TABLES:
            content = node.content
            if node.kind in HEADERS:
                # Their durations are measured anew, within the rounding of units.
                at = {b"tkhd": 20}.get(node.kind, 16)
                content = content[:at] + content[at + 4 :]
            found.append((node.kind, content))
    return sorted(found)


def test_unwanted_tracks_are_left_out(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    source = make_clip(audio_streams=3)

    target = _rebuilt(source, tmp_path / "target.mp4", (1, 3))

    before, after = _packets(source), _packets(target)
    assert list(after.values()) == [before[0], before[2]]
    assert target.stat().st_size < source.stat().st_size


@pytest.mark.parametrize("start", [1000, 3])
def test_clock_that_begins_late_begins_at_0(
    make_clip: Callable[..., Path], tmp_path: Path, start: int
) -> None:
    source = make_clip(muxer_options={"movflags": FRAGMENTS["base-is-moof"]})
    content, units = bytearray(source.read_bytes()), {1: 12_800, 2: 48_000}
    at = content.find(b"tfhd")
    while at >= 0:
        number = int.from_bytes(content[at + 8 : at + 12], "big")
        tfdt = content.find(b"tfdt", at) + 8
        time = int.from_bytes(content[tfdt : tfdt + 8], "big") + start * units[number]
        content[tfdt : tfdt + 8] = time.to_bytes(8, "big")
        at = content.find(b"tfhd", at + 4)
    (tmp_path / "late.mp4").write_bytes(content)

    target = _rebuilt(tmp_path / "late.mp4", tmp_path / "target.mp4")

    assert _packets(target) == _packets(_rebuilt(source, tmp_path / "other.mp4"))
    with av.open(str(target)) as media:
        assert abs(media.start_time or 0) < 50_000


def test_sound_that_starts_late_starts_late(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    def delay(index: Node) -> None:
        picture, sound = traks(index)
        set_edits(picture, (500, -1), (1000, 0))
        set_edits(sound, (800, -1), (1000, 0))

    source = edit_index(make_clip(video_options={"bf": "0"}), tmp_path / "source.mp4", delay)

    with _rebuilt(source, tmp_path / "target.mp4").open("rb") as file:
        starts = [track.span_s()[0] for track in read_movie(file).tracks]

    assert starts == [0, pytest.approx(Fraction(3, 10))]


class TestCutting:
    """Samples outside of the edit list are not in the file."""

    @pytest.mark.parametrize(
        ("start_s", "duration_s", "pictures"),
        [
            pytest.param(0, 1, range(25), id="end"),
            pytest.param(0.8, 10, range(20, 50), id="beginning-at-a-keyframe"),
            pytest.param(0.4, 0.8, range(10, 30), id="both"),
            pytest.param(0.82, 0.2, range(20, 26), id="beginning-within-a-keyframe"),
            pytest.param(0.8, 0.01, range(20, 21), id="one-picture"),
        ],
    )
    def test_only_shown_packets_are_left(
        self,
        make_clip: Callable[..., Path],
        tmp_path: Path,
        start_s: float,
        duration_s: float,
        pictures: range,
    ) -> None:
        clip = make_clip(frames=50, video_options={"bf": "0"})
        whole = _packets(clip)

        def trim(index: Node) -> None:
            for trak in traks(index):
                cut(trak, start_s, duration_s)

        source = edit_index(clip, tmp_path / "source.mp4", trim)

        target = _rebuilt(source, tmp_path / "target.mp4")

        found = [content for _, content in _packets(target)[0]]
        assert found == [whole[0][number][1] for number in pictures]
        content = target.read_bytes()
        hidden = {packet for _, packet in whole[0]} - set(found)
        assert not [packet for packet in hidden if packet in content]
        with av.open(str(target)) as media:
            assert media.duration == pytest.approx(min(duration_s, 2 - start_s) * 1e6, abs=1_000)

    def test_sound_is_cut_at_packets(self, make_clip: Callable[..., Path], tmp_path: Path) -> None:
        clip = make_clip(frames=50, audio="libopus", video_options={"bf": "0"})

        def trim(index: Node) -> None:
            for trak in traks(index):
                cut(trak, 0.4, 1)

        source = edit_index(clip, tmp_path / "source.mp4", trim)

        target = _rebuilt(source, tmp_path / "target.mp4")

        with target.open("rb") as file:
            _, sound = read_movie(file).tracks
        assert len(sound.samples) in (50, 51)  # of 20 ms
        assert [float(time_s) for time_s in sound.span_s()] == pytest.approx([0, 1], abs=0.001)

    def test_pictures_that_are_shown_before_their_keyframe_are_left_out(
        self, make_clip: Callable[..., Path], tmp_path: Path
    ) -> None:
        """Open groups of pictures: what follows the keyframe in the file may precede it."""
        options = {"x265-params": "log-level=none:keyint=10:min-keyint=10:open-gop=1:bframes=3"}
        clip = make_clip(video="libx265", frames=50, audio=None, video_options=options)

        def trim(index: Node) -> None:
            cut(traks(index)[0], 0.8, 10)

        source = edit_index(clip, tmp_path / "source.mp4", trim)

        target = _rebuilt(source, tmp_path / "target.mp4")

        with av.open(str(target)) as media:
            times = [frame.time for frame in media.decode(video=0)]
        assert times == pytest.approx([number / 25 for number in range(30)], abs=0.001)

    @pytest.mark.parametrize(
        ("edits", "problem"),
        [
            pytest.param([(500, 4 * 512)], "between keyframes", id="not-at-a-keyframe"),
            pytest.param([(200, 0), (200, 25 * 512)], "several parts", id="several-cuts"),
            pytest.param([(500, -1)], "several parts", id="nothing-is-shown"),
            pytest.param([(500, 10**6)], "nothing is shown", id="behind-the-end"),
        ],
    )
    def test_what_only_a_conversion_shows_is_refused(
        self,
        make_clip: Callable[..., Path],
        tmp_path: Path,
        edits: list[tuple[int, int]],
        problem: str,
    ) -> None:
        def trim(index: Node) -> None:
            set_edits(traks(index)[0], *edits)

        clip = make_clip(frames=50, video_options={"bf": "0"})
        source = edit_index(clip, tmp_path / "source.mp4", trim)

        with pytest.raises(Undecodable, match=problem):
            _rebuilt(source, tmp_path / "target.mp4")

    def test_end_within_reordered_pictures_is_refused(
        self, make_clip: Callable[..., Path], tmp_path: Path
    ) -> None:
        """The picture that is shown last of four was coded first."""
        options = {"preset": "medium", "bf": "3", "b_strategy": "0", "g": "50"}
        clip = make_clip(frames=50, video_options=options)

        def trim(index: Node) -> None:
            cut(traks(index, b"vide")[0], 0, 0.28)

        source = edit_index(clip, tmp_path / "source.mp4", trim)

        with pytest.raises(Undecodable, match="others need"):
            _rebuilt(source, tmp_path / "target.mp4")

    def test_parts_that_go_on_where_the_one_before_ended_are_one(
        self, make_clip: Callable[..., Path], tmp_path: Path
    ) -> None:
        def trim(index: Node) -> None:
            set_edits(traks(index)[0], (400, 0), (1600, 10 * 512))

        clip = make_clip(frames=50, audio=None, video_options={"bf": "0"})
        source = edit_index(clip, tmp_path / "source.mp4", trim)

        target = _rebuilt(source, tmp_path / "target.mp4")

        assert _packets(target) == _packets(clip)


@pytest.mark.parametrize("movflags", ["", FRAGMENTS["base-is-moof"]], ids=["tables", "fragments"])
def test_damaged_indexes_end_in_errors_of_storage(
    make_clip: Callable[..., Path], tmp_path: Path, movflags: str
) -> None:
    clip = make_clip(muxer_options={"movflags": movflags} if movflags else {})
    content, chance = clip.read_bytes(), random.Random(14)
    start = content.find(b"moov")
    stop = len(content) if not movflags else content.find(b"mdat")
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(start, stop)] = chance.choice((0, 1, 0x7F, 0xFF, 0x80))
        (tmp_path / "damaged.mp4").write_bytes(damaged)
        for work in (move_index_to_front, _rebuilt):
            try:
                work(tmp_path / "damaged.mp4", tmp_path / "target.mp4")
            except StorageError:
                continue
