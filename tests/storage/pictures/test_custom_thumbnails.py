import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from storage.errors import BadPicture, FileMissing, HugePicture, UnsupportedPicture
from storage.media.facts import Picture
from storage.pictures.custom_thumbnails import make_custom_thumbnails

MAX_PIXELS = 50_000_000
RED, BLUE = (220, 20, 20), (20, 20, 220)


def halves(size: tuple[int, int] = (800, 400)) -> Image.Image:
    """Left red, right blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def made_of(content: bytes, directory: Path, *, max_pixels: int = MAX_PIXELS) -> list[Picture]:
    (directory / "sent").write_bytes(content)
    sizes = [("small", 80), ("large", 160)]
    return make_custom_thumbnails(
        directory / "sent", max_pixels, sizes, 90, directory, ["jpg", "webp", "avif"]
    )


def shown(picture: Picture) -> Image.Image:
    with Image.open(picture.file) as image:
        return image.convert("RGB")


def is_like(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_picture_comes_in_every_size_and_kind(tmp_path: Path, form: str) -> None:
    made = made_of(encoded(halves(), form), tmp_path)

    assert [(one.name, one.extension) for one in made] == [
        (name, kind) for kind in ("jpg", "webp", "avif") for name in ("small", "large")
    ]
    for one in made:
        image = shown(one)
        assert image.size == (one.width_px, one.height_px)
        assert image.size in ((80, 40), (160, 80))
        assert is_like(image.getpixel((image.width // 4, image.height // 2)), RED)
        assert is_like(image.getpixel((image.width * 3 // 4, image.height // 2)), BLUE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photograph_is_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = halves()
    turned = Image.open(io.BytesIO(encoded(stored, "JPEG", exif=exif, quality=95)))
    expected = ImageOps.exif_transpose(turned).resize((160, 80 if orientation < 5 else 320))

    large = shown(made_of(encoded(stored, "JPEG", exif=exif, quality=95), tmp_path)[1])

    assert large.size == expected.size
    for x in (large.width // 4, large.width * 3 // 4):
        for y in (large.height // 4, large.height * 3 // 4):
            assert is_like(large.getpixel((x, y)), expected.getpixel((x, y)))


@pytest.mark.parametrize(
    ("image", "form", "left"),
    [
        pytest.param(Image.new("RGBA", (80, 80), (0, 0, 0, 0)), "PNG", (255,) * 3, id="clear"),
        pytest.param(Image.new("LA", (80, 80), (0, 0)), "PNG", (255,) * 3, id="clear grey"),
        pytest.param(Image.new("L", (80, 80), 90), "PNG", (90,) * 3, id="grey"),
        pytest.param(Image.new("I;16", (80, 80), 90 * 256), "PNG", (90,) * 3, id="deep grey"),
        pytest.param(Image.new("1", (80, 80), 1), "PNG", (255,) * 3, id="bits"),
        pytest.param(halves((80, 80)).quantize(8), "PNG", RED, id="palette"),
        pytest.param(
            Image.new("CMYK", (80, 80), (0, 255, 255, 0)), "JPEG", (255, 0, 0), id="print"
        ),
        pytest.param(Image.new("RGBA", (80, 80), (*BLUE, 255)), "WEBP", BLUE, id="opaque"),
    ],
)
def test_any_colours_come_out_as_on_a_page(
    tmp_path: Path, image: Image.Image, form: str, left: tuple[int, int, int]
) -> None:
    small = shown(made_of(encoded(image, form), tmp_path)[0])

    assert is_like(small.getpixel((10, 40)), left)


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (80, 80), colour) for colour in (RED, BLUE)]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])

    assert is_like(shown(made_of(content, tmp_path)[0]).getpixel((40, 40)), RED)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"GIF89a" + bytes(100), id="GIF"),
        pytest.param(encoded(halves((8, 8)), "BMP"), id="BMP"),
        pytest.param(encoded(halves((8, 8)), "TIFF"), id="TIFF"),
        pytest.param(encoded(halves((8, 8)), "PPM"), id="PPM"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="EPS"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="SVG"),
        pytest.param(bytes(1000), id="zeros"),
        pytest.param(b"x", id="one byte"),
    ],
)
def test_other_formats_are_not_even_tried(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnsupportedPicture):
        made_of(content, tmp_path)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_picture_cut_anywhere_is_refused(tmp_path: Path, form: str) -> None:
    content = encoded(halves((64, 64)), form)

    for length in range(0, len(content) - 20, 7):
        with pytest.raises((BadPicture, UnsupportedPicture)):
            made_of(content[:length], tmp_path)


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_072, 13_000, 100_000, 2**31 - 1])
def test_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageOps, "exif_transpose", None)  # would unpack it

    with pytest.raises(HugePicture):
        made_of(png(side, side, chunk(b"IDAT", zlib.compress(bytes(1 << 20)))), tmp_path)


def test_text_that_unpacks_to_megabytes_is_refused(tmp_path: Path) -> None:
    text = b"Comment\0\0" + zlib.compress(bytes(64 << 20))

    with pytest.raises(BadPicture):
        made_of(png(8, 8, chunk(b"zTXt", text), chunk(b"IDAT", b"")), tmp_path)


def test_missing_file_is_reported_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        make_custom_thumbnails(tmp_path / "none", 1, [("small", 80)], 90, tmp_path, ["jpg"])


def test_memory_that_is_not_there_makes_it_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(_: Image.Image) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(ImageOps, "exif_transpose", exhausted)

    with pytest.raises(HugePicture):
        made_of(encoded(halves(), "PNG"), tmp_path)
