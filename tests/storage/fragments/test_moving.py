import io
from dataclasses import replace

import pytest

from storage.errors import MismatchedPieces, Undecodable
from storage.fragments.moving import delay_track, move_fragment, moved_size
from storage.mp4.boxes import Node, build_box, read_index, read_top_level
from storage.mp4.edits import Edit, read_edits
from tests.storage.fragments.built_pieces import KEYFRAME, Initialization, Part, Sample, words


def index_of(part: Part) -> tuple[Node, int]:
    content = part.build()
    file = io.BytesIO(content)
    moof = next(box for box in read_top_level(file, len(content)) if box.kind == b"moof")
    return read_index(file, moof), moof.stop - moof.start


def moved(part: Part, sequence: int, shift: int, delay: int = 0) -> Node:
    moof, size = index_of(part)
    growth = moved_size(moof, is_delayed=delay > 0) - size
    content = move_fragment(moof, sequence, shift, delay, growth)
    assert len(content) == size + growth
    return read_index(io.BytesIO(content), read_top_level(io.BytesIO(content), len(content))[0])


def offsets(moof: Node) -> list[int]:
    runs = moof.need(b"traf").all(b"trun")
    return [int.from_bytes(run.content[8:12], "big", signed=True) for run in runs]


@pytest.mark.parametrize("time", [0, 5, 2**32 - 1, 2**40])
def test_time_and_number_are_replaced(time: int) -> None:
    moof = moved(Part(decode_time=time), 41, 100)

    assert moof.need(b"mfhd").content == words(0, 41)
    assert moof.need(b"traf", b"tfdt").content == b"\1\0\0\0" + (time + 100).to_bytes(8, "big")


def test_everything_else_keeps_its_bytes() -> None:
    part = Part(after_header=build_box(b"free", b"a note"), in_runs=2)
    before, _ = index_of(part)

    after = moved(part, 7, 0)

    assert after == before


def test_the_data_is_found_behind_a_time_that_has_grown() -> None:
    part = Part([KEYFRAME, Sample(), Sample()], decode_time=3, is_64_bit=False, in_runs=3)
    before, _ = index_of(part)

    assert offsets(moved(part, 1, 2**32)) == [offset + 4 for offset in offsets(before)]


def test_a_run_without_a_position_keeps_its_bytes() -> None:
    part = Part(is_64_bit=False, has_position=False)
    before, _ = index_of(part)

    assert moved(part, 1, 0).need(b"traf", b"trun") == before.need(b"traf", b"trun")


REORDERED = [KEYFRAME, Sample(delay=200), Sample(delay=-100), Sample(delay=-200)]


@pytest.mark.parametrize("in_runs", [1, 2, 4])
def test_samples_are_delayed_and_nothing_else(in_runs: int) -> None:
    expected = [Sample(one.duration, one.content, one.delay + 200) for one in REORDERED]
    expected[0] = replace(expected[0], is_sync=True)

    later = moved(Part(REORDERED, in_runs=in_runs), 7, 0, delay=200)

    assert later == index_of(Part(expected, in_runs=in_runs))[0]


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        pytest.param(0x001, [64], id="no fields"),
        pytest.param(0x005, [64, 0x2000000], id="flags of the first"),
        pytest.param(0x301, [64, 100, 9, 100, 7], id="durations and sizes"),
        pytest.param(0x000, [], id="no position"),
    ],
)
def test_samples_without_offsets_get_them(flags: int, fields: list[int]) -> None:
    run = build_box(b"trun", words(flags, 2, *fields))
    part = Part([], is_64_bit=True, after_header=run)
    before = index_of(part)[0].need(b"traf", b"trun").content

    after = moved(part, 7, 0, delay=5).need(b"traf", b"trun").content

    assert len(after) == len(before) + 8
    assert after[:4] == words(flags | 0x800)
    assert after[-4:] == words(5)


def test_the_delay_is_taken_back_by_an_edit_list() -> None:
    content = Initialization().build()
    moov = read_index(io.BytesIO(content), read_top_level(io.BytesIO(content), len(content))[1])

    delay_track(moov, 2048)

    assert read_edits(moov.need(b"trak"), 500) == [Edit(None, 2048)]
    with pytest.raises(Undecodable):
        delay_track(moov, 2048)


def test_a_time_before_zero_is_refused() -> None:
    assert moved(Part(decode_time=50), 1, -50).need(b"traf", b"tfdt").content[4:] == bytes(8)

    with pytest.raises(MismatchedPieces):
        moved(Part(decode_time=50), 1, -51)


def test_positions_in_the_file_are_refused() -> None:
    with pytest.raises(Undecodable):
        moved(Part(has_base=True), 1, 0)
