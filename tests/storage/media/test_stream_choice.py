"""The film among the streams of a file."""

import subprocess
from pathlib import Path

import av
import pytest

from storage.errors import NoVideo
from storage.media.stream_choice import choose_picture, choose_sounds

_SIZE = {
    "film": "320x240:d=2",
    "preview": "160x120:d=2",
    "other": "320x180:d=2",
    "short": "320x240:d=0.4",
}


def _write(path: Path, pictures: list[str], sounds: int, *options: str) -> Path:
    inputs = [f"testsrc2=r=10:s={_SIZE[name]}" for name in pictures]
    inputs += ["sine=440:d=1"] * sounds
    args = [word for one in inputs for word in ("-f", "lavfi", "-i", one)]
    maps = [word for number in range(len(inputs)) for word in ("-map", str(number))]
    coding = ("-c:v", "mpeg4", "-c:a", "aac", *options, str(path))
    subprocess.run(["ffmpeg", "-v", "error", "-y", *args, *maps, *coding], check=True)
    return path


@pytest.mark.parametrize(
    ("pictures", "defaults", "chosen"),
    [
        pytest.param(["film"], [True], 0, id="one"),
        pytest.param(["film", "other"], [True, True], 0, id="first-of-two"),
        pytest.param(["preview", "film"], [True, True], 1, id="film-behind-its-preview"),
        pytest.param(["film", "preview"], [True, True], 0, id="film-before-its-preview"),
        pytest.param(["short", "film"], [True, True], 1, id="film-behind-a-short-one"),
        pytest.param(["film", "other"], [False, True], 1, id="default"),
        pytest.param(["film", "other"], [False, False], 0, id="no-default"),
        pytest.param(["film", "preview"], [False, True], 1, id="default-preview"),
    ],
)
@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_picture(
    tmp_path: Path, pictures: list[str], defaults: list[bool], chosen: int, extension: str
) -> None:
    options = [
        word
        for number, is_default in enumerate(defaults)
        for word in (f"-disposition:v:{number}", "default" if is_default else "0")
    ]
    path = _write(tmp_path / f"film.{extension}", pictures, 0, *options)

    with av.open(str(path)) as media:
        assert choose_picture(media).index == chosen


def test_cover_is_no_film(tmp_path: Path) -> None:
    cover = ["-disposition:v:0", "attached_pic", "-frames:v", "1", "-c:v", "mjpeg"]
    path = _write(tmp_path / "song.mp4", ["film"], 1, *cover)

    with av.open(str(path)) as media, pytest.raises(NoVideo):
        choose_picture(media)


def test_sound_that_is_heard_comes_first_and_unknown_ones_not_at_all(tmp_path: Path) -> None:
    options = ["-disposition:a:0", "0", "-disposition:a:1", "0", "-disposition:a:2", "default"]
    path = _write(tmp_path / "film.mp4", ["film"], 3, *options)
    content = bytearray(path.read_bytes())
    at = content.find(b"mp4a", content.find(b"mp4a", content.find(b"moov")) + 4)
    content[at : at + 4] = b"apac"
    esds = content.find(b"esds", at)
    content[esds : esds + 4] = b"dapa"
    path.write_bytes(content)

    with av.open(str(path)) as media:
        chosen = [stream.index for stream in choose_sounds(media)]

    assert chosen == [3, 1]
