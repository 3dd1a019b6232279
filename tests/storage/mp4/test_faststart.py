"""An MP4 whose index is moved to the front, and what has to be written anew instead."""

from array import array
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from storage.errors import FileMissing, Undecodable
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from storage.mp4 import boxes, chunk_positions, copying, faststart
from storage.mp4.boxes import Node, build_box, leading_kind, read_index, read_top_level
from storage.mp4.chunk_positions import read_positions, write_positions
from storage.mp4.faststart import move_index_to_front
from tests.storage.mp4.layouts import Layout, parts_of, samples_of, write_layout


def _moved(source: Path, target: Path) -> bytes:
    move_index_to_front(source, target)
    with target.open("rb") as file:
        assert leading_kind(read_top_level(file, target.stat().st_size)) == b"moov"
    return target.read_bytes()


LAYOUTS = [
    pytest.param(Layout(["ftyp", "mdat", "moov"]), id="index-last"),
    pytest.param(Layout(["ftyp", "free", "mdat", "moov"]), id="free-before-data"),
    pytest.param(Layout(["ftyp", "mdat", "free", "moov", "free"]), id="free-on-both-sides"),
    pytest.param(Layout(["free", "ftyp", "mdat", "moov"]), id="box-before-ftyp"),
    pytest.param(Layout(["mdat", "moov"]), id="no-ftyp"),
    pytest.param(Layout(["ftyp", "mdat64", "moov"]), id="64-bit-size"),
    pytest.param(Layout(["ftyp", "half", "moov", "half"]), id="index-between-two-halves"),
    pytest.param(Layout(["ftyp", "half", "half", "moov0"]), id="index-to-the-end-of-file"),
    pytest.param(Layout(["ftyp", "half", "moov", "half0"]), id="data-to-the-end-of-file"),
    pytest.param(Layout(["ftyp", "mdat", "moov", "uuid"]), id="box-of-a-camera-behind"),
    pytest.param(Layout(["ftyp", "mdat", "moov", "junk"]), id="bytes-behind-the-last-box"),
    pytest.param(Layout(["ftyp", "mdat", "moov"], wide_positions=True), id="co64"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_moves_the_index_and_nothing_else(
    make_clip: Callable[..., Path], tmp_path: Path, layout: Layout
) -> None:
    source = write_layout(make_clip(), layout, tmp_path / "source.mp4")

    content = _moved(source, tmp_path / "target.mp4")

    before, after = parts_of(source.read_bytes()), parts_of(content)
    assert sorted(part for part in after if part[4:8] != b"moov") == sorted(
        part for part in before if part[4:8] != b"moov"
    )
    assert len(content) == sum(map(len, before))
    assert samples_of(tmp_path / "target.mp4") == samples_of(source)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_index_differs_only_in_positions(
    make_clip: Callable[..., Path], tmp_path: Path, layout: Layout
) -> None:
    source = write_layout(make_clip(audio_streams=2), layout, tmp_path / "source.mp4")

    _moved(source, tmp_path / "target.mp4")

    before, after = _index(source), _index(tmp_path / "target.mp4")
    pairs = list(zip(before.walk(), after.walk(), strict=True))
    assert all(
        (one.kind, one.content) == (other.kind, other.content)
        for one, other in pairs
        if one.kind not in (b"stco", b"co64")
    )


def test_ffmpeg_reads_the_same_streams(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path
) -> None:
    source = make_clip(counterclockwise_deg=90, audio_streams=2)

    _moved(source, tmp_path / "target.mp4")

    assert probe(tmp_path / "target.mp4", "mp4", limits) == probe(source, "mp4", limits)
    with av.open(str(source)) as one, av.open(str(tmp_path / "target.mp4")) as other:
        packets = [[(p.pts, p.dts, bytes(p)) for p in media.demux()] for media in (one, other)]
    assert packets[0] == packets[1]


def test_wider_positions_move_the_data_once_more(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a file of 4 GiB, whose last positions the index pushes past 32 bits."""
    source, target = make_clip(), tmp_path / "target.mp4"
    last = max(max(read_positions(table)) for table in _tables(source))
    monkeypatch.setattr(chunk_positions, "_LARGEST_32_BIT", last)

    move_index_to_front(source, target)

    assert b"co64" in {table.kind for table in _tables(target)}
    assert target.stat().st_size > source.stat().st_size
    assert samples_of(target) == samples_of(source)


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        pytest.param(Layout(["ftyp", "mdat", "moov", "moov"]), "2 moov", id="two-indexes"),
        pytest.param(Layout(["ftyp", "mdat"]), "0 moov", id="no-index"),
        pytest.param(
            Layout(["ftyp", "mdat", "moov"], in_index=build_box(b"cmov", b"zlib")),
            "cmov",
            id="compressed-index",
        ),
        pytest.param(
            Layout(
                ["ftyp", "mdat", "moov"],
                in_index=build_box(b"meta", bytes(4), build_box(b"iloc", bytes(8))),
            ),
            "items",
            id="items-at-positions",
        ),
        pytest.param(Layout(["ftyp", "mdat", "moov", "moof"]), "moof", id="fragments"),
        pytest.param(Layout(["ftyp", "mdat", "moov"], cut_positions=True), "shorter", id="lie"),
    ],
)
def test_what_has_to_be_written_anew_is_refused(
    make_clip: Callable[..., Path], tmp_path: Path, layout: Layout, problem: str
) -> None:
    source = write_layout(make_clip(), layout, tmp_path / "source.mp4")

    with pytest.raises(Undecodable, match=problem):
        move_index_to_front(source, tmp_path / "target.mp4")


def test_positions_that_lead_elsewhere_are_refused(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = faststart._moved
    monkeypatch.setattr(
        faststart, "_moved", lambda old, by: array("Q", [at + 1 for at in move(old, by)])
    )

    with pytest.raises(Undecodable, match="other media data"):
        move_index_to_front(make_clip(), tmp_path / "target.mp4")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        move_index_to_front(tmp_path / "nothing", tmp_path / "target.mp4")


def test_copies_where_the_kernel_does_not(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_kernel = _moved(make_clip(), tmp_path / "one.mp4")

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError

    monkeypatch.setattr("os.copy_file_range", refuse)
    monkeypatch.setattr(copying, "_PIECE_BYTES", 1000)

    assert _moved(make_clip(), tmp_path / "other.mp4") == in_kernel


def test_an_index_that_is_too_large_is_refused(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "MAX_INDEX_BYTES", 100)

    with pytest.raises(Exception, match="moov"):
        move_index_to_front(make_clip(), tmp_path / "target.mp4")


@pytest.mark.parametrize(
    ("positions", "kind"),
    [
        pytest.param([], b"stco", id="none"),
        pytest.param([2**32 - 1], b"stco", id="largest-of-32-bits"),
        pytest.param([1, 2**32], b"co64", id="one-too-large"),
    ],
)
def test_positions_are_as_wide_as_needed(positions: list[int], kind: bytes) -> None:
    node = Node(b"stco", bytes(8))

    write_positions(node, array("Q", positions))

    assert node.kind == kind
    assert list(read_positions(node)) == positions


def _tables(path: Path) -> list[Node]:
    return [node for node in _index(path).walk() if node.kind in (b"stco", b"co64")]


def _index(path: Path) -> Node:
    with path.open("rb") as file:
        top = read_top_level(file, path.stat().st_size)
        return read_index(file, next(box for box in top if box.kind == b"moov"))
