"""Output of the filters stays as it was, whatever the source turns into."""

from fractions import Fraction

import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image

from storage.conversion.filters import PictureFilter, SoundFilter


def picture(size: tuple[int, int], colour: str, number: int) -> VideoFrame:
    frame = VideoFrame.from_image(Image.new("RGB", size, colour))
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def sound(layout: str, rate: int, pts: int) -> AudioFrame:
    frame = AudioFrame("s16", layout, rate // 10)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.pts, frame.time_base = rate, pts, Fraction(1, rate)
    return frame


def test_picture_that_changes_its_size_keeps_the_first_one() -> None:
    first = picture((160, 90), "red", 0)
    shown = PictureFilter(first, None, 1)

    frames = [first, picture((320, 180), "blue", 1), picture((80, 44), "red", 2)]
    made = [out for frame in frames for out in shown(frame)]

    assert {(frame.width, frame.height, frame.format.name) for frame in made} == {
        (160, 90, "yuv420p")
    }
    assert [frame.pts for frame in made] == [0, 1, 2]
    red, green, blue = made[1].to_image().getpixel((80, 45))
    assert blue > 200 > 60 > max(red, green)


def test_full_range_becomes_what_players_expect() -> None:
    frame = picture((16, 16), "white", 0).reformat(format="yuvj420p")
    frame.color_range, frame.time_base = 2, Fraction(1, 25)
    assert bytes(frame.planes[0])[0] == 255

    (made,) = PictureFilter(frame, None, 1)(frame)

    assert bytes(made.planes[0])[0] == 235
    assert made.color_range == 1


def test_sound_that_changes_its_layout_goes_on() -> None:
    steady = SoundFilter("fltp", "stereo", 48_000)

    made = [
        *steady(sound("5.1", 44_100, 0)),
        *steady(sound("5.1", 44_100, 4410)),
        *steady(sound("mono", 48_000, 9600)),
        *steady.flush(),
    ]

    assert {(frame.layout.name, frame.sample_rate) for frame in made} == {("stereo", 48_000)}
    assert sum(frame.samples for frame in made) == pytest.approx(0.3 * 48_000, abs=100)
    assert made[-1].pts + made[-1].samples == pytest.approx(0.3 * 48_000, abs=100)


def test_sound_that_begins_late_is_silent_before() -> None:
    steady = SoundFilter("s16", "mono", 48_000)

    made = [*steady(sound("mono", 48_000, 24_000)), *steady.flush()]

    assert made[0].pts == 0
    assert sum(frame.samples for frame in made) == pytest.approx(0.6 * 48_000, abs=100)
