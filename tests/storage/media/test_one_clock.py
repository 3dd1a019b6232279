"""Packets whose clock jumps; the streams of `test_transcode_times.py` are real ones."""

from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from storage.media import one_clock

UNIT_S = Fraction(1, 10)
PICTURE, SOUND = 0, 1


def followed(*times: tuple[int, float] | float, muxer: str = "mpegts") -> list[float]:
    """The times of packets of a tenth of a second; (stream, time) or the time of a picture."""
    given = [time if isinstance(time, tuple) else (PICTURE, time) for time in times]
    media: Any = SimpleNamespace(
        format=SimpleNamespace(name=muxer), demux=lambda streams: packets(given)
    )
    timed = one_clock.demux(media, [])
    return [float(packet.dts * UNIT_S) for packet in timed if packet.dts is not None]


def packets(given: list[tuple[int, float]]) -> Iterator[SimpleNamespace]:
    """At last the empty packet that ends each stream."""
    for stream, time_s in given:
        yield packet(stream, round(time_s / UNIT_S))
    for stream in {stream for stream, _ in given}:
        yield packet(stream, None)


def packet(stream: int, time: int | None) -> SimpleNamespace:
    return SimpleNamespace(stream_index=stream, time_base=UNIT_S, duration=1, dts=time, pts=time)


def test_one_clock_is_left_alone() -> None:
    times = [3, 3.1, 3.2, 12.5, 3000, 3000.1]

    assert followed(*times) == times


def test_a_clock_that_falls_back_follows_the_one_before() -> None:
    assert followed(50, 50.1, 7, 7.1, 7.2) == pytest.approx([50, 50.1, 50.2, 50.3, 50.4])


def test_a_clock_that_counts_to_its_end_falls_back_too() -> None:
    assert followed(50_000, 50_000.1, 95_444, 95_444.1) == pytest.approx(
        [50_000, 50_000.1, 50_000.2, 50_000.3]
    )


def test_all_streams_are_moved_alike_though_one_is_behind() -> None:
    first = [(PICTURE, 50), (SOUND, 50), (PICTURE, 50.1)]
    second = [(PICTURE, 7.0), (SOUND, 50.1), (SOUND, 7.05), (PICTURE, 7.1), (SOUND, 7.15)]

    told = followed(*first, *second)

    assert told == pytest.approx([50, 50, 50.1, 50.1, 50.2, 50.3, 50.25, 50.35], abs=0.051)


@pytest.mark.parametrize("wrong_s", [0, 9, 1500, 4711, 90_000])
def test_one_wrong_time_is_mended_and_moves_nothing_behind_it(wrong_s: float) -> None:
    told = followed(1000, 1000.1, wrong_s, 1000.3, (SOUND, 1000.3))

    assert told == pytest.approx([1000, 1000.1, 1000.2, 1000.3, 1000.3])


def test_a_wrong_time_at_the_end_is_mended() -> None:
    assert followed(1000, 1000.1, 4) == pytest.approx([1000, 1000.1, 1000.2])


def test_many_wrong_times_cost_as_much_as_right_ones() -> None:
    told = followed(*(10_000 * (number % 77) for number in range(5000)))

    assert told == sorted(told)


def test_times_of_two_clocks_in_one_packet_are_those_of_its_decoding() -> None:
    given = list(packets([(PICTURE, 5.0), (PICTURE, 5.1)]))
    given[0].pts += 2
    given[1].pts += 900_000
    media: Any = SimpleNamespace(
        format=SimpleNamespace(name="mpeg"), demux=lambda streams: iter(given)
    )

    assert [packet.pts for packet in one_clock.demux(media, [])] == [52, 53, None]


def test_other_containers_have_one_clock() -> None:
    assert followed(50, 7, muxer="matroska") == [50, 7]
