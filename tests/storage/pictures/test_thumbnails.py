import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from storage.errors import NoVideo
from storage.media.demux import open_media
from storage.pictures import thumbnails
from storage.pictures.thumbnails import is_fade, make_thumbnails, score
from tests.storage.films.frames import level_at, plain, write_frames

WEBM = {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"}


@pytest.mark.parametrize(
    ("clip", "container"),
    [
        pytest.param({}, "mp4", id="mp4"),
        pytest.param(WEBM, "webm", id="webm"),
        pytest.param({**WEBM, "muxer_options": {"live": "1"}}, "webm", id="live-webm"),
        pytest.param({"frames": 1}, "mp4", id="one-frame"),
    ],
)
def test_every_size_is_written_as_requested(
    make_clip: Callable[..., Path], tmp_path: Path, clip, container
) -> None:
    sizes = [("small", 80), ("large", 320)]

    pictures = make_thumbnails(make_clip(**clip), container, sizes, 82, tmp_path, ["jpg"])

    assert [(p.name, p.width_px, p.height_px) for p in pictures] == [
        ("small", 80, 45),
        ("large", 320, 180),
    ]
    for picture in pictures:
        content = picture.file.read_bytes()
        assert picture.file == tmp_path / f"{picture.name}.jpg"
        assert picture.size_bytes == len(content)
        assert picture.sha256 == hashlib.sha256(content).hexdigest()
        with Image.open(picture.file) as image:
            assert (image.format, image.size) == ("JPEG", (picture.width_px, picture.height_px))


@pytest.mark.parametrize(
    ("clip", "size", "red_at", "blue_at"),
    [
        pytest.param({}, (80, 45), (20, 22), (60, 22), id="upright"),
        pytest.param({"counterclockwise_deg": -90}, (80, 142), (40, 35), (40, 106), id="clockwise"),
        pytest.param(
            {"counterclockwise_deg": 90}, (80, 142), (40, 106), (40, 35), id="counterclockwise"
        ),
        pytest.param({"counterclockwise_deg": 180}, (80, 45), (60, 22), (20, 22), id="upside-down"),
        pytest.param({"sample_ratio": Fraction(4, 3)}, (80, 34), (20, 17), (60, 17), id="wide"),
    ],
)
def test_picture_is_as_a_player_shows_it(
    make_clip: Callable[..., Path], tmp_path: Path, clip, size, red_at, blue_at
) -> None:
    [picture] = make_thumbnails(make_clip(**clip), "mp4", [("small", 80)], 90, tmp_path, ["jpg"])

    with Image.open(picture.file) as image:
        assert image.size == size
        assert _strongest(image, red_at) == "red"
        assert _strongest(image, blue_at) == "blue"


@pytest.mark.parametrize(
    ("kind", "pillow_name"), [("jpg", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")]
)
@pytest.mark.parametrize("quality", [1, 82, 100])
def test_each_kind_shows_the_same_picture(
    make_clip: Callable[..., Path], tmp_path: Path, kind, pillow_name, quality
) -> None:
    sizes = [("small", 80), ("large", 320)]

    pictures = make_thumbnails(make_clip(), "mp4", sizes, quality, tmp_path, [kind])

    assert [picture.file.name for picture in pictures] == [f"small.{kind}", f"large.{kind}"]
    assert {picture.extension for picture in pictures} == {kind}
    with Image.open(pictures[1].file) as image:
        assert (image.format, image.size) == (pillow_name, (320, 180))
        assert _strongest(image, (80, 90)) == "red"
        assert _strongest(image, (240, 90)) == "blue"


def test_kinds_come_from_one_decoded_frame(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(thumbnails, "open_media", lambda *a: opened.append(a) or open_media(*a))

    pictures = make_thumbnails(
        make_clip(), "mp4", [("small", 80)], 82, tmp_path, ["jpg", "webp", "avif"]
    )

    assert [picture.file.suffix for picture in pictures] == [".jpg", ".webp", ".avif"]
    assert len(opened) == 1


def test_black_opening_is_passed_over(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    path = make_clip(frames=40, silent_until=25, audio=None)

    [picture] = make_thumbnails(path, "mp4", [("small", 80)], 82, tmp_path, ["jpg"])

    with Image.open(picture.file) as image:
        assert _strongest(image, (20, 22)) == "red"


def test_black_opening_before_the_only_keyframe_is_passed_over(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_clip(frames=40, silent_until=10, audio=None, video_options={"g": "100"})

    [picture] = make_thumbnails(path, "mp4", [("small", 80)], 82, tmp_path, ["jpg"])

    with Image.open(picture.file) as image:
        assert _strongest(image, (20, 22)) == "red"


def film_of(tmp_path: Path, *pictures: tuple[int, Image.Image], keyframe_every: int = 25) -> Path:
    """100 s, a picture each second; (second, picture) from which on it is shown."""
    starts = dict(pictures)
    shown, frames = plain(0), []
    for second in range(100):
        shown = starts.get(second, shown)
        frames.append((1000 * second, shown))
    return write_frames(tmp_path / "film.mp4", frames, keyframe_every=keyframe_every)


def poster_of(path: Path, directory: Path) -> Image.Image:
    [picture] = make_thumbnails(path, "mp4", [("small", 160)], 90, directory, ["jpg"])
    with Image.open(picture.file) as image:
        return image.convert("RGB")


def slide(background: int, text: int) -> Image.Image:
    image = plain(background)
    ImageDraw.Draw(image).text((20, 20), "Thermodynamics\n\nLecture 1", (text,) * 3)
    return image


def is_shown(image: Image.Image, expected: Image.Image) -> bool:
    return ImageStat.Stat(ImageChops.difference(image, expected)).mean[0] < 6


@pytest.mark.parametrize("keyframe_every", [1, 5, 100])
@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(plain(0), id="black"),
        pytest.param(plain(255), id="white"),
        pytest.param(plain(128), id="grey"),
    ],
)
def test_first_picture_of_the_first_tenth_that_shows_something_wins(
    tmp_path: Path, opening: Image.Image, keyframe_every: int
) -> None:
    """Sharper ones after it do not count."""
    soft = checkers(45)
    path = film_of(
        tmp_path, (0, opening), (3, soft), (12, checkers(4)), keyframe_every=keyframe_every
    )

    assert is_shown(poster_of(path, tmp_path), soft)


def test_fade_in_is_passed_over_for_a_later_picture_of_the_first_tenth(tmp_path: Path) -> None:
    soft, sharp = checkers(45), checkers(4)
    frames = [(40 * n, Image.blend(plain(0), soft, min(1, n / 100))) for n in range(150)]
    frames += [(40 * n, soft if n < 300 else sharp) for n in range(150, 1600)]
    path = write_frames(tmp_path / "clip.mp4", frames, keyframe_every=25)

    assert is_shown(poster_of(path, tmp_path), soft)


@pytest.mark.parametrize(
    ("background", "text"), [(255, 0), (0, 255)], ids=["black on white", "white on black"]
)
def test_text_on_a_plain_slide_shows_something(tmp_path: Path, background: int, text: int) -> None:
    title = slide(background, text)
    path = film_of(tmp_path, (0, title), (11, checkers(4)))

    assert is_shown(poster_of(path, tmp_path), title)


def test_where_the_first_tenth_shows_nothing_the_sharpest_later_picture_wins(
    tmp_path: Path,
) -> None:
    path = film_of(tmp_path, (11, checkers(45)), (50, checkers(4)), (75, checkers(45)))

    assert is_shown(poster_of(path, tmp_path), checkers(4))


def test_black_video_still_gets_a_picture(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    path = make_clip(frames=25, silent_until=25, audio=None)

    assert make_thumbnails(path, "mp4", [("small", 80)], 82, tmp_path, ["jpg"])[0].size_bytes > 0


def test_sound_alone_is_no_video(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(NoVideo):
        make_thumbnails(make_clip(video=None), "mp4", [("small", 80)], 82, tmp_path, ["jpg"])


def test_sharp_beats_blurred_beats_plain() -> None:
    sharp = Image.new("L", (160, 90), 128)
    for x in range(0, 160, 8):
        ImageDraw.Draw(sharp).rectangle((x, 0, x + 3, 90), 240)
    blurred = sharp.filter(ImageFilter.GaussianBlur(1))

    assert score(sharp) > score(blurred) > score(Image.new("L", (160, 90), 128))


@pytest.mark.parametrize(("luma", "other"), [(0, 12), (250, 255), (128, 130)])
def test_dark_bright_and_plain_pictures_are_not_good(luma: int, other: int) -> None:
    image = Image.new("L", (160, 90), luma)
    image.paste(other, (0, 0, 80, 90))

    assert not score(image).is_good


def test_fade_is_no_picture(tmp_path: Path) -> None:
    """A fade is not chosen, however sharp the picture after it."""
    soft = checkers(45).filter(ImageFilter.GaussianBlur(3))
    sharp = checkers(4)
    frames = [
        (40 * number, Image.blend(soft, sharp, max(0, number - 125) / 125)) for number in range(225)
    ]
    path = write_frames(tmp_path / "clip.mp4", frames, keyframe_every=25)

    [picture] = make_thumbnails(path, "mp4", [("small", 160)], 90, tmp_path, ["jpg"])

    with Image.open(picture.file) as image:
        assert ImageStat.Stat(ImageChops.difference(image.convert("RGB"), soft)).mean[0] < 8


def checkers(side: int) -> Image.Image:
    image = Image.new("RGB", (160, 90), (60, 60, 60))
    for x in range(0, 160, side):
        for y in range(x // side % 2 * side, 90, 2 * side):
            image.paste((200, 200, 200), (x, y, x + side, y + side))
    return image


def moved(image: Image.Image, by_px: int) -> Image.Image:
    return ImageChops.offset(image, by_px, 0)


@pytest.mark.parametrize(
    ("first", "middle", "last", "expected"),
    [
        pytest.param(checkers(9), None, Image.new("RGB", (160, 90)), True, id="to black"),
        pytest.param(Image.new("RGB", (160, 90), (255,) * 3), None, checkers(9), True, id="in"),
        pytest.param(checkers(9), None, checkers(45), True, id="dissolve"),
        pytest.param(checkers(9), checkers(9), checkers(9), False, id="nothing moves"),
        pytest.param(checkers(9), checkers(9), checkers(45), False, id="cut later"),
        pytest.param(checkers(9), checkers(45), checkers(45), False, id="cut at once"),
        pytest.param(
            checkers(45), moved(checkers(45), 6), moved(checkers(45), 12), False, id="camera moves"
        ),
    ],
)
def test_blend_of_its_neighbours_is_a_fade(first, middle, last, expected) -> None:
    middle = middle or Image.blend(first, last, 0.5)

    assert is_fade(*(image.convert("L") for image in (first, middle, last))) is expected


@pytest.mark.parametrize("keyframe_every", [1, 100])
@pytest.mark.parametrize(
    ("at_s", "level"),
    [(0, 30), (0.999, 30), (1, 80), (1.4, 80), (1.5, 130), (3.999, 130), (4, 180), (1000, 180)],
)
def test_chosen_frame_is_the_one_on_the_screen_then(
    tmp_path: Path, at_s: float, level: int, keyframe_every: int
) -> None:
    frames = [(0, plain(30)), (1_000, plain(80)), (1_500, plain(130)), (4_000, plain(180))]
    path = write_frames(tmp_path / "clip.mp4", frames, keyframe_every=keyframe_every)

    [picture] = make_thumbnails(path, "mp4", [("small", 80)], 90, tmp_path, ["jpg"], at_s)

    with Image.open(picture.file) as image:
        assert level_at(image, (40, 22)) == pytest.approx(level, abs=4)


def _strongest(image: Image.Image, at: tuple[int, int]) -> str:
    pixel: Any = image.convert("RGB").getpixel(at)
    red, _, blue = pixel
    assert max(red, blue) > 60, "neither red nor blue"
    return "red" if red > blue else "blue"
